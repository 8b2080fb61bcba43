package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	selfMadeFor = 397 * 24 * time.Hour // longer ones are refused by some phones
	renewBefore = 30 * 24 * time.Hour
)

// SelfMade gives the certificate kept in a folder, as cert.pem and key.pem. It is made when there is none, when it ends
// soon, or when it is not for all these hosts.
func SelfMade(folder string, hosts []string, log *slog.Logger) (*Pair, error) {
	cert, key := filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	if !serves(cert, key, hosts) {
		if err := create(cert, key, hosts); err != nil {
			return nil, err
		}
	}
	return Open(cert, key, log)
}

func serves(cert, key string, hosts []string) bool {
	c, err := tls.LoadX509KeyPair(cert, key)
	if err != nil || time.Until(c.Leaf.NotAfter) < renewBefore {
		return false
	}
	for _, h := range hosts {
		if c.Leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

func create(cert, key string, hosts []string) error {
	if err := os.MkdirAll(filepath.Dir(cert), 0o700); err != nil {
		return err
	}
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	raw, err := sign(secret, hosts)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0o644) //nolint:gosec // it is public
}

// sign makes a certificate that can be trusted as it is, and cannot sign others.
func sign(secret *ecdsa.PrivateKey, hosts []string) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "offhook, self-made"}, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfMadeFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	return x509.CreateCertificate(rand.Reader, c, c, &secret.PublicKey, secret)
}
