// Package certificate gives TLS listeners their certificate: files that are read again when they change, or a self-made one.
package certificate

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	lookEvery = time.Second        // at the files, and only when somebody shakes hands
	warnUntil = 7 * 24 * time.Hour // before the end
)

// Pair is a certificate with its key, in two PEM files.
type Pair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	seen    [2]stamp
	current *tls.Certificate
}

// stamp tells one state of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

// Open reads the files; what is wrong with them is an error now, and a warning later.
func Open(cert, key string, log *slog.Logger) (*Pair, error) {
	p := &Pair{cert: cert, key: key, log: log}
	p.looked, p.seen = time.Now(), p.stamps()
	if err := p.load(); err != nil {
		return nil, err
	}
	return p, nil
}

// Get is for tls.Config.GetCertificate. Files that changed and are no good, as while they are being replaced, leave the
// certificate that was.
func (p *Pair) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.looked) < lookEvery {
		return p.current, nil
	}
	p.looked = now
	if s := p.stamps(); s != p.seen {
		p.seen = s
		if err := p.load(); err != nil {
			p.log.Warn("the changed certificate is not used", "err", err)
		} else {
			p.log.Info("the changed certificate is used", "file", p.cert, "until", p.current.Leaf.NotAfter)
		}
	}
	return p.current, nil
}

// Fingerprint is SHA-256 of the certificate in a PEM file as phones and browsers show it; "" when there is none to be read.
func Fingerprint(file string) string {
	raw, _ := os.ReadFile(file)
	block, _ := pem.Decode(raw)
	if block == nil {
		return ""
	}
	sum := sha256.Sum256(block.Bytes)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

func (p *Pair) stamps() (s [2]stamp) {
	for i, file := range []string{p.cert, p.key} {
		if info, err := os.Stat(file); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}

func (p *Pair) load() error {
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	p.current = &c
	switch left := time.Until(c.Leaf.NotAfter); {
	case left <= 0:
		p.log.Warn("the certificate has expired", "file", p.cert, "at", c.Leaf.NotAfter)
	case left < warnUntil:
		p.log.Warn("the certificate expires soon", "file", p.cert, "at", c.Leaf.NotAfter)
	}
	return nil
}
