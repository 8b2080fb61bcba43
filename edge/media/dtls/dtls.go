// Package dtls agrees on the keys of SRTP with the other side by a DTLS handshake (RFC 5764). Who the other side is, is said
// by the fingerprint of its certificate, which came another way (RFC 5763). It knows no SDP and opens no socket.
package dtls

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "crypto/sha256" // the hashes of fingerprints
	_ "crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/offhook/offhook/edge/media/sdp"
	"github.com/offhook/offhook/edge/media/srtp"
	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	pionsrtp "github.com/pion/srtp/v3"
)

// label of the keys of SRTP (RFC 5764 section 4.2).
const label = "EXTRACTOR-dtls_srtp"

// resend is when a message that was not answered is sent again the first time; RFC 6347 section 4.2.4.1 says a second,
// RFC 9147 section 5.8.2 a tenth of it where both ends are near and somebody waits.
const resend = 200 * time.Millisecond

// Errors of Handshake.
var (
	// ErrFingerprint: the certificate is not the one whose fingerprint was told.
	ErrFingerprint = errors.New("dtls: the certificate is not the one of the session description")
	// ErrNoSRTP: the other side has no encryption of ours for SRTP.
	ErrNoSRTP = errors.New("dtls: no SRTP encryption in common")
)

// Identity is a certificate of ours. It says nothing: only its fingerprint counts.
type Identity struct {
	cert   tls.Certificate
	digest []byte
}

// NewIdentity makes one with a key of its own, on the curve that every browser has (RFC 8827 section 6.5).
func NewIdentity() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	// Clocks of phones are often wrong and nobody reads these dates.
	about := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "offhook"},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return nil, err
	}
	digest, _ := digestOf("sha-256", der)
	return &Identity{cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, digest: digest}, nil
}

// Fingerprint to tell the other side.
func (i *Identity) Fingerprint() sdp.Fingerprint {
	return sdp.Fingerprint{Hash: "sha-256", Digest: i.digest}
}

// DER is the certificate.
func (i *Identity) DER() []byte { return i.cert.Certificate[0] }

func digestOf(hash string, der []byte) (digest []byte, ok bool) {
	kind, ok := map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}[hash]
	if !ok {
		return nil, false
	}
	h := kind.New()
	h.Write(der)
	return h.Sum(nil), true
}

// profiles of SRTP, the best first.
var profiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AES128_CM_HMAC_SHA1_32,
}

// Keys are what a handshake brought.
type Keys struct{ Ours, Theirs srtp.Key }

// Association is a handshake with one other side.
type Association struct {
	Identity *Identity
	Prints   []sdp.Fingerprint // one of them must be the other side's
	Client   bool              // we begin
}

// Handshake runs it over conn, whose addresses do not matter. The connection goes on, and repeats our last message when the
// other side missed it, until it is closed; nothing else comes over it.
func (a Association) Handshake(ctx context.Context, conn net.PacketConn) (*dtls.Conn, Keys, error) {
	c, err := a.conn(conn)
	if err != nil {
		return nil, Keys{}, err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, Keys{}, fmt.Errorf("dtls: %w", err)
	}
	keys, err := a.keys(c)
	if err != nil {
		_ = c.Close()
		return nil, Keys{}, err
	}
	return c, keys, nil
}

func (a Association) conn(conn net.PacketConn) (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(a.Identity.cert), dtls.WithSRTPProtectionProfiles(profiles...), dtls.WithVerifyPeerCertificate(a.verify),
		dtls.WithLoggerFactory(silent{}), dtls.WithFlightInterval(resend),
		// No name and no authority vouches for the certificate: its fingerprint does.
		dtls.WithInsecureSkipVerify(true),
	}
	if a.Client {
		var options []dtls.ClientOption
		for _, o := range shared {
			options = append(options, o)
		}
		return dtls.ClientWithOptions(conn, conn.LocalAddr(), options...)
	}
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range shared {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(conn, conn.LocalAddr(), options...)
}

// verify holds the certificate against the fingerprints (RFC 8122 section 6.2).
func (a Association) verify(certs [][]byte, _ [][]*x509.Certificate) error {
	if len(certs) == 0 {
		return ErrFingerprint
	}
	for _, want := range a.Prints {
		digest, ok := digestOf(want.Hash, certs[0])
		if ok && want.Equal(sdp.Fingerprint{Hash: want.Hash, Digest: digest}) {
			return nil
		}
	}
	return ErrFingerprint
}

// keys are exported: the client's, the server's, then their salts (RFC 5764 section 4.2).
func (a Association) keys(c *dtls.Conn) (Keys, error) {
	profile, ok := c.SelectedSRTPProtectionProfile()
	suite := srtp.Find(pionsrtp.ProtectionProfile(profile)) // the same registry
	state, up := c.ConnectionState()
	if !ok || !up || suite == nil {
		return Keys{}, ErrNoSRTP
	}
	b, err := state.ExportKeyingMaterial(label, nil, 2*suite.Size())
	if err != nil {
		return Keys{}, fmt.Errorf("dtls: %w", err)
	}
	salts := b[2*suite.Key:]
	client := srtp.Key{Suite: suite, Master: append(append([]byte{}, b[:suite.Key]...), salts[:suite.Salt]...)}
	server := srtp.Key{Suite: suite, Master: append(append([]byte{}, b[suite.Key:2*suite.Key]...), salts[suite.Salt:]...)}
	if a.Client {
		return Keys{Ours: client, Theirs: server}, nil
	}
	return Keys{Ours: server, Theirs: client}, nil
}

// Is says whether a packet may be DTLS (RFC 7983).
func Is(b []byte) bool { return len(b) > 13 && b[0] >= 20 && b[0] < 64 }

// Begins says whether a packet may be the first of a handshake: an unencrypted handshake record.
func Begins(b []byte) bool { return Is(b) && b[0] == 22 && b[3] == 0 && b[4] == 0 }

// silent is no log: what a stranger sends must not fill one.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger { return silent{} }

func (silent) Trace(string)          {}
func (silent) Tracef(string, ...any) {}
func (silent) Debug(string)          {}
func (silent) Debugf(string, ...any) {}
func (silent) Info(string)           {}
func (silent) Infof(string, ...any)  {}
func (silent) Warn(string)           {}
func (silent) Warnf(string, ...any)  {}
func (silent) Error(string)          {}
func (silent) Errorf(string, ...any) {}
