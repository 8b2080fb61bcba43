package email

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
)

func TestMain(m *testing.M) {
	if os.Getenv("EMAIL_TEST_CHILD") != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// post is an SMTP server that keeps what it takes.
type post struct {
	addr  string
	mails chan taken
	from  func() error           // may refuse the sender
	rcpt  func(to string) error  // may refuse
	data  func(raw []byte) error // before the mail is taken
	after func(raw []byte)       // after it is taken, before the 250
	tls   *tls.Config

	mu     sync.Mutex
	count  map[string]int // by Message-ID
	logins []string
}

type taken struct {
	to        []string
	raw       []byte
	encrypted bool
}

func openPost(t *testing.T, p *post) *post {
	t.Helper()
	p.mails, p.count = make(chan taken, 100), map[string]int{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{p: p, conn: c}, nil }))
	s.ErrorLog, s.TLSConfig, s.AllowInsecureAuth = nolog{}, p.tls, true
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return p
}

type nolog struct{}

func (nolog) Printf(string, ...any) {}
func (nolog) Println(...any)        {}

type session struct {
	p    *post
	conn *smtp.Conn
	to   []string
}

func (s *session) Reset()        { s.to = nil }
func (s *session) Logout() error { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error {
	if s.p.from == nil {
		return nil
	}
	return s.p.from()
}
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.p.rcpt != nil {
		if err := s.p.rcpt(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.p.data != nil {
		if err := s.p.data(raw); err != nil {
			return err
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	s.p.mu.Lock()
	s.p.count[m.Header.Get("Message-Id")]++
	s.p.mu.Unlock()
	_, encrypted := s.conn.TLSConnectionState()
	s.p.mails <- taken{s.to, raw, encrypted}
	if s.p.after != nil {
		s.p.after(raw)
	}
	return nil
}

func (p *post) next(t *testing.T) taken {
	t.Helper()
	select {
	case m := <-p.mails:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no mail")
		return taken{}
	}
}

func environment(data, smtp string) fn.Env {
	cfg := &config.Config{Email: config.Email{SMTP: smtp, From: "Offhook <pbx@acme.test>"}}
	return fn.Env{Config: func() *config.Config { return cfg }, Data: data, Logger: slog.New(slog.DiscardHandler), Getenv: func(string) string { return "" }}
}

func start(t *testing.T, env fn.Env) *email {
	t.Helper()
	f, err := open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	e := f.Closer.(*email)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func requested(t *testing.T, id string, m event.Email) events.Delivered {
	t.Helper()
	m.CallID, m.Tenant, m.At = "call_1", "demo", time.Unix(1700000000, 0)
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return events.Delivered{Event: events.Event{ID: id, Type: "offhook.email.requested", Data: raw}}
}

func held(t *testing.T, id string) events.Delivered {
	return requested(t, id, event.Email{To: []string{"boss@acme.test"}, Subject: "On hold", Text: "User Ilze put on hold +37120001111."})
}

func handle(t *testing.T, e *email, d events.Delivered) {
	t.Helper()
	if err := e.handle(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// settled waits until nothing is queued any more and gives the states by id.
func settled(t *testing.T, e *email) map[string]string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		rows, err := e.box.db.Query(`SELECT id, state FROM mails`)
		if err != nil {
			t.Fatal(err)
		}
		states, open := map[string]string{}, false
		for rows.Next() {
			var id, state string
			if err := rows.Scan(&id, &state); err != nil {
				t.Fatal(err)
			}
			states[id] = state
			open = open || state == stateQueued || state == stateCommitting
		}
		rows.Close()
		if !open {
			return states
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled: %v", states)
		}
	}
}

func TestMailIsDelivered(t *testing.T) {
	p := openPost(t, &post{})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	handle(t, e, held(t, "call_1-7"))
	got := p.next(t)
	m, err := mail.ReadMessage(bytes.NewReader(got.raw))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(m.Body)
	if len(got.to) != 1 || got.to[0] != "boss@acme.test" || m.Header.Get("Subject") != "On hold" || m.Header.Get("Message-Id") != "<call_1-7@acme.test>" ||
		!strings.Contains(m.Header.Get("From"), "<pbx@acme.test>") || strings.TrimSpace(string(body)) != "User Ilze put on hold +37120001111." {
		t.Fatalf("%s", got.raw)
	}
	if s := settled(t, e); s["call_1-7"] != stateSent {
		t.Fatal(s)
	}
}

func TestSameEventIsOneMailAlsoAfterARestart(t *testing.T) {
	p := openPost(t, &post{})
	data := t.TempDir()
	env := environment(data, "smtp://"+p.addr)
	f, err := open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	e := f.Closer.(*email)
	handle(t, e, held(t, "e-1"))
	handle(t, e, held(t, "e-1"))
	settled(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = start(t, env)
	handle(t, e, held(t, "e-1"))
	handle(t, e, held(t, "e-2"))
	settled(t, e)
	p.next(t)
	p.next(t)
	if p.count["<e-1@acme.test>"] != 1 || p.count["<e-2@acme.test>"] != 1 {
		t.Fatal(p.count)
	}
}

func TestServerThatIsAwayIsTriedAgain(t *testing.T) {
	fails := 3
	p := openPost(t, &post{data: func([]byte) error {
		if fails--; fails >= 0 {
			return &smtp.SMTPError{Code: 451, Message: "later"}
		}
		return nil
	}})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	e.sender.pause = func(int) time.Duration { return 0 }
	handle(t, e, held(t, "e-1"))
	p.next(t)
	if s := settled(t, e); s["e-1"] != stateSent || p.count["<e-1@acme.test>"] != 1 {
		t.Fatal(s, p.count)
	}
}

func TestOnlyWhoWasDeferredGetsItLater(t *testing.T) {
	deferred := true
	p := openPost(t, &post{rcpt: func(to string) error {
		switch {
		case to == "gone@acme.test":
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case to == "grey@acme.test" && deferred:
			deferred = false
			return &smtp.SMTPError{Code: 450, Message: "greylisted"}
		}
		return nil
	}})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	e.sender.pause = func(int) time.Duration { return 0 }
	handle(t, e, requested(t, "e-1", event.Email{To: []string{"boss@acme.test", "grey@acme.test", "gone@acme.test", "not an address"}, Text: "x"}))
	first, second := p.next(t), p.next(t)
	if strings.Join(first.to, " ") != "boss@acme.test" || strings.Join(second.to, " ") != "grey@acme.test" {
		t.Fatalf("%v %v", first.to, second.to)
	}
	if s := settled(t, e); s["e-1"] != stateSent {
		t.Fatal(s)
	}
}

func TestRefusedMailIsGivenUp(t *testing.T) {
	p := openPost(t, &post{data: func([]byte) error { return &smtp.SMTPError{Code: 554, Message: "spam"} }})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	handle(t, e, held(t, "refused"))
	handle(t, e, requested(t, "nobody", event.Email{To: []string{"x\r\nBcc: y@z.test"}, Text: "x"}))
	if s := settled(t, e); s["refused"] != stateFailed || s["nobody"] != stateFailed {
		t.Fatal(s)
	}
}

func TestNothingFromACallMakesAnotherHeader(t *testing.T) {
	p := openPost(t, &post{})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	evil := "Anna\r\nBcc: victim@acme.test\r\n\r\nbody\x00\u2028ž"
	handle(t, e, requested(t, "e 1\r\nX: y", event.Email{To: []string{"\"Boss, the\" <boss@acme.test>"}, Subject: evil, Text: ".\r\nRCPT TO:<a@b.test>\r\n.\r\n"}))
	got := p.next(t)
	m, err := mail.ReadMessage(bytes.NewReader(got.raw))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || m.Header.Get("X") != "" || strings.Join(got.to, " ") != "boss@acme.test" {
		t.Fatalf("%s", got.raw)
	}
}

func TestWithoutServerMailsAreFiles(t *testing.T) {
	data := filepath.Join(t.TempDir(), "a folder?#%20")
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	e := start(t, environment(data, ""))
	handle(t, e, requested(t, "call_1-3", event.Email{To: []string{"boss@acme.test"}, Text: "plain", HTML: "<b>rich</b>"}))
	handle(t, e, held(t, "../../etc/x"))
	if s := settled(t, e); s["call_1-3"] != stateSent {
		t.Fatal(s)
	}
	raw, err := os.ReadFile(filepath.Join(data, "mail", "call_1-3.eml"))
	if err != nil || !bytes.Contains(raw, []byte("multipart/alternative")) || !bytes.Contains(raw, []byte("<b>rich</b>")) {
		t.Fatalf("%s %v", raw, err)
	}
	list, err := os.ReadDir(filepath.Join(data, "mail"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(data, "email.db")); err != nil {
		t.Fatal(err)
	}
}

func TestSecondProcessCannotSendTheSameMails(t *testing.T) {
	env := environment(t.TempDir(), "")
	start(t, env)
	if f, err := open(t.Context(), env); err == nil {
		f.Close()
		t.Fatal("two have the outbox")
	}
}

func TestOldMailsAreForgotten(t *testing.T) {
	e := start(t, environment(t.TempDir(), ""))
	handle(t, e, held(t, "e-1"))
	settled(t, e)
	if err := e.box.forget(t.Context(), time.Now().Add(keep+time.Hour)); err != nil {
		t.Fatal(err)
	}
	if s := settled(t, e); len(s) != 0 {
		t.Fatal(s)
	}
}

func TestAddressOfTheServer(t *testing.T) {
	none := func(string) string { return "" }
	for text, want := range map[string]server{
		"smtp://h":                     {host: "h", port: 587},
		"smtps://me:p%40ss@h":          {host: "h", port: 465, wrapped: true, user: "me", password: "p@ss"},
		"smtp://127.0.0.1:25?tls=none": {host: "127.0.0.1", port: 25},
	} {
		s, err := newServer(config.Email{SMTP: text}, none)
		if err != nil || s.host != want.host || s.port != want.port || s.wrapped != want.wrapped || s.user != want.user || s.password != want.password {
			t.Errorf("%s: %+v %v", text, s, err)
		}
	}
	for _, text := range []string{"http://h", "smtp://", "smtp://h?tls=maybe", "::"} {
		if _, err := newServer(config.Email{SMTP: text}, none); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestTheOutboxIsItsOwnersAlone(t *testing.T) {
	data := t.TempDir()
	start(t, environment(data, ""))
	files, err := filepath.Glob(filepath.Join(data, "email.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}
