package run_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/infra/phone"
	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/ask"
)

// pair is two edges on one log, riga and oslo, with a script that both ask. A third node, tallinn, is down.
type pair struct {
	*testing.T
	hook  *httptest.Server
	kafka string
	sip   map[string]string // by node
	http  map[string]string
	asked chan asked

	mu     sync.Mutex
	script map[string]string // by path
}

// asked is one ask that the script got.
type asked struct {
	path string
	ask.Ask
}

const cluster = `
tenants:
  demo:
    asks: {allow_private: [127.0.0.0/8]}
    trunks: {local: {allow: [127.0.0.0/8]}}
    users:
      "105": {name: Juris, password: demo-105, forward: {busy: "106"}}
      "106": {name: Anna, password: demo-106}
      "107": {name: Eva, password: demo-107, forward: {always: "108"}}
      "108": {name: Ieva, password: demo-108, answer: "HOOK/ieva"}
    numbers:
      "700": {answer: "HOOK/mailbox"}
      "800": {answer: "HOOK/menu"}
      "801": {answer: "HOOK/own"}
      "900": {answer: "HOOK/circle"}
nodes: {riga: {host: "RIGA"}, oslo: {host: "OSLO"}, tallinn: {host: "TALLINN"}}
cluster_secret: together
api_keys: [{name: test, key: key}]
`

func newPair(t *testing.T) *pair {
	p := &pair{T: t, asked: make(chan asked, 100), script: map[string]string{}}
	p.hook = httptest.NewServer(p)
	t.Cleanup(p.hook.Close)
	riga, oslo := home(1), home(2)
	p.sip = map[string]string{"riga": riga + ":5060", "oslo": oslo + ":5060"}
	p.http = map[string]string{"riga": riga + ":8080", "oslo": oslo + ":8080"}
	broker, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p.kafka = broker.Address()
	stop := p.start(broker.Run)
	path := filepath.Join(t.TempDir(), "offhook.yaml")
	text := strings.NewReplacer("HOOK", p.hook.URL, "RIGA", p.sip["riga"], "OSLO", p.sip["oslo"], "TALLINN", home(3)+":5060").Replace(cluster)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for _, name := range []string{"riga", "oslo"} {
		p.edge(name, path)
	}
	return p
}

// home is a loopback address that only this process uses, so that all its ports are free.
func home(n int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid>>8%254, pid&0xFF, n)
}

// start runs a part until the function that it gives is called.
func (p *pair) start(part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			p.Error(err)
		}
	}
}

func (p *pair) edge(name, path string) {
	p.Helper()
	settings, err := run.Load(path, nil)
	if err != nil {
		p.Fatal(err)
	}
	ip, _, _ := net.SplitHostPort(p.sip[name])
	o := run.EdgeOptions{SIP: p.sip[name], RTP: ip + ":21000-21099", HTTP: p.http[name], Kafka: p.kafka, Data: p.TempDir(), Name: name}
	p.Cleanup(p.start(func(ctx context.Context) error { return run.EdgeAlone(ctx, settings, o, slog.New(slog.DiscardHandler)) }))
	p.until(name+" is ready", func() bool {
		res, err := http.Get("http://" + p.http[name] + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (p *pair) until(what string, is func() bool) {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.Fatal("never: ", what)
		}
	}
}

// says sets what the script answers at a path: the first ask of a call and all later ones.
func (p *pair) says(path, document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script[path] = document
}

// ServeHTTP is the script.
func (p *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var a ask.Ask
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		p.Error(err)
	}
	if a.Reason == ask.ReasonHangup { // a notice
		return
	}
	p.asked <- asked{r.URL.Path, a}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, p.script[r.URL.Path])
}

// next is the next ask, which must be at this path.
func (p *pair) next(path string) ask.Ask {
	p.Helper()
	select {
	case a := <-p.asked:
		if a.path != path {
			p.Fatalf("asked %s, want %s: %+v", a.path, path, a.Ask)
		}
		return a.Ask
	case <-time.After(time.Minute):
		p.Fatal("never asked ", path)
	}
	return ask.Ask{}
}

// call makes a call at a node, hangs up once something is heard, and gives what became of it.
func (p *pair) call(node, to string) phone.Report {
	p.Helper()
	ctx, hangUp := context.WithCancel(p.Context())
	defer hangUp()
	return p.callAs(ctx, node, phone.Options{Target: to, Notify: func(e phone.Event) {
		if e.Kind == phone.KindHearing {
			hangUp()
		}
	}})
}

func (p *pair) callAs(ctx context.Context, node string, o phone.Options) phone.Report {
	p.Helper()
	var out bytes.Buffer
	o.Server, o.Name, o.Patience = p.sip[node], "Karlis", time.Minute
	report, err := phone.Run(ctx, o, &out)
	if _, refused := err.(*phone.Failed); err != nil && !refused {
		p.Fatalf("%v\n%s", err, out.String())
	}
	return report
}

// registered has a user's phone, which says a tone, wait for a call at a node, known to all nodes.
func (p *pair) registered(node string, o phone.Options) (over func() phone.Report) {
	p.Helper()
	done := make(chan phone.Report, 1)
	o.Sound.Tone = 440
	o.Server, o.Wait, o.Patience = p.sip[node], true, time.Minute
	known := func(at string) bool { return strings.Contains(p.get(at, "/v1/registrations"), `"user":"`+o.As+`"`) }
	go func() {
		report, err := phone.Run(p.Context(), o, io.Discard)
		if err != nil {
			p.Error(err)
		}
		done <- report
	}()
	for at := range p.http {
		p.until(o.As+" is known at "+at, func() bool { return known(at) && strings.Contains(p.get(at, "/v1/registrations"), `"node":"`+node+`"`) })
	}
	return func() phone.Report {
		report := <-done
		for at := range p.http {
			p.until(o.As+" is gone at "+at, func() bool { return !known(at) })
		}
		return report
	}
}

func (p *pair) get(node, path string) string {
	req, err := http.NewRequestWithContext(p.Context(), http.MethodGet, "http://"+p.http[node]+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer key")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return string(body)
}

// timeline is a call's events by type, with whom they are about.
func (p *pair) timeline(id string) []string {
	p.Helper()
	kafka, err := events.ParseKafka(p.kafka)
	if err != nil {
		p.Fatal(err)
	}
	var lines []string
	p.until("the end of "+id, func() bool {
		list, err := events.Call(p.Context(), kafka, id)
		if err != nil {
			p.Fatal(err)
		}
		lines = nil
		for _, e := range list {
			var about struct {
				Target string `json:"target"`
				Number string `json:"agent_number"`
				Name   string `json:"agent_name"`
			}
			if err := json.Unmarshal(e.Data, &about); err != nil {
				p.Fatal(err)
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", strings.TrimPrefix(e.Type, "offhook."), about.Target, about.Number, about.Name)))
		}
		return len(lines) > 0 && strings.HasPrefix(lines[len(lines)-1], "call.hangup")
	})
	return lines
}

const (
	mailbox = `[{"verb": "answer"}, {"verb": "play", "audio": "tone:beep"}, {"verb": "pause", "for": 60}]`
	menu    = `[{"verb": "dial", "to": {"extension": "700", "nodes": %s}, "params": {"mailbox": "106", "language": "lv", "greeting": "busy", "count": "3"}}]`
)

// Two edges on one log: what one node cannot do, another does, and calls do not go round.
func TestTwoNodes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has loopback addresses without end")
	}
	p := newPair(t)
	t.Run("a service on another node finds the parameters", func(t *testing.T) { p.with(t).servedThere("oslo", `["riga"]`) })
	t.Run("a node that is down is passed over", func(t *testing.T) { p.with(t).servedThere("riga", `["tallinn", "oslo"]`) })
	t.Run("the own voice mail is heard from another node's phone", func(t *testing.T) { p.with(t).voicemail() })
	t.Run("a service of this node takes the call over", func(t *testing.T) { p.with(t).servedHere() })
	t.Run("nodes that send a call to each other do not send it for ever", func(t *testing.T) { p.with(t).circle() })
	t.Run("a user is the same here and there", func(t *testing.T) { p.with(t).sameUser() })
	t.Run("settings of users lead on", func(t *testing.T) { p.with(t).forwarded() })
	t.Run("a phone on another node's stream is called there", func(t *testing.T) { p.with(t).stream() })
	t.Run("parameters of strangers are dropped", func(t *testing.T) { p.with(t).stranger() })
}

// with is the pair for a part of the test.
func (p *pair) with(t *testing.T) *pair {
	whole := p.T
	p.T = t
	t.Cleanup(func() { p.T = whole })
	return p
}

func (p *pair) servedThere(from, nodes string) {
	p.says("/menu", fmt.Sprintf(menu, nodes))
	p.says("/mailbox", mailbox)
	if r := p.call(from, "800"); r.Outcome != phone.Answered || r.Media.Received == 0 {
		p.Errorf("%+v", r)
	}
	first, then := p.next("/menu").Call, p.next("/mailbox").Call
	if then.ID == first.ID || then.Trunk != "node:"+from || then.FromName != "Karlis" || then.To != "700" || then.Tenant != "demo" {
		p.Errorf("%+v", then)
	}
	p.params(then)
}

// voicemail: mailbox and language are asked once, and the mailbox's node takes it from there.
func (p *pair) voicemail() {
	p.says("/own", `[{"verb": "answer"}, {"verb": "set", "vars": {"language": "lv"}}, {"verb": "gather", "max_digits": 3, "timeout": "5s"},
		{"verb": "dial", "to": {"extension": "700", "nodes": ["riga"]}, "params": {"mailbox": "{digits}", "language": "{language}"}}]`)
	p.says("/mailbox", `[{"verb": "answer"}, {"verb": "record", "time_limit": "1s", "next": "/kept"}]`)
	p.says("/kept", `[{"verb": "hangup"}]`)
	r := p.callAs(p.Context(), "oslo", phone.Options{Target: "801", Sound: phone.Sound{Tone: 440}, Digits: phone.Digits{Send: "106", After: 200 * time.Millisecond}})
	if r.Outcome != phone.Answered || r.EndedBy != "them" {
		p.Errorf("%+v", r)
	}
	p.next("/own")
	if c := p.next("/mailbox").Call; c.Params["mailbox"] != "106" || c.Params["language"] != "lv" || c.Trunk != "node:oslo" {
		p.Errorf("%+v", c)
	}
	if kept := p.next("/kept"); kept.Result == nil || kept.Result.Recording == "" || kept.Result.DurationMS == 0 {
		p.Errorf("%+v", kept.Result)
	}
}

func (p *pair) params(c ask.Call) {
	p.Helper()
	if len(c.Params) != 4 || c.Params["mailbox"] != "106" || c.Params["language"] != "lv" || c.Params["count"] != "3" || len(c.Headers) != 0 {
		p.Errorf("params %v, headers %v", c.Params, c.Headers)
	}
}

func (p *pair) servedHere() {
	p.says("/menu", fmt.Sprintf(menu, `["riga", "oslo"]`))
	p.says("/mailbox", mailbox)
	if r := p.call("riga", "800"); r.Outcome != phone.Answered {
		p.Errorf("%+v", r)
	}
	first, asked := p.next("/menu").Call, p.next("/mailbox")
	if then := asked.Call; asked.Reason != ask.ReasonCall || then.ID != first.ID || then.To != "700" || then.Trunk != "local" {
		p.Errorf("%+v", asked)
	}
	p.params(asked.Call)
}

func (p *pair) circle() {
	p.says("/menu", `[{"verb": "dial", "to": {"extension": "900", "nodes": ["tallinn", "oslo"]}, "next": "/after"}]`)
	p.says("/circle", `[{"verb": "dial", "to": {"extension": "900", "nodes": ["tallinn", "riga"]}, "next": "/there"}]`)
	p.says("/there", `[{"verb": "reject", "status": 480}]`)
	p.says("/after", `[{"verb": "reject", "status": 480}]`)
	if r := p.call("riga", "800"); r.Outcome != phone.Refused || r.Code != 480 {
		p.Errorf("%+v", r)
	}
	p.next("/menu")
	p.next("/circle")
	if r := p.next("/there").Result; r == nil || r.Status != "failed" || r.Cause != "loop_detected" {
		p.Errorf("at oslo: %+v", r)
	}
	if r := p.next("/after").Result; r == nil || r.Status != "no_answer" || r.SIP == nil || r.SIP.Code != 480 {
		p.Errorf("at riga: %+v", r)
	}
}

func (p *pair) sameUser() {
	p.says("/menu", `[{"verb": "dial", "to": {"extension": "106", "nodes": ["riga", "oslo"]}}]`)
	var lines [][]string
	for _, at := range []string{"riga", "oslo"} {
		over := p.registered("riga", phone.Options{As: "106"})
		if r := p.call(at, "800"); r.Outcome != phone.Answered || r.Media.Received == 0 {
			p.Errorf("%s: %+v", at, r)
		}
		if r := over(); r.Outcome != phone.Answered || r.FromName != "Karlis" {
			p.Errorf("%s: %+v", at, r)
		}
		lines = append(lines, p.timeline(p.next("/menu").Call.ID))
	}
	if !slices.Equal(lines[0], lines[1]) || !slices.Contains(lines[0], "call.bridged user:106 106 Anna") {
		p.Errorf("here:\n%s\nthere:\n%s", strings.Join(lines[0], "\n"), strings.Join(lines[1], "\n"))
	}
}

// forwarded: the phone of 105 is busy, so 106 is called; 107's calls go to 108, who has routing of the own.
func (p *pair) forwarded() {
	busy := p.registered("riga", phone.Options{As: "105", Answer: phone.Answering{Reject: 486}})
	over := p.registered("oslo", phone.Options{As: "106"})
	if r := p.call("riga", "105"); r.Outcome != phone.Answered || r.Media.Received == 0 {
		p.Errorf("%+v", r)
	}
	if r := busy(); r.Outcome != phone.Rejected {
		p.Errorf("%+v", r)
	}
	if r := over(); r.Outcome != phone.Answered {
		p.Errorf("%+v", r)
	}
	p.says("/ieva", `[{"verb": "dial", "to": {"user": "107"}, "next": "/back"}]`)
	p.says("/back", `[{"verb": "reject", "status": 486}]`)
	if r := p.call("riga", "107"); r.Outcome != phone.Refused || r.Code != 486 {
		p.Errorf("%+v", r)
	}
	if c := p.next("/ieva").Call; c.To != "108" {
		p.Errorf("%+v", c)
	}
	if r := p.next("/back").Result; r == nil || r.Cause != "forward_loop" {
		p.Errorf("%+v", r)
	}
}

func (p *pair) stream() {
	over := p.registered("oslo", phone.Options{As: "106", Transport: "tcp"})
	if r := p.call("riga", "106"); r.Outcome != phone.Answered || r.Media.Received == 0 {
		p.Errorf("%+v", r)
	}
	if r := over(); r.Outcome != phone.Answered || r.FromName != "Karlis" {
		p.Errorf("%+v", r)
	}
}

// stranger sends an INVITE that claims to be a node's.
func (p *pair) stranger() {
	conn, err := net.Dial("udp", p.sip["riga"])
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close()
	p.says("/mailbox", `[{"verb": "reject", "status": 486}]`)
	fmt.Fprintf(conn, "INVITE sip:700@riga SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1;rport\r\nMax-Forwards: 70\r\nFrom: <sip:1@x.test>;tag=1\r\n"+
		"To: <sip:700@riga>\r\nCall-ID: forged\r\nCSeq: 1 INVITE\r\nContact: <sip:1@%s>\r\nX-Offhook-Params: %s\r\nX-Campaign: 7\r\nContent-Length: 0\r\n\r\n",
		conn.LocalAddr(), conn.LocalAddr(), "eyJ0IjoiZGVtbyIsInAiOnsibWFpbGJveCI6IjEwNiJ9LCJ2IjpbIm9zbG8iXX0.AAAA")
	if c := p.next("/mailbox").Call; len(c.Params) != 0 || len(c.Headers) != 1 || c.Headers["X-Campaign"] != "7" || c.Trunk != "local" {
		p.Errorf("%+v", c)
	}
}
