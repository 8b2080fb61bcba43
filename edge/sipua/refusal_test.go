package sipua

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/load"
)

// refusedCall makes a worker that is full, an INVITE that it refuses before parsing it, and the ACK of that.
func refusedCall(t testing.TB) (b *bench, invite, ack string) {
	b = newBench(t)
	b.w.u.load = func() load.Level { return load.Full }
	invite = benchRequest("INVITE", "refused", "", 1, offer)
	b.offer(invite)
	if !strings.HasPrefix(string(b.link.last), "SIP/2.0 503 ") {
		t.Fatalf("not refused: %q", b.link.last)
	}
	ack = benchRequest("ACK", "refused", toTag(b.link.last), 1, "")
	return b, invite, strings.Replace(ack, "refused-ACK;", "refused-INVITE;", 1) // RFC 3261 17.1.1.3
}

// offer hands a message over as a socket does.
func (b *bench) offer(raw string) {
	b.w.receive(job{raw: []byte(raw), from: b.from})
	b.w.refuseHasty()
	for batch := b.w.take(nil); len(batch) > 0; batch = b.w.take(nil) {
		for i := range batch {
			b.w.do(&batch[i])
		}
	}
}

// toTag is the To tag of a message, with the name of its parameter.
func toTag(raw []byte) string {
	_, to, _ := bytes.Cut(raw, []byte("\r\nTo: <sip:100@192.0.2.1>"))
	to, _, _ = bytes.Cut(to, []byte("\r\n"))
	return string(to)
}

func TestTheACKOfARefusalIsNotParsed(t *testing.T) {
	b, _, ack := refusedCall(t)
	if !b.w.unawaited([]byte(ack)) {
		t.Error("of a 503 before parsing")
	}
	b.w.u.load = func() load.Level { return load.InTime }
	b.w.u.draining.Store(7)
	b.receive(benchRequest("INVITE", "drained", "", 1, offer))
	if tag := toTag(b.link.last); tag == "" || !b.w.unawaited([]byte(benchRequest("ACK", "drained", tag, 1, ""))) {
		t.Errorf("of one without a transaction: %q", b.link.last)
	}
	for what, ack := range map[string]string{
		"another tag":      strings.Replace(ack, "tag=riga-", "tag=riga-a", 1),
		"no tag":           benchRequest("ACK", "refused", "", 1, ""),
		"no tag in From":   strings.Replace(ack, ";tag=refused-f", "", 1),
		"another Call-ID":  strings.Replace(ack, "Call-ID: refused", "Call-ID: other", 1),
		"another method":   strings.Replace(ack, "ACK sip:", "BYE sip:", 1),
		"a folded To":      strings.Replace(ack, "\r\nCall-ID", "\r\n ;x=y\r\nCall-ID", 1),
		"more after a tag": strings.Replace(ack, "\r\nCall-ID", ";x=y\r\nCall-ID", 1),
	} {
		if b.w.unawaited([]byte(ack)) {
			t.Error("dropped with " + what)
		}
	}
}

func TestTheACKThatATransactionAwaitsReachesIt(t *testing.T) {
	b, invite, _ := refusedCall(t)
	b.w.u.load = func() load.Level { return load.InTime }
	again := strings.NewReplacer("branch=", "branch=z9hG4bK-2")
	b.offer(again.Replace(invite))
	d := b.w.calls["refused"]
	if d == nil || d.okay == nil {
		t.Fatal("the call is not up")
	}
	if b.offer(benchRequest("ACK", "refused", ";tag="+d.localTag, 1, "")); d.okay != nil {
		t.Error("the ACK of an answer was dropped")
	}

	b, invite, ack := refusedCall(t)
	b.w.u.load = func() load.Level { return load.InTime }
	b.w.u.handler = &refusing{}
	b.offer(again.Replace(invite))
	if b.w.calls["refused"] != nil || !strings.HasPrefix(string(b.link.last), "SIP/2.0 486 ") {
		t.Fatalf("%q", b.link.last)
	}
	var tx *serverTx
	for _, tx = range b.w.servers {
	}
	if tx == nil || !tx.repeat.running() {
		t.Fatal("nothing awaits an ACK")
	}
	if b.offer(again.Replace(ack)); tx.repeat.running() { // its To has the tag of the refusal before
		t.Error("the ACK of a refusal was dropped that its transaction awaits")
	}
}

type refusing struct{ doorHandler }

func (*refusing) OnInvite(d *Dialog, _ Invite) { d.End(End{Code: 486}) }

// BenchmarkRefusedCall: INVITE, 503, ACK while calls are late, without sockets.
func BenchmarkRefusedCall(b *testing.B) {
	x, invite, ack := refusedCall(b)
	in, end := []byte(invite), []byte(ack)
	b.ReportAllocs()
	for b.Loop() {
		x.w.receive(job{raw: bytes.Clone(in), from: x.from, at: time.Now()})
		x.w.refuseHasty()
		x.w.parse(bytes.Clone(end), x.from)
	}
}
