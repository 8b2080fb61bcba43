package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var hosts = []string{"localhost", "127.0.0.1", "::1"}

func made(t *testing.T, folder string, names ...string) *Pair {
	t.Helper()
	p, err := SelfMade(folder, names, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func leaf(t *testing.T, p *Pair) *x509.Certificate {
	t.Helper()
	c, err := p.Get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func TestTheSelfMadeCertificateIsKeptWhileItServes(t *testing.T) {
	dir := t.TempDir()
	first := leaf(t, made(t, dir, hosts...))
	if !first.Equal(leaf(t, made(t, dir, hosts...))) {
		t.Error("made anew without need")
	}
	if first.Equal(leaf(t, made(t, dir, append(hosts, "pbx.example")...))) {
		t.Error("a further host has not led to another")
	}
	info, err := os.Stat(filepath.Join(dir, "key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info.Mode(), err)
	}
}

func TestTheSelfMadeCertificateCanBeTrustedAsItIs(t *testing.T) {
	c := leaf(t, made(t, t.TempDir(), hosts...))
	roots := x509.NewCertPool()
	roots.AddCert(c)
	for _, h := range hosts {
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: h}); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.example"}); err == nil || c.IsCA {
		t.Error("it is good for others")
	}
}

func TestTheFingerprintIsTheCertificatesOwn(t *testing.T) {
	dir := t.TempDir()
	raw := leaf(t, made(t, dir, hosts...)).Raw
	var want []string
	for _, b := range sha256.Sum256(raw) {
		want = append(want, fmt.Sprintf("%02X", b))
	}
	if got := Fingerprint(filepath.Join(dir, "cert.pem")); got != strings.Join(want, ":") {
		t.Errorf("it is %q", got)
	}
	if got := Fingerprint(filepath.Join(dir, "none.pem")); got != "" {
		t.Errorf("of no file: %q", got)
	}
}

func TestASelfMadeCertificateIsRenewedBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := leaf(t, made(t, dir, hosts...))
		time.Sleep(selfMadeFor - renewBefore + time.Second)
		if first.Equal(leaf(t, made(t, dir, hosts...))) {
			t.Error("not renewed")
		}
	})
}

// replace puts another pair's files in the place of a pair's; a second later they are looked at.
func replace(t *testing.T, to, from string, files ...string) {
	t.Helper()
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(from, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, f), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Duration(len(raw)) * time.Second) // the bubble's clock, which files do not follow
		if err := os.Chtimes(filepath.Join(to, f), later, later); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangedFilesAreUsedOnceTheyFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		dir, next := t.TempDir(), t.TempDir()
		old, other := leaf(t, made(t, dir, hosts...)), leaf(t, made(t, next, hosts...))
		p, err := Open(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		replace(t, dir, next, "cert.pem") // its key is not there yet
		time.Sleep(lookEvery)
		if !leaf(t, p).Equal(old) || !strings.Contains(said.String(), "is not used") {
			t.Errorf("half a change: %s", said.String())
		}
		replace(t, dir, next, "key.pem")
		if !leaf(t, p).Equal(old) {
			t.Error("looked at again too soon")
		}
		time.Sleep(lookEvery)
		if !leaf(t, p).Equal(other) || !strings.Contains(said.String(), "certificate is used") {
			t.Errorf("the change is not used: %s", said.String())
		}
		if err := os.Remove(filepath.Join(dir, "key.pem")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookEvery)
		if !leaf(t, p).Equal(other) {
			t.Error("files that are gone take the certificate along")
		}
	})
}

func TestAnExpiredCertificateIsToldAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		dir := t.TempDir()
		made(t, dir, hosts...)
		open := func() string {
			said.Reset()
			if _, err := Open(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), slog.New(slog.NewTextHandler(&said, nil))); err != nil {
				t.Fatal(err)
			}
			return said.String()
		}
		if got := open(); got != "" {
			t.Errorf("a good one: %s", got)
		}
		time.Sleep(selfMadeFor - time.Hour)
		if got := open(); !strings.Contains(got, "expires soon") {
			t.Errorf("an hour before: %s", got)
		}
		time.Sleep(2 * time.Hour)
		if got := open(); !strings.Contains(got, "has expired") {
			t.Errorf("after: %s", got)
		}
	})
}

func TestFilesThatAreNoPairAreRefused(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	made(t, dir, hosts...)
	made(t, other, hosts...)
	raw, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if b, _ := pem.Decode(raw); err != nil || b == nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]string{{dir + "/cert.pem", other + "/key.pem"}, {dir + "/none.pem", dir + "/key.pem"}} {
		if _, err := Open(bad[0], bad[1], slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), bad[0]) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
