package dev

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/check"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheDemoIsGoodAndHasAKeyOfItsOwn(t *testing.T) {
	data := filepath.Join(t.TempDir(), "new", ".offhook")
	path := filepath.Join(data, "offhook.yaml")
	if err := writeDemo(data, path); err != nil {
		t.Fatal(err)
	}
	settings, err := run.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := settings.Config()
	demo := c.Tenants["demo"]
	for _, user := range []string{"101", "105", "106"} {
		if got := demo.Users[user].Password.Value; got != "demo-"+user {
			t.Errorf("password of %s: %q", user, got)
		}
	}
	if demo.Numbers["100"].Answer == nil || demo.Answer == nil || len(demo.Fallback) == 0 || demo.Trunks["local"].Allow == nil {
		t.Errorf("%+v", demo)
	}
	if key := c.Keys[0].Key.Value; len(key) != 36 || !strings.HasPrefix(key, "dev_") {
		t.Errorf("key %q", key)
	}
	if _, faults := check.Document([]byte(read(t, filepath.Join(data, "demo.json"))), nil); len(faults) > 0 {
		t.Errorf("demo.json: %+v", faults)
	}
	for path, want := range map[string]os.FileMode{path: 0o600, filepath.Join(data, "demo.json"): 0o600, data: 0o700, filepath.Dir(data): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestWhatIsThereStays(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, "offhook.yaml")
	write(t, path, "mine")
	write(t, filepath.Join(data, "demo.json"), "[]")
	if err := writeDemo(data, path); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path) + read(t, filepath.Join(data, "demo.json")); got != "mine[]" {
		t.Errorf("%q", got)
	}
	if err := writeDemo(data, filepath.Join(path, "below-a-file.yaml")); err == nil {
		t.Error("a folder that cannot be made is no error")
	}
}

// demoIn makes a dev with the demo's files, not running.
func demoIn(t *testing.T, o Options, out *bytes.Buffer) *dev {
	t.Helper()
	o.Data = ".offhook"
	t.Chdir(t.TempDir())
	o.Config = filepath.Join(o.Data, "offhook.yaml")
	if err := writeDemo(o.Data, o.Config); err != nil {
		t.Fatal(err)
	}
	settings, err := run.Load(o.Config, o.adjust)
	if err != nil {
		t.Fatal(err)
	}
	return &dev{Options: o, settings: settings, out: out, log: logger(out, o)}
}

func TestAnswerTakesCallsThatNothingElseClaims(t *testing.T) {
	for _, to := range []string{"http://127.0.0.1:3000/call", "https://acme.test/", "fn:router"} {
		d := demoIn(t, Options{Answer: to}, &bytes.Buffer{})
		demo := d.settings.Config().Tenants["demo"]
		if demo.Answer.URL != to || demo.Numbers["100"].Answer == nil {
			t.Errorf("%s: %+v", to, demo.Answer)
		}
	}
	path, other := filepath.Join(t.TempDir(), "answer.json"), filepath.Join(t.TempDir(), "answer")
	for _, text := range []string{`[{"verb": "hangup"}]`, `{"verbs": [{"verb": "hangup"}]}`} { // what `offhook check` takes
		write(t, path, text)
		if d := demoIn(t, Options{Answer: path}, &bytes.Buffer{}); d.settings.Config().Tenants["demo"].Answer.URL != path {
			t.Errorf("%s is not the answer", text)
		}
		write(t, other, text)
		if d := demoIn(t, Options{Answer: other}, &bytes.Buffer{}); len(d.settings.Config().Tenants["demo"].Answer.Document) != 1 {
			t.Errorf("%s is not the answer", text)
		}
	}
}

func TestAFaultyAnswerIsExplained(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	write(t, bad, "[\n{\"verb\": \"hangpu\"}]")
	withVars := filepath.Join(t.TempDir(), "answer")
	write(t, withVars, `{"verbs": [], "vars": {"x": 1}}`)
	for answer, want := range map[string]string{
		withVars:        "does not end in .json",
		bad:             bad + ":2: unknown_verb at /0/verb",
		"/none.json":    "neither a URL (http://...) nor a file",
		"http:///path":  "neither a URL",
		"ftp://h/x":     "neither a URL",
		"127.0.0.1:300": "neither a URL",
	} {
		if _, err := (Options{Answer: answer}).answer(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestAFolderInUseIsNamed(t *testing.T) {
	folder := t.TempDir()
	other, err := embedded.Open(embedded.Config{Dir: filepath.Join(folder, "kafka"), Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	err = Run(t.Context(), Options{Data: folder, Edge: run.EdgeOptions{Kafka: "127.0.0.1:0"}}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "--data "+folder+" is in use") {
		t.Error(err)
	}
}

const banner = `offhook 1.2.3 is running

  SIP        127.0.0.1:5070 (UDP and TCP), RTP 127.0.0.1:20000-29999
  phones     101 (demo-101), 105 (demo-105), 106 (demo-106)
  dial       100; from a second terminal: offhook call 100 --digits 1 --server 127.0.0.1:5070
  your code  offhook dev --answer http://127.0.0.1:3000/call, then dial any other number
  browsers   ws://127.0.0.1:8080/sip: SIP over WebSocket, for pages of this host; others by --ws-origins
  page       http://127.0.0.1:8080/   REST: /v1/calls, /v1/events; no key needed from this machine, api_keys elsewhere
  event log  Kafka at 127.0.0.1:9092, topics offhook.calls, offhook.state
  mails      .offhook/mail/*.eml
  settings   .offhook/offhook.yaml (read again when it changes)

`

var edge = run.EdgeOptions{SIP: "127.0.0.1:5070", RTP: "127.0.0.1:20000-29999", HTTP: "127.0.0.1:8080", Kafka: "127.0.0.1:9092"}

func TestTheBannerSaysWhatRunsAndWhatToDoNext(t *testing.T) {
	program := os.Args[0]
	os.Args[0] = "offhook"
	defer func() { os.Args[0] = program }()
	var out bytes.Buffer
	demoIn(t, Options{Version: "1.2.3", Edge: edge}, &out).banner()
	if out.String() != banner {
		t.Errorf("got\n%swant\n%s", out.String(), banner)
	}
	out.Reset()
	secure := edge
	secure.Secure = run.Secure{WSS: "127.0.0.1:5443", Cert: filepath.Join("..", "..", "edge", "none.pem"), Origins: []string{"shop.example"}}
	demoIn(t, Options{Version: "1.2.3", Edge: secure}, &out).banner()
	for _, want := range []string{"127.0.0.1:5443 wss\n", "certificate ../../edge/none.pem\n", "SHA-256 ", "pages of this host and of shop.example\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
	out.Reset()
	demoIn(t, Options{Version: "1.2.3", Edge: edge, Answer: "http://127.0.0.1:3000/x"}, &out).banner()
	if !strings.Contains(out.String(), "calls that nothing else claims ask http://127.0.0.1:3000/x") {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	demoIn(t, Options{Version: "1.2.3", Edge: edge, JSON: true}, &out).banner()
	if !strings.HasPrefix(out.String(), "{") || !strings.Contains(out.String(), `"sip":"127.0.0.1:5070"`) {
		t.Errorf("%s", out.String())
	}
}

func TestNoPasswordButTheDemosIsShown(t *testing.T) {
	var out bytes.Buffer
	d := demoIn(t, Options{Edge: edge}, &out)
	yaml := strings.Replace(read(t, d.Config), "password: demo-105", "password: secret-of-juris", 1)
	yaml = strings.Replace(yaml, "email: {from", "email: {smtp: \"smtp://u:secret-of-mail@h.test:25\", from", 1)
	write(t, d.Config, yaml)
	settings, err := run.Load(d.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.settings = settings
	d.banner()
	shown := out.String()
	for _, f := range d.facts() {
		shown += f.Value
	}
	if strings.Contains(shown, "secret-of") || !strings.Contains(shown, "105 (password in the configuration)") {
		t.Errorf("%s", shown)
	}
}

func TestFactsOfATenantAreMarkedAsIts(t *testing.T) {
	d := demoIn(t, Options{Edge: edge}, &bytes.Buffer{})
	for _, f := range d.facts() {
		if mine := f.Name == "Dial" || f.Name == "Users"; mine != (f.Tenant == "demo") {
			t.Errorf("%+v", f)
		}
	}
}

func TestAnEventIsOneReadableLine(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.Local)
	l := console.Line{At: at, Call: "call_01JZABCDEF", Type: "call.held", Text: "by agent"}
	if got := line(l, false); got != "09:30:00.000  ABCDEF  call.held         by agent" {
		t.Errorf("%q", got)
	}
	for kind, code := range map[string]string{"call.held": "32", "call.hangup": "33", "verb.ended": "90", "ask.answered": "90"} {
		l.Type = kind
		if got := line(l, true); !strings.Contains(got, "\x1b["+code+"m") {
			t.Errorf("%s: %q", kind, got)
		}
	}
	l.Bad = true
	if got := line(l, true); !strings.Contains(got, "\x1b[31m") {
		t.Errorf("bad: %q", got)
	}
	if isTerminal(&bytes.Buffer{}) {
		t.Error("a buffer is no terminal")
	}
}

func TestLogLinesStandBesideTheEvents(t *testing.T) {
	var out bytes.Buffer
	log := logger(&out, Options{Level: "info"}).With("tenant", "demo")
	log.Debug("not shown")
	log.Info("ask failed, says its event")
	log.With("call", "call_01JZABCDEF").Warn("leg has no media", "leg", 2, "stack", "a\nb")
	_, text, _ := strings.Cut(out.String(), "  ")
	if text != "ABCDEF  warn              leg has no media leg=2\na\nb\n" {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	logger(&out, Options{Level: "warn", JSON: true}).Warn("x", "call", "c")
	if !strings.HasPrefix(out.String(), `{"time"`) {
		t.Errorf("%q", out.String())
	}
}

// stuck is a terminal that takes nothing until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.free
	return 0, io.ErrClosedPipe
}

func TestAPrinterThatDoesNotKeepUpStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := stuck{make(chan struct{})}
		var logged bytes.Buffer
		d := &dev{out: out, log: slog.New(slog.NewTextHandler(&logged, nil))}
		feed := api.NewFeed(10)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.print(ctx, feed) }()
		flood := func() {
			synctest.Wait()  // until the printer follows, or is stuck
			for range 5000 { // more than a follower's buffer holds
				if err := feed.Take(events.Delivered{Event: events.Event{Type: "offhook.call.ringing", Time: time.Now(), Data: []byte("{}")}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		flood()
		close(out.free)
		flood() // it follows again
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the printer ended with %v", err)
		}
		if !strings.Contains(logged.String(), "faster than they can be printed") {
			t.Errorf("logged %q", logged.String())
		}
	})
}
