package email

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// AuthMechanisms and Auth let user "me" with password "hush" in.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.p.mu.Lock()
		defer s.p.mu.Unlock()
		s.p.logins = append(s.p.logins, user+" "+password)
		if password != "hush" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

// selfSigned is a certificate for 127.0.0.1 that nobody trusts.
func selfSigned() *tls.Config {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}
}

func TestEncryptionIsUsedWhereItIsOffered(t *testing.T) {
	p := openPost(t, &post{tls: selfSigned()})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	handle(t, e, held(t, "e-1"))
	if got := p.next(t); !got.encrypted {
		t.Fatal("sent in the clear")
	}
	settled(t, e)
}

func TestPasswordGoesToNoServerThatCannotProveItself(t *testing.T) {
	p := openPost(t, &post{tls: selfSigned()})
	for _, address := range []string{"smtp://me:hush@" + p.addr, "smtp://me:hush@" + p.addr + "?tls=required"} {
		e := start(t, environment(t.TempDir(), address))
		e.sender.stop()
		if _, err := e.box.add(t.Context(), letter{ID: "e-1", To: []string{"boss@acme.test"}}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := e.sender.sendOne(t.Context(), "e-1"); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if len(p.logins) > 0 || len(p.mails) > 0 {
		t.Error(p.logins)
	}
}

func TestLoginOnThisMachine(t *testing.T) {
	p := openPost(t, &post{})
	e := start(t, environment(t.TempDir(), "smtp://me:hush@"+p.addr))
	handle(t, e, held(t, "e-1"))
	p.next(t)
	settled(t, e)
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.Join(p.logins, ",") != "me hush" {
		t.Error(p.logins)
	}
}
