// Package srtp encrypts and decrypts the RTP and RTCP of a telephone call (RFC 3711, RFC 7714). It knows no sockets and
// no SDP; where keys come from is its callers' matter.
package srtp

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	// Overhead is the most that encryption adds to a packet: a tag, and the index of RTCP.
	Overhead = 16 + 4
	// window is how many packets back a late one may be, and is known when it comes again (RFC 3711 section 3.3.2).
	window = 128
	// maxStreams bounds what the party's streams keep here: each SSRC has a state of its own, for as long as the key lasts. Some
	// switches begin a stream whenever they put somebody else on the line.
	maxStreams = 1024
	minRTP     = 12
	minRTCP    = 8
)

// Errors of Open.
var (
	errShort   = errors.New("srtp: too short")
	errStreams = errors.New("srtp: too many streams")
)

// Suite is an encryption and its authentication.
type Suite struct {
	Name      string // as in a=crypto (RFC 4568, RFC 7714)
	Key, Salt int    // bytes
	Profile   srtp.ProtectionProfile
}

// Suites are ours, the best first.
var Suites = []*Suite{
	{"AEAD_AES_256_GCM", 32, 12, srtp.ProtectionProfileAeadAes256Gcm},
	{"AEAD_AES_128_GCM", 16, 12, srtp.ProtectionProfileAeadAes128Gcm},
	{"AES_CM_128_HMAC_SHA1_80", 16, 14, srtp.ProtectionProfileAes128CmHmacSha1_80},
	{"AES_CM_128_HMAC_SHA1_32", 16, 14, srtp.ProtectionProfileAes128CmHmacSha1_32},
}

// Find gives the suite of a profile; nil if it is none of ours.
func Find(p srtp.ProtectionProfile) *Suite {
	for _, s := range Suites {
		if s.Profile == p {
			return s
		}
	}
	return nil
}

// Size of a master key with its salt.
func (s *Suite) Size() int { return s.Key + s.Salt }

// Key is what one side encrypts with. The zero Key is none.
type Key struct {
	Suite  *Suite
	Master []byte // key, then salt
	MKI    []byte // the name of the key that every packet carries; usually none
}

// Equal says that what is encrypted with one can be read with the other.
func (k Key) Equal(o Key) bool {
	return k.Suite == o.Suite && bytes.Equal(k.Master, o.Master) && bytes.Equal(k.MKI, o.MKI)
}

func (k Key) context(options ...srtp.ContextOption) (*srtp.Context, error) {
	if k.Suite == nil || len(k.Master) != k.Suite.Size() {
		return nil, errShort
	}
	if len(k.MKI) > 0 {
		options = append(options, srtp.MasterKeyIndicator(k.MKI))
	}
	return srtp.CreateContext(k.Master[:k.Suite.Key], k.Master[k.Suite.Key:], k.Suite.Profile, options...)
}

// Sealer encrypts what goes out. Like an Opener, it is for one goroutine at a time.
type Sealer struct {
	key    Key
	ctx    *srtp.Context
	header rtp.Header
}

// Sealer makes one. Two with the same key must never be used: they would repeat what must be used once.
func (k Key) Sealer() (*Sealer, error) {
	ctx, err := k.context()
	if err != nil {
		return nil, err
	}
	return &Sealer{key: k, ctx: ctx}, nil
}

// Key that it encrypts with.
func (s *Sealer) Key() Key { return s.key }

// RTP encrypts a packet where it is; b must have Overhead bytes of room behind it.
func (s *Sealer) RTP(b []byte) ([]byte, error) { return s.ctx.EncryptRTP(b, b, &s.header) }

// RTCP encrypts a compound packet.
func (s *Sealer) RTCP(b []byte) ([]byte, error) { return s.ctx.EncryptRTCP(nil, b, nil) }

// Opener decrypts what comes in.
type Opener struct {
	key     Key
	ctx     *srtp.Context
	header  rtp.Header
	streams int
}

// Opener makes one, which takes each packet once.
func (k Key) Opener() (*Opener, error) {
	ctx, err := k.context(srtp.SRTPReplayProtection(window), srtp.SRTCPReplayProtection(window))
	if err != nil {
		return nil, err
	}
	return &Opener{key: k, ctx: ctx}, nil
}

// Key that it decrypts with.
func (o *Opener) Key() Key { return o.key }

// RTP decrypts a packet where it is. An error: it is not the party's, or came before; b may have changed then.
func (o *Opener) RTP(b []byte) ([]byte, error) {
	if len(b) < minRTP {
		return nil, errShort
	}
	_, known := o.ctx.ROC(binary.BigEndian.Uint32(b[8:]))
	if !known && o.streams == maxStreams {
		return nil, errStreams
	}
	out, err := o.ctx.DecryptRTP(b, b, &o.header)
	if err == nil && !known {
		o.streams++
	}
	return out, err
}

// RTCP decrypts a compound packet.
func (o *Opener) RTCP(b []byte) ([]byte, error) {
	if len(b) < minRTCP {
		return nil, errShort
	}
	_, known := o.ctx.Index(binary.BigEndian.Uint32(b[4:]))
	if !known && o.streams == maxStreams {
		return nil, errStreams
	}
	out, err := o.ctx.DecryptRTCP(nil, b, nil)
	if err == nil && !known {
		o.streams++
	}
	return out, err
}
