package sipua

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// secureDefaultPort: RFC 3261 19.1.2.
const secureDefaultPort = 5061

var (
	errNoCertificate = errors.New("TLS needs a certificate")
	errNoAuthority   = errors.New("no certificate in it")
)

// defaultPortOf a transport as URIs name it.
func defaultPortOf(network string) int {
	if strings.EqualFold(network, overTLS) {
		return secureDefaultPort
	}
	return defaultPort
}

// trust is who the other end of a TLS stream of ours must be.
type trust struct {
	name string // host name or address that its certificate must be for (RFC 5922 7.1)
	ca   string // file of the authorities that may have signed it; empty: the system's
}

// trust of a gateway: the name that was configured, whatever its address was found by.
func (g Gateway) trust() trust {
	if !strings.EqualFold(g.Transport, overTLS) {
		return trust{}
	}
	return trust{name: hostOf(g.Host), ca: g.CA}
}

// serverTLS shakes hands with who has come.
func serverTLS(ctx context.Context, conn net.Conn, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (net.Conn, error) {
	return handshake(ctx, tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate}))
}

// clientTLS shakes hands with whom we have called. The authorities are read each time: the file may be a newer one by now.
func clientTLS(ctx context.Context, conn net.Conn, who trust) (net.Conn, error) {
	roots, err := authorities(who.ca)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	name := cmp.Or(who.name, addrPort(conn.RemoteAddr()).Addr().String())
	return handshake(ctx, tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, RootCAs: roots}))
}

func handshake(ctx context.Context, conn *tls.Conn) (net.Conn, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return conn, nil
}

// authorities in a file; nil: the system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("ca %s: %w", file, errNoAuthority)
	}
	return pool, nil
}
