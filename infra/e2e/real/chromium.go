package real

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Chromium is a browser without a screen. Its microphone says a tone.
type Chromium struct {
	*Process
	tools *devtools
}

// NewChromium starts one. It reaches 127.0.0.1 with sound on an Island only.
func NewChromium(t *testing.T, hz int) *Chromium {
	t.Helper()
	Need(t, "chromium")
	dir := t.TempDir()
	voice := filepath.Join(dir, "say.wav")
	WriteTones(t, voice, 48000, 10*time.Second, hz) // it is played again and again
	c := &Chromium{Process: Start(t, dir, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+voice,
		"--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection", "--ignore-certificate-errors",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--disable-features=WebRtcHideLocalIpsWithMdns", "--user-data-dir="+filepath.Join(dir, "profile"), "--remote-debugging-port=0")}
	const said = "DevTools listening on "
	line := c.Line(t, said)
	c.tools = dialDevtools(t, line[strings.Index(line, said)+len(said):])
	return c
}

// Page is a page in a window of its own, which shares nothing with others. Its scripts tell by `tell(JSON)`.
type Page struct {
	Name    string
	browser *Chromium
	session string
	context string
	target  string

	mu    sync.Mutex
	said  []PageEvent
	log   []string
	grown chan struct{}
	seen  int
}

// PageEvent is what a page told: an object with a type.
type PageEvent map[string]any

// Open loads a page and waits until it told that it is "ready".
func (c *Chromium) Open(t *testing.T, name, url string) *Page {
	t.Helper()
	p := &Page{Name: name, browser: c, grown: make(chan struct{})}
	var made struct{ BrowserContextID, TargetID, SessionID string }
	p.must(t, c.tools.do("", "Target.createBrowserContext", map[string]any{}, &made))
	p.must(t, c.tools.do("", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": made.BrowserContextID}, &made))
	p.must(t, c.tools.do("", "Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &made))
	p.session, p.context, p.target = made.SessionID, made.BrowserContextID, made.TargetID
	c.tools.subscribe(p.session, p.told)
	p.do(t, "Runtime.enable", map[string]any{}, nil)
	p.do(t, "Runtime.addBinding", map[string]any{"name": "tell"}, nil)
	p.do(t, "Page.navigate", map[string]any{"url": url}, nil)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("page %s told:\n%s\nand logged:\n%s", name, strings.Join(p.events(), "\n"), p.tail(80))
		}
		p.Close()
	})
	p.Wait(t, "ready")
	return p
}

// Close closes the window.
func (p *Page) Close() {
	_ = p.browser.tools.do("", "Target.disposeBrowserContext", map[string]any{"browserContextId": p.context}, nil) // it may be closed already
}

func (p *Page) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("page %s: %v", p.Name, err)
	}
}

func (p *Page) do(t *testing.T, method string, params, result any) {
	t.Helper()
	p.must(t, p.browser.tools.do(p.session, method, params, result))
}

// told is called by the reader of the browser's messages.
func (p *Page) told(method string, params json.RawMessage) {
	switch method {
	case "Runtime.bindingCalled":
		var call struct{ Payload string }
		var event PageEvent
		if json.Unmarshal(params, &call) == nil && json.Unmarshal([]byte(call.Payload), &event) == nil {
			p.add(event)
		}
	case "Runtime.consoleAPICalled":
		var line struct {
			Args []struct{ Value, Description any }
		}
		_ = json.Unmarshal(params, &line) // a log at most
		words := make([]string, 0, len(line.Args))
		for _, a := range line.Args {
			if a.Value == nil {
				a.Value = a.Description
			}
			words = append(words, fmt.Sprint(a.Value))
		}
		p.logged(strings.Join(words, " "))
	case "Runtime.exceptionThrown":
		p.logged("exception: " + string(params))
	}
}

func (p *Page) add(e PageEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, e)
	close(p.grown)
	p.grown = make(chan struct{})
}

func (p *Page) logged(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
}

func (p *Page) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log[max(0, len(p.log)-n):], "\n")
}

func (p *Page) events() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]string, 0, len(p.said))
	for _, e := range p.said {
		raw, _ := json.Marshal(e)
		all = append(all, string(raw))
	}
	return all
}

// Run evaluates an expression, waits for it when it is a promise, and decodes what it gives.
func (p *Page) Run(t *testing.T, expression string, into any) {
	t.Helper()
	var done struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	p.do(t, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &done)
	if e := done.ExceptionDetails; e != nil {
		t.Fatalf("page %s: %s: %s %s", p.Name, expression, e.Text, e.Exception.Description)
	}
	if into != nil {
		p.must(t, json.Unmarshal(done.Result.Value, into))
	}
}

// Wait waits for the next event of a type; earlier ones are passed over.
func (p *Page) Wait(t *testing.T, kind string) PageEvent {
	t.Helper()
	deadline := time.After(Patience)
	for {
		e, grown := p.next(kind)
		if e != nil {
			return e
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("page %s: no %q within %s; it told\n%s", p.Name, kind, Patience, strings.Join(p.events(), "\n"))
		}
	}
}

func (p *Page) next(kind string) (PageEvent, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.seen < len(p.said) {
		e := p.said[p.seen]
		p.seen++
		if e["type"] == kind {
			return e, nil
		}
	}
	return nil, p.grown
}
