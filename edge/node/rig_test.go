package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/events"
	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

const edgeAddr = "127.0.0.1:5060"

// rig is a node with real signalling and media on networks in memory, in a bubble of virtual time.
type rig struct {
	*testing.T
	net   *edgetest.Net
	node  *node.Node
	ua    *sipua.UA
	log   *eventLog
	ask   *asker
	calls int
	done  map[string]chan error
	stops map[string]context.CancelFunc
	atEnd []func()
}

// setup is what a test may change.
type setup struct {
	config string
	node   node.Config
	media  media.Config
	net    *edgetest.Net
}

const demo = `
tenants:
  demo:
    users:
      "101": {name: Ilze, password: demo-101}
    trunks: {local: {allow: [127.0.0.0/8]}}
    gateways: {telia: {host: "127.0.0.1:7001", username: acme, password: pw}}
`

// bridge is a script that calls the phone at port 7000.
const bridge = `[{"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}}]`

func inBubble(t *testing.T, change func(*setup), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		defer r.stop()
		test(r)
	})
}

func newRig(t *testing.T, change func(*setup)) *rig {
	r := &rig{T: t, net: edgetest.NewNet(), log: &eventLog{}, ask: &asker{answer: map[string]string{}, asked: make(chan schema.Ask, 100)},
		done: map[string]chan error{}, stops: map[string]context.CancelFunc{}}
	s := &setup{config: demo, net: r.net}
	s.media = media.Config{IP: netip.MustParseAddr("127.0.0.1"), MinPort: 20000, MaxPort: 20099, NAT: true,
		Listen: func(at netip.AddrPort) (media.PacketSocket, error) { return r.net.ListenUDP(at) }}
	s.node = node.Config{Name: "riga", Workers: 2, Sounds: silence{}, Asker: r.ask, Events: r.log,
		NewCall: func(id string) call.Stepper { return verbs.NewCall(id) }}
	if change != nil {
		change(s)
	}
	engine, err := media.New(s.media)
	if err != nil {
		t.Fatal(err)
	}
	s.node.Media = engine
	if r.node, err = node.New(s.node, configured(t, s.config)); err != nil {
		t.Fatal(err)
	}
	r.ua, err = sipua.New(sipua.Config{Listen: []sipua.Listen{{Network: "udp", Addr: edgeAddr}}, Node: "riga", Secret: []byte("secret"),
		ListenPacket: r.net.ListenPacket, ListenTCP: r.net.Listen, DialTCP: r.net.DialContext}, r.node, r.node.Directory())
	if err != nil {
		t.Fatal(err)
	}
	r.node.Attach(r.ua)
	r.start("media", engine.Run)
	r.start("node", r.node.Run)
	r.start("ua", r.ua.Run)
	synctest.Wait()
	return r
}

func configured(t *testing.T, yaml string) *config.Config {
	t.Helper()
	c, faults := check.Config([]byte(yaml), "offhook.yaml")
	if len(faults) > 0 {
		t.Fatalf("configuration: %+v", faults)
	}
	return c
}

func (r *rig) start(name string, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	r.done[name], r.stops[name] = done, stop
	go func() { done <- run(ctx) }()
}

// stop ends the parts in the order in which offhook does; nothing may be left.
func (r *rig) stop() {
	for _, name := range []string{"ua", "node", "media"} {
		r.stops[name]()
		if err := <-r.done[name]; err != nil {
			r.Errorf("%s: %v", name, err)
		}
	}
	for _, f := range r.atEnd {
		f()
	}
	if live := r.node.Calls(""); len(live) > 0 {
		r.Errorf("calls left: %+v", live)
	}
	if open := r.net.Listening(); slices.ContainsFunc(open, func(a netip.AddrPort) bool { return a.Port() >= 20000 }) {
		r.Errorf("RTP ports left: %v", open)
	}
	r.log.whole(r.T)
}

// script sets what fn:router answers.
func (r *rig) script(document string) { r.ask.set("fn:router", document) }

// counter reads one of the node's metrics.
func (r *rig) counter(name string) float64 {
	r.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.node.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		r.Fatalf("no metric %s", name)
	}
	m := families[i].GetMetric()[0]
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// only is the one live call.
func (r *rig) only() node.View {
	r.Helper()
	synctest.Wait()
	live := r.node.Calls("")
	if len(live) != 1 {
		r.Fatalf("%d live calls, want 1: %+v", len(live), live)
	}
	return live[0]
}

// asker answers from a table of documents; what is not in it is never answered.
type asker struct {
	mu     sync.Mutex
	answer map[string]string
	asked  chan schema.Ask
	gaveUp int
}

func (a *asker) set(to, document string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer[to] = document
}

func (a *asker) Ask(ctx context.Context, _ ask.Policy, to string, q schema.Ask) ask.Answer {
	a.mu.Lock()
	text, ok := a.answer[to]
	a.mu.Unlock()
	a.asked <- q
	if !ok {
		<-ctx.Done()
		a.mu.Lock()
		defer a.mu.Unlock()
		a.gaveUp++
		return ask.Answer{}
	}
	doc, faults := check.Document([]byte(text), nil)
	if len(faults) > 0 {
		panic(faults[0])
	}
	return ask.Answer{OK: true, Source: "url", URL: to, Status: 200, Attempts: 1, Document: schema.Answer{Verbs: doc}}
}

// silence is every sound: a prompt of a second.
type silence struct{}

func (silence) Open(_ context.Context, _ string, a verb.Audio) (media.Source, error) {
	if a.Name == "missing" {
		return nil, errors.New("no such sample")
	}
	return silence{}, nil
}

func (silence) Music(context.Context, string, string) media.Source { return silence{} }

func (silence) Prepare(context.Context, string, verb.Audio) {}

func (silence) Frame(n int) ([]int16, bool, error) { return make([]int16, 160), n < 50, nil }

// eventLog keeps what was published.
type eventLog struct {
	mu     sync.Mutex
	all    []events.Event
	refuse bool
}

func (l *eventLog) Publish(e events.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse {
		return errors.New("the log is full")
	}
	e.Data = slices.Clone(e.Data)
	l.all = append(l.all, e)
	return nil
}

func (l *eventLog) setRefuse(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = on
}

func (l *eventLog) list() []events.Event {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// types are the short types of a topic, in order.
func (l *eventLog) types(topic string) []string {
	var types []string
	for _, e := range l.list() {
		if e.Topic == topic {
			types = append(types, strings.TrimPrefix(e.Type, event.Prefix))
		}
	}
	return types
}

// last is the data of the last event of a type.
func last[T any](r *rig, kind string) T {
	r.Helper()
	var data T
	all := r.log.list()
	for _, e := range slices.Backward(all) {
		if e.Type == event.Prefix+kind {
			if err := json.Unmarshal(e.Data, &data); err != nil {
				r.Fatal(err)
			}
			return data
		}
	}
	r.Fatalf("no %s among %v", kind, r.log.types(events.TopicCalls))
	return data
}

func (l *eventLog) count(kind string) (n int) {
	for _, e := range l.list() {
		if e.Type == event.Prefix+kind {
			n++
		}
	}
	return n
}

// whole: each call's events are numbered without holes, end with call.hangup, and have it once.
func (l *eventLog) whole(t *testing.T) {
	seqs, ended := map[string]int64{}, map[string]bool{}
	for _, e := range l.list() {
		if !strings.HasPrefix(e.Key, "call_") {
			continue
		}
		var base event.Base
		if err := json.Unmarshal(e.Data, &base); err != nil {
			t.Error(err)
		}
		if ended[e.Key] {
			t.Errorf("%s: %s after the final event", e.Key, e.Type)
		}
		if base.Seq != seqs[e.Key]+1 {
			t.Errorf("%s: %s has seq %d, want %d", e.Key, e.Type, base.Seq, seqs[e.Key]+1)
		}
		seqs[e.Key], ended[e.Key] = base.Seq, e.Type == event.Prefix+event.CallHangup
	}
	for id := range seqs {
		if !ended[id] {
			t.Errorf("%s has no final event", id)
		}
	}
}

// wait lets virtual time pass.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
