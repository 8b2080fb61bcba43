package sipua

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/load"
)

// receiveLate hands a message over that was read some time ago.
func (b *bench) receiveLate(raw string, ago time.Duration) string {
	b.link.last = nil
	b.w.do(&job{raw: []byte(raw), from: b.from, at: time.Now().Add(-ago)})
	return string(b.link.last)
}

const offer = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\n"

// stand makes the worker's queue stand.
func (b *bench) stand() {
	b.w.late.Waited(time.Second, time.Now().Add(-time.Second))
}

func TestNewCallsAreRefusedWhileTheQueueStands(t *testing.T) {
	b := newBench(t)
	up := b.establish("up")
	defer func() {
		if n := b.w.u.Refused(); n != 2 {
			t.Errorf("%d counted", n)
		}
	}()
	b.stand()
	res := b.receiveLate(benchRequest("INVITE", "new", "", 1, offer), time.Second)
	if !strings.HasPrefix(res, "SIP/2.0 503 ") || !strings.Contains(res, "Retry-After: 2\r\n\r\n") || strings.Count(res, "Call-ID: new\r\n") != 1 || b.w.calls["new"] != nil {
		t.Errorf("new: %q", res)
	}
	elsewhere := strings.ReplaceAll(benchRequest("INVITE", "elsewhere", "", 1, offer), ";rport", "")
	if res = b.receiveLate(strings.Replace(elsewhere, "198.51.100.7:5062", "198.51.100.7:5999", 1), time.Second); !strings.HasPrefix(res, "SIP/2.0 503 ") || !strings.Contains(res, "Server: ") && !strings.Contains(res, "Retry-After: 2") {
		t.Errorf("answered elsewhere: %q", res)
	}
	if res = b.receiveLate(benchRequest("INVITE", "up", "", 1, offer), time.Second); strings.Contains(res, " 503 ") {
		t.Errorf("a copy: %q", res)
	}
	if res = b.receiveLate(benchRequest("INVITE", "up", up, 2, offer), time.Second); strings.Contains(res, " 503 ") {
		t.Errorf("a re-INVITE: %q", res)
	}
	b.receiveLate(benchRequest("ACK", "up", up, 2, ""), time.Second)
	if res = b.receiveLate(benchRequest("BYE", "up", up, 3, ""), time.Second); !strings.HasPrefix(res, "SIP/2.0 200 ") {
		t.Errorf("BYE: %q", res)
	}
	if res = b.receiveLate(benchRequest("INVITE", "later", "", 1, offer), 0); strings.Contains(res, " 503 ") || b.w.calls["later"] == nil {
		t.Errorf("in time again: %q", res)
	}
}

// It was on its way when the 503 was, and its caller has gone by the time that it is read.
func TestACopyOfARefusedCallIsRefusedWhenCallsAreTakenAgain(t *testing.T) {
	b := newBench(t)
	b.stand()
	if res := b.receiveLate(benchRequest("INVITE", "new", "", 1, offer), time.Second); !strings.HasPrefix(res, "SIP/2.0 503 ") {
		t.Fatalf("refused: %q", res)
	}
	if res := b.receiveLate(benchRequest("INVITE", "new", "", 1, offer), 0); !strings.HasPrefix(res, "SIP/2.0 503 ") || b.w.calls["new"] != nil {
		t.Errorf("a copy: %q", res)
	}
	if b.receiveLate(strings.Replace(benchRequest("INVITE", "new", "", 2, offer), "branch=", "branch=z9hG4bK-2", 1), 0); b.w.calls["new"] == nil {
		t.Errorf("the caller's next try is refused: %q", b.link.last)
	}
}

func TestRefusalsAreForgottenOnceNoCopyCanCome(t *testing.T) {
	r := newShedCalls()
	r.add([]byte("a"), 0)
	r.add([]byte("b"), copiesFor+1)
	if !r.has([]byte("a")) || !r.has([]byte("b")) || r.has([]byte("c")) || !r.any(2*copiesFor) {
		t.Error("forgotten")
	}
	r.add([]byte("c"), 2*copiesFor+2)
	if r.has([]byte("a")) || !r.has([]byte("b")) || r.any(5*copiesFor) || r.now != nil || r.old != nil {
		t.Error("kept")
	}
	for i := range 3 * maxShed {
		if r.add(fmt.Append(nil, i), 0); len(r.now)+len(r.old) > 2*maxShed {
			t.Fatal("more are kept than may be")
		}
	}
}

func TestNewCallsAreRefusedUnparsedWhileTheHandlerIsFull(t *testing.T) {
	b := newBench(t)
	up := b.establish("up")
	b.w.u.load = func() load.Level { return load.Full }
	for callID, refused := range map[string]bool{"new": true, "up": false} {
		b.link.last = nil
		tag := ""
		if !refused {
			tag = up
		}
		b.w.receive(job{raw: []byte(benchRequest("INVITE", callID, tag, 2, offer)), from: b.from, at: time.Now()})
		b.w.refuseHasty()
		if got := strings.HasPrefix(string(b.link.last), "SIP/2.0 503 "); got != refused || len(b.w.take(nil)) == 1 == refused {
			t.Errorf("%s: %q", callID, b.link.last)
		}
	}
}

func TestARefusalPassesAllThatWaits(t *testing.T) {
	b := newBench(t)
	up := b.establish("up")
	b.stand()
	b.w.hasty.wanted.Store(b.w.late.Waited(time.Second, time.Now()) == load.Full)
	long, before := time.Now().Add(-time.Second), b.w.waiting.Load()
	for _, raw := range []string{
		benchRequest("BYE", "other", "", 1, ""),
		benchRequest("INVITE", "up", up, 2, offer), // takes its turn
		benchRequest("INVITE", "new", "", 1, offer),
	} {
		b.w.receive(job{raw: []byte(raw), from: b.from, at: long})
	}
	b.link.last = nil
	b.w.refuseHasty()
	if res := string(b.link.last); !strings.HasPrefix(res, "SIP/2.0 503 ") || !strings.Contains(res, "Call-ID: new\r\n") {
		t.Errorf("refused: %q", res)
	}
	if n := b.w.waiting.Load() - before; n != 2 || len(b.w.queue) != 2 || b.w.hasty.count.Load() != 0 {
		t.Errorf("%d wait, %d in the queue, %d hasty", n, len(b.w.queue), b.w.hasty.count.Load())
	}
	b.w.take(nil)
	b.w.rested()
	b.w.hasten(job{raw: []byte(benchRequest("INVITE", "later", "", 1, offer)), from: b.from, at: time.Now()})
	b.w.refuseHasty()
	for _, j := range b.w.take(nil) {
		b.w.do(&j)
	}
	if b.w.calls["later"] == nil {
		t.Error("the queue is empty, and a call is refused")
	}
}
