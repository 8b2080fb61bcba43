package sdp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// Bounds of what is kept of a section.
const (
	maxKeys  = 16
	maxToken = 256
	maxMKI   = 8
)

// suites are those that are kept, with the size of their keys and salts (RFC 4568 section 6.2, RFC 7714 section 14.2).
var suites = map[string]int{
	"AEAD_AES_256_GCM": 44, "AEAD_AES_128_GCM": 28, "AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30,
}

// Crypto is one a=crypto line (RFC 4568): a suite with a key.
type Crypto struct {
	Tag   int
	Suite string
	Key   []byte // master key, then salt
	MKI   []byte // the name that packets give the key; usually none
}

// Fingerprint is the hash of the certificate that a side will show in DTLS (RFC 8122).
type Fingerprint struct {
	Hash   string // sha-256 ...
	Digest []byte
}

// Setup says who begins DTLS (RFC 4145, RFC 5763 section 5).
type Setup string

// Setups. Holdconn is read as none.
const (
	Actpass Setup = "actpass" // either
	Active  Setup = "active"  // the writer
	Passive Setup = "passive" // the other side
)

// crypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:4 parameters". A line with several keys, or with a parameter
// that changes what is encrypted, or of a suite that is none of ours, is as good as not there.
func crypto(value string) (c Crypto, ok bool) {
	f := strings.Fields(value)
	if len(f) < 3 {
		return c, false
	}
	if c.Tag = number(f[0], 999999999); c.Tag == 0 && strings.Trim(f[0], "0") != "" {
		return c, false
	}
	c.Suite = strings.ToUpper(f[1])
	if !harmless(f[3:]) {
		return c, false
	}
	return c, c.inline(f[2]) && len(c.Key) == suites[c.Suite]
}

// harmless: parameters that begin with a minus may be passed over (RFC 4568 section 6.3.7), and WSH is a hint (6.3.6).
func harmless(parameters []string) bool {
	for _, p := range parameters {
		if p[0] != '-' && !strings.HasPrefix(p, "WSH=") {
			return false
		}
	}
	return true
}

func (c *Crypto) inline(value string) bool {
	value, ok := strings.CutPrefix(value, "inline:")
	if !ok || strings.Contains(value, ";") {
		return false
	}
	parts := strings.Split(value, "|")
	key, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil {
		key, err = base64.RawStdEncoding.DecodeString(parts[0])
	}
	if err != nil || len(key) == 0 {
		return false
	}
	c.Key = key
	for _, p := range parts[1:] {
		if mki, size, is := strings.Cut(p, ":"); is { // what is no MKI is a lifetime, longer than any call
			if c.MKI = name(mki, size); c.MKI == nil {
				return false
			}
		}
	}
	return true
}

// name is an MKI of so many bytes (RFC 4568 section 6.1).
func name(value, size string) []byte {
	n, err := strconv.ParseUint(value, 10, 64)
	length := number(size, maxMKI)
	if err != nil || length == 0 || length < 8 && n>>(8*length) != 0 {
		return nil
	}
	mki := make([]byte, length)
	for i := length - 1; i >= 0; i-- {
		mki[i], n = byte(n), n>>8
	}
	return mki
}

func (c *Crypto) write(b *strings.Builder) {
	write(b, "a=crypto:", strconv.Itoa(c.Tag), " ", c.Suite, " inline:", base64.StdEncoding.EncodeToString(c.Key), "\r\n")
}

// hashes that are still good, with their size; RFC 8122 section 5 forbids the older ones.
var hashes = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// fingerprint reads "sha-256 4A:AD:...".
func fingerprint(value string) (f Fingerprint, ok bool) {
	hash, digits, _ := strings.Cut(strings.TrimSpace(value), " ")
	f.Hash = strings.ToLower(hash)
	size, known := hashes[f.Hash]
	digits = strings.TrimSpace(digits)
	if !known || len(digits) != 3*size-1 {
		return f, false
	}
	digest, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
	if f.Digest = digest; err != nil || len(digest) != size {
		return f, false
	}
	return f, true
}

func (f *Fingerprint) write(b *strings.Builder) {
	write(b, "a=fingerprint:", f.Hash, " ")
	for i, v := range f.Digest {
		if i > 0 {
			write(b, ":")
		}
		write(b, strings.ToUpper(hex.EncodeToString([]byte{v})))
	}
	write(b, "\r\n")
}

// Equal fingerprints are of the same certificate.
func (f Fingerprint) Equal(o Fingerprint) bool {
	return f.Hash == o.Hash && bytes.Equal(f.Digest, o.Digest)
}

func setup(value string) Setup {
	switch s := Setup(strings.ToLower(strings.TrimSpace(value))); s {
	case Actpass, Active, Passive:
		return s
	}
	return ""
}
