package sipua

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/load"
)

// sinkLink takes what is sent and keeps the last message.
type sinkLink struct{ last []byte }

func (l *sinkLink) send(b []byte, _ netip.AddrPort) error { l.last = b; return nil }
func (l *sinkLink) network() string                       { return "UDP" }
func (l *sinkLink) local() (string, int)                  { return "192.0.2.1", 5060 }
func (l *sinkLink) alive() bool                           { return true }
func (l *sinkLink) token() string                         { return "" }

// benchHandler answers every call at once.
type benchHandler struct{ doorHandler }

func (h *benchHandler) OnInvite(d *Dialog, _ Invite) { d.Accept([]byte("v=0\r\n"), nil) }

// bench is a worker that is driven by hand.
type bench struct {
	w    *worker
	link *sinkLink
	from path
}

func newBench(t testing.TB) *bench {
	cfg, err := Config{Listen: []Listen{{"udp", "127.0.0.1:0"}}, Node: "riga", Secret: []byte("k"), Workers: 1}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	u := &UA{cfg: cfg, handler: &benchHandler{}, dir: doorDirectory{trunks: map[string]string{"198.51.100.7": "t"}}, log: cfg.Logger, load: func() load.Level { return load.InTime }}
	u.bindings = newBindings(u)
	u.net = &transports{u: u, flows: map[string]*flow{}, peers: map[streamTo]*flow{}}
	w := newWorker(u)
	u.workers = []*worker{w}
	l := &sinkLink{}
	return &bench{w, l, path{l, phoneAt}}
}

func (b *bench) receive(raw string) {
	b.w.do(&job{raw: []byte(raw), from: b.from})
	for batch := b.w.take(nil); len(batch) > 0; batch = b.w.take(nil) {
		for i := range batch {
			b.w.do(&batch[i])
		}
	}
}

func benchRequest(method, callID, toTag string, cseq int, body string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-%s-%s;rport\r\nMax-Forwards: 70\r\n", method, callID, method)
	fmt.Fprintf(&s, "From: \"Anna\" <sip:anna@198.51.100.7:5062>;tag=%s-f\r\nTo: <sip:100@192.0.2.1>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", callID, toTag, callID, cseq, method)
	fmt.Fprintf(&s, "Contact: <sip:anna@198.51.100.7:5062>\r\nUser-Agent: bench\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return s.String()
}

func (b *bench) establish(callID string) (toTag string) {
	b.receive(benchRequest("INVITE", callID, "", 1, "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\n"))
	m, err := sip.ParseMessage(b.link.last)
	if err != nil {
		panic(err)
	}
	toTag = ";tag=" + tagOf(m.To().Params)
	b.receive(benchRequest("ACK", callID, toTag, 1, ""))
	return toTag
}

// BenchmarkInboundCall: INVITE, 100, 200, ACK, BYE, 200 without sockets; the message texts are part of the cost.
func BenchmarkInboundCall(b *testing.B) {
	x := newBench(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		callID := fmt.Sprint("call-", i)
		tag := x.establish(callID)
		x.receive(benchRequest("BYE", callID, tag, 2, ""))
	}
	if x.w.u.Dialogs() != 0 {
		b.Errorf("%d dialogs left", x.w.u.Dialogs())
	}
}

func TestAHeldCallIsSmall(t *testing.T) {
	x := newBench(t)
	const calls = 2000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range calls {
		x.establish(fmt.Sprint("held-", i))
	}
	x.w.clearServers()
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := int(after.HeapAlloc-before.HeapAlloc) / calls
	if per > 3<<10 {
		t.Errorf("a held call has %d bytes", per)
	}
	t.Logf("%d bytes per held call", per)
	runtime.KeepAlive(x)
}

// clearServers does what the timers do a few seconds after the answer.
func (w *worker) clearServers() {
	for _, tx := range w.servers {
		tx.drop()
	}
}
