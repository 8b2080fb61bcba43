// Package sim runs the whole edge as it ships (signalling, shell, core, verbs, media, asks, event log) against
// scripted phones and a scripted webhook, over networks in memory that lose, repeat, swap and delay, and holds it to
// invariants. Everything left to chance follows from a seed by hash, so that a seed repeats exactly. Run is meant for a
// testing/synctest bubble: its hours are virtual. It opens no sockets and is no test itself; the tests beside it are.
package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/event"
)

// Options of a run. Seed, Calls and Faults say what happens; the hooks break the edge on purpose, to show that it is
// noticed.
type Options struct {
	Seed   uint64
	Calls  int
	Faults Faults
	To     string // phones send their parties here alone; empty: to several places
	Spool  string // a folder: events go through the real spool, forwarder and broker, which has outages

	Core    func(call.Stepper) call.Stepper
	Handler func(sipua.Handler) sipua.Handler
	Socket  func(media.PacketSocket) media.PacketSocket
	Packet  func(edgetest.Packet) bool // false: the edge did not send it

	Trace func(line string) // told of every SIP message and its fate, for whoever looks into a replay
}

// Report is what a run found.
type Report struct {
	Seed      uint64
	Calls     int // that the edge took
	Events    int
	Digest    string   // of all events: the same for the same seed
	Problems  []string // invariants that did not hold
	Lines     []string // the events
	Phones    []string // what the phones of calls with problems did
	Counts    map[string]int
	Transfers []event.Transfer
}

// Where things are.
var (
	edgeIP  = netip.MustParseAddr("10.0.0.1")
	edgeSIP = netip.AddrPortFrom(edgeIP, 5060)
	gateway = netip.MustParseAddrPort("10.3.0.1:5060")
	users   = []string{"101", "102", "103", "104"}
)

const hooks = 16 // hosts of webhooks

// world is one run. mu guards the phones and is held in all of their methods.
type world struct {
	opts    Options
	dice    dice
	zero    time.Time
	weather *weather
	net     *edgetest.Net // SIP
	rtp     *edgetest.Net
	ledger  *ledger
	edge    *edge
	plans   map[string]*callPlan // by caller's number
	phones  []*extension

	mu       sync.Mutex
	parties  []*party
	finished bool
	// refusals that phones repeated in vain for 32 s. The edge forgets a refused INVITE after 6 s without a copy, so three
	// losses in a row bring it about; it may be rare, not common.
	unacknowledged []string

	note     sync.Mutex // guards what follows; nothing else is locked under it
	problems []string
	names    map[string]string // call id -> name
	rooms    int
	met      map[string][]string // names of calls that met
	asks     map[string]int
}

// Run runs the workload of a seed to its end and judges it.
func Run(ctx context.Context, o Options) (*Report, error) {
	w := &world{opts: o, dice: dice(o.Seed), zero: time.Now(), net: edgetest.NewNet(), rtp: edgetest.NewNet(),
		ledger: &ledger{calls: map[string][]entry{}}, plans: map[string]*callPlan{}, names: map[string]string{}, asks: map[string]int{}, met: map[string][]string{}}
	w.weather = &weather{dice: w.dice, faults: o.Faults, name: w.nameOf, copies: map[string]int{}}
	w.net.SetFate(w.fate)
	w.rtp.SetFate(w.weather.sound)
	for n := range o.Calls {
		c := w.plan(n + 1)
		w.plans[c.number] = c
	}
	var err error
	if w.edge, err = w.newEdge(ctx); err != nil {
		return nil, err
	}
	w.play()
	if err := w.edge.stop(); err != nil {
		w.problem("", "the edge did not stop well: %v", err)
	}
	w.judge()
	return w.report(), nil
}

func (w *world) fate(p edgetest.Packet) []time.Duration {
	if p.From == edgeSIP && w.opts.Packet != nil && !w.opts.Packet(p) {
		return nil
	}
	ways := w.weather.message(p)
	if w.opts.Trace != nil {
		w.opts.Trace(fmt.Sprintf("%12s %s arrives after %v", time.Since(w.zero), w.weather.key(p), ways))
	}
	return ways
}

// play lets the day go by: phones register, calls come, all of them end, phones go.
func (w *world) play() {
	w.locked(w.install)
	w.await(40*time.Second, func() bool { return w.settled() })
	w.locked(func() {
		for _, x := range w.phones {
			if x.user != "" {
				x.watch(3600)
			}
		}
		for _, c := range w.plans {
			w.after(c.at, func() { w.begin(c) })
			w.control(c)
		}
	})
	time.Sleep(time.Duration(w.opts.Calls)*time.Second/pace + 2*time.Second)
	if !w.await(6*time.Minute, w.quiet) {
		w.locked(w.tellLoud)
	}
	w.locked(func() {
		for i, x := range w.phones {
			if x.user != "" {
				x.watch(0)
			}
			if x.user != "" && i%3 != 0 { // the others' bindings run out
				x.register(0)
			}
		}
	})
	time.Sleep(expires*time.Second + 40*time.Second)
	w.leftovers()
	w.locked(func() { w.finished = true })
}

// expires of a registration, in seconds; phones refresh halfway.
const expires = 60

// install puts the phones of the users and the far side of the gateway on the network.
func (w *world) install() {
	for u, user := range users {
		for nth := range 1 + u%2 {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(u), byte(nth + 1)}), 5060)
			w.phones = append(w.phones, w.newExtension(user, nth, at))
		}
	}
	for _, x := range w.phones {
		w.after(w.dice.span(0, time.Second, "registers", x.user, text(x.nth)), x.refresh)
	}
	w.phones = append(w.phones, w.newExtension("", 0, gateway))
}

// refresh registers for as long as calls come.
func (x *extension) refresh() {
	last := w60(x.w)
	if time.Since(x.w.zero) > last {
		return
	}
	x.register(expires)
	x.w.after(expires*time.Second/2+x.w.dice.span(0, time.Second, "refresh", x.user, text(x.nth), text(x.reg.cseq)), x.refresh)
}

// w60 is when the last calls have come.
func w60(w *world) time.Duration {
	return time.Duration(w.opts.Calls)*time.Second/pace + 60*time.Second
}

func (w *world) settled() bool {
	return !slices.ContainsFunc(w.phones, func(x *extension) bool { return x.user != "" && !x.reg.done })
}

func (w *world) begin(c *callPlan) {
	if c.originated {
		w.originate(c)
		return
	}
	w.dial(c)
}

// quiet: no phone is in a call and the edge has none.
func (w *world) quiet() bool {
	return !slices.ContainsFunc(w.parties, (*party).alive) && len(w.edge.node.Calls("")) == 0 && w.edge.ua.Dialogs() == 0
}

func (w *world) tellLoud() {
	for _, p := range w.parties {
		if p.alive() {
			w.problem(p.name, "the phone is still in the call (stage %d)", p.stage)
		}
	}
	for _, v := range w.edge.node.Calls("") {
		w.problem(w.nameOf(v.ID), "the call never ended: %s", v.Status)
	}
}

// await lets virtual time go by until done, which is asked under mu.
func (w *world) await(most time.Duration, done func() bool) bool {
	for until := time.Now().Add(most); time.Now().Before(until); {
		time.Sleep(250 * time.Millisecond)
		ok := false
		w.locked(func() { ok = done() })
		if ok {
			return true
		}
	}
	return false
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// after calls f later, under mu.
func (w *world) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.finished {
			f()
		}
	})
}

func (w *world) receiver(f func([]byte)) func(edgetest.Packet) {
	return func(p edgetest.Packet) { w.locked(func() { f(p.Data) }) }
}

func (w *world) join(p *party) { w.parties = append(w.parties, p) }

func (w *world) problem(name, format string, args ...any) {
	w.note.Lock()
	defer w.note.Unlock()
	line := fmt.Sprintf(format, args...)
	if name != "" {
		line = name + ": " + line
	}
	w.problems = append(w.problems, line)
}

// begins learns which call this is.
func (w *world) begins(id string, b call.Begin) {
	w.note.Lock()
	defer w.note.Unlock()
	if w.names[id] = b.Call.From; b.Room != "" {
		w.names[id] = w.roomName(b)
	}
}

// idOf a call by its name.
func (w *world) idOf(name string) string {
	w.note.Lock()
	defer w.note.Unlock()
	for id, n := range w.names {
		if n == name {
			return id
		}
	}
	return ""
}

// nameOf a call id of the edge, which is another in each run, with what stands behind it: the name of the call.
func (w *world) nameOf(id string) string {
	w.note.Lock()
	defer w.note.Unlock()
	call, leg, _ := strings.Cut(id, "-")
	if name, ok := w.names[call]; ok {
		return strings.TrimSuffix(name+"-"+leg, "-")
	}
	return id
}

func (w *world) nthAsk(thing string) string {
	w.note.Lock()
	defer w.note.Unlock()
	w.asks[thing]++
	return thing + "#" + text(w.asks[thing])
}

func (w *world) kindOf(number string) kind {
	if c := w.plans[number]; c != nil {
		return c.kind
	}
	return kind{}
}

// leftovers checks that the edge holds nothing after the end.
func (w *world) leftovers() {
	if n := w.edge.ua.Dialogs(); n != 0 {
		w.problem("", "%d dialogs are left", n)
	}
	if n := len(w.edge.node.Calls("")); n != 0 {
		w.problem("", "%d calls are left", n)
	}
	if n := len(w.edge.node.Registrations("")); n != 0 {
		w.problem("", "%d registrations are left", n)
	}
	w.held()
	if open := w.rtp.Listening(); len(open) != 0 {
		w.problem("", "%d RTP and RTCP ports are left open, such as %v", len(open), open[0])
	}
	if n := w.edge.ua.Dropped(); n != 0 {
		w.problem("", "%d messages were dropped by the edge", n)
	}
}

func (w *world) report() *Report {
	r := &Report{Seed: w.opts.Seed, Calls: len(w.ledger.calls), Lines: w.ledger.lines(w.nameOf, w.zero), Counts: w.counts(), Transfers: w.transfers()}
	r.Events = len(r.Lines)
	h := sha256.Sum256([]byte(strings.Join(r.Lines, "\n")))
	r.Digest = hex.EncodeToString(h[:8])
	slices.Sort(w.problems)
	r.Problems, r.Phones = w.problems, w.tellPhones()
	return r
}

func decode[T any](raw []byte) (v T) {
	if err := json.Unmarshal(raw, &v); err != nil {
		panic(fmt.Sprintf("sim: %v in %s", err, raw)) // our own words
	}
	return v
}
