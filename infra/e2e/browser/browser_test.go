//go:build e2e

// Package browser proves that a page is a phone: JsSIP and SIP.js in Chromium register, call and are called. Everything runs
// in a network namespace of its own, because Chromium sends sound over loopback only where there is no other interface.
package browser

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// The libraries under test: each has a page of the same name with the same `phone`.
var libraries = []string{"jssip", "sipjs"}

var other = map[string]string{"jssip": "sipjs", "sipjs": "jssip"}

func TestMain(m *testing.M) {
	code, elsewhere := real.Island(bundle)
	if !elsewhere {
		code = m.Run()
	}
	os.Exit(code)
}

// bundle puts each page's scripts into one file.
func bundle() error {
	if err := snippet(); err != nil {
		return err
	}
	steps := [][]string{{"npm", "run", "--silent", "bundle"}}
	if stale("page/node_modules/.package-lock.json", "page/package-lock.json") {
		steps = append([][]string{{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"}}, steps...)
	}
	for _, words := range steps {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir = "page"
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, out)
		}
	}
	return nil
}

// snippet takes the page out of the README.
func snippet() error {
	raw, err := os.ReadFile("../../../README.md")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(raw), "\n```js\n")
	script, _, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		return errors.New("README.md has no script")
	}
	if err := os.MkdirAll("page/dist/snippet", 0o755); err != nil {
		return err
	}
	return os.WriteFile("page/dist/snippet/readme.js", []byte(script), 0o644)
}

func stale(made, from string) bool {
	a, err := os.Stat(made)
	b, wrong := os.Stat(from)
	return err != nil || wrong != nil || a.ModTime().Before(b.ModTime())
}

const house = `
tenants:
  demo:
    domains: [127.0.0.1]
    users:
      "101": {name: Ilze, password: demo-101}
      "105": {name: Juris, password: demo-105}
      "106": {name: Anna, password: demo-106}
    asks: {allow_private: [127.0.0.0/8]}
    numbers:
      "100": {answer: "%s"}
      "11": {answer: [
        {verb: gather, max_digits: 2, timeout: 20s, prompt: [{verb: play, audio: whistle, loop: -1}]}, {verb: set, vars: {first: "{digits}"}}, {verb: emit, type: pressed},
        {verb: gather, max_digits: 2, timeout: 20s}, {verb: emit, type: digits, data: {got: "{first} {digits}"}}]}
      "13": {answer: [{verb: answer}, {verb: refer, to: "sip:100@127.0.0.1"}]}
      "12": {answer: [{verb: ring, early_media: true}, {verb: play, audio: whistle, loop: -1}]}
`

const whistling = `[{"verb": "answer"}, {"verb": "play", "audio": "whistle", "loop": -1}]`

// rig is an offhook, the browser, and the server of its pages.
type rig struct {
	*real.Offhook
	t       *testing.T
	browser *real.Chromium
	tap     *real.Tap
	ws, wss string // URLs
	pages   string // URL
}

// documented is the port that has HTTP at 8080, as in the README; nobody else is on the island.
const documented = 8079

// open starts all of it, at five ports from one on.
func open(t *testing.T, port int) *rig { return openBuild(t, port, false) }

func openBuild(t *testing.T, port int, opus bool) *rig {
	t.Helper()
	real.Need(t, "chromium", "baresip")
	r := &rig{t: t, tap: real.NewTap(t), pages: servePages(t)}
	ws, wss := fmt.Sprintf("127.0.0.1:%d", port+3), fmt.Sprintf("127.0.0.1:%d", port+4)
	r.ws, r.wss = "ws://"+ws, "wss://"+wss
	r.Offhook = real.StartOffhook(t, real.OffhookOptions{
		Opus:   opus,
		Config: fmt.Sprintf(house, real.StartWebhook(t, whistling).URL), Port: port, Args: []string{"--ws", ws, "--wss", wss, "--ws-origins", strings.TrimPrefix(r.pages, "http://"), "--level", "debug"},
	})
	folder := filepath.Join(r.Data, "audio", "demo")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	real.WriteTone(t, filepath.Join(folder, "whistle.wav"), whistle, 10*time.Second)
	r.browser = real.NewChromium(t, microphone)
	return r
}

// servePages gives the URL below which each library's page lies.
func servePages(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/dist/", http.FileServer(http.Dir("page")))
	for _, name := range append([]string{"readme"}, libraries...) {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, "<!doctype html><title>%s</title><script src=/dist/%s.js></script>", name, name)
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return "http://" + l.Addr().String()
}

// theREADMEsPage calls a number by itself and takes calls.
func theREADMEsPage(r *rig) {
	p, d := &page{r.browser.Open(r.t, "readme", r.pages+"/readme"), r}, r.desk("101")
	r.hear("the number it calls", map[ear][]int{p: {whistle}})
	d.do("dial", "sip:105@"+r.SIP)
	d.wait("CALL_ESTABLISHED")
	r.hear("who calls it", map[ear][]int{p: {desk}, d: {microphone}})
	d.do("hangup", "")
	r.eventually("one call is left", func() bool { return r.LiveCalls(r.t) == 1 })
	var live struct{ Calls []struct{ ID string } }
	r.Get(r.t, "/v1/calls", &live)
	for _, c := range live.Calls {
		r.Request(r.t, http.MethodDelete, "/v1/calls/"+c.ID, nil, nil)
	}
}

func TestJsSIPIsAPhone(t *testing.T) {
	t.Parallel() // most of the time is listening
	r := open(t, documented)
	r.run(t, "as in the README", theREADMEsPage)
	r.all(t, "jssip")
}

func TestSIPjsIsAPhone(t *testing.T) {
	t.Parallel()
	open(t, real.Port(t, 5)).all(t, "sipjs")
}

func (r *rig) all(t *testing.T, library string) {
	for _, c := range cases {
		if c.only == "" || c.only == library {
			r.run(t, c.name, func(r *rig) { c.run(r, library) })
		}
	}
}

// run is a test within the test.
func (r *rig) run(t *testing.T, name string, test func(*rig)) {
	t.Run(name, func(t *testing.T) {
		mine, began := *r, time.Now()
		mine.t = t
		test(&mine)
		mine.over(began)
	})
}

// overTLS has the page come as one that was itself loaded over TLS must.
func overTLS(test func(r *rig, library string)) func(r *rig, library string) {
	return func(r *rig, library string) {
		r.ws = r.wss
		test(r, library)
	}
}

var cases = []struct {
	name string
	run  func(r *rig, library string)
	only string // a library
}{
	{name: "registers over ws", run: func(r *rig, lib string) { registers(r, lib, r.ws) }},
	{name: "registers over the REST server's port", run: func(r *rig, lib string) { registers(r, lib, "ws://"+r.HTTP+"/sip") }},
	{name: "registers over wss", run: func(r *rig, lib string) { registers(r, lib, r.wss) }},
	{name: "a wrong password is told", run: wrongPassword},
	{name: "a page of another site is refused", run: foreign},
	{name: "is gone once its window is closed", run: closed},
	{name: "comes back when its stream is gone", run: comesBack},
	{name: "calls", run: pageCalls},
	{name: "is called", run: pageIsCalled},
	{name: "calls over wss", run: overTLS(pageCalls)},
	{name: "is called over wss", run: overTLS(pageIsCalled)},
	{name: "hears a script", run: hearsAScript},
	{name: "presses digits", run: presses},
	{name: "gives up calling", run: pageGivesUp},
	{name: "is given up", run: deskGivesUp},
	{name: "refuses", run: pageRefuses},
	{name: "is refused", run: deskRefuses},
	{name: "calls a page", run: pageToPage},
	{name: "transfers its caller", run: transfers},
	{name: "is sent elsewhere", run: referred, only: "jssip"}, // SIP.js leaves a REFER to the page's author
	{name: "hears a script before the answer", run: early, only: "jssip"},
	{name: "is closed while it calls", run: closedWhileItRings},
	{name: "is closed in a call", run: closedInACall, only: "jssip"},
	{name: "is hung up on after its stream was gone", run: streamIsCut, only: "jssip"}, // SIP.js's manager lets go of its calls
	{name: "is hung up on while its stream is gone", run: hungUpMeanwhile, only: "jssip"},
}
