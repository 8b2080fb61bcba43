//go:build e2e

package browser

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

func uri(number string) string { return "sip:" + number + "@127.0.0.1" }

// talk: the page calls the phone on the desk, which takes the call.
func talk(r *rig, library string) (*page, *phone) {
	r.t.Helper()
	p, d := r.phone(library, "105"), r.desk("101")
	p.do("call", uri("101"))
	d.wait("CALL_INCOMING")
	p.wait("ringing")
	d.do("accept", "")
	d.wait("CALL_ESTABLISHED")
	p.wait("answered")
	return p, d
}

// called: the phone on the desk calls the page, which takes the call.
func called(r *rig, library string) (*page, *phone) {
	r.t.Helper()
	p, d := r.phone(library, "105"), r.desk("101")
	d.do("dial", "sip:105@"+r.SIP)
	if e := p.wait("incoming"); e["from"] != "101" {
		r.t.Errorf("the page is told %v", e)
	}
	p.do("accept")
	p.wait("answered")
	d.wait("CALL_ESTABLISHED")
	return p, d
}

func pageCalls(r *rig, library string) {
	began := time.Now()
	p, d := talk(r, library)
	r.hear("talking", map[ear][]int{p: {desk}, d: {microphone}})
	holds(r, p, d)
	p.do("hangup")
	d.wait("CALL_CLOSED")
	p.wait("ended")
	raw, _ := json.Marshal(r.event("call.hangup", began).Data["legs"])
	for _, want := range []string{`"encryption":"dtls"`, `"encryption":"none"`} {
		if !strings.Contains(string(raw), want) {
			r.t.Errorf("no %s in %s", want, raw)
		}
	}
}

func pageIsCalled(r *rig, library string) {
	p, d := called(r, library)
	r.hear("talking", map[ear][]int{p: {desk}, d: {microphone}})
	holds(r, p, d)
	d.do("hangup", "")
	p.wait("ended")
}

// holds: both hold and resume, one after the other. Who waits hears music.
func holds(r *rig, p *page, d *phone) {
	r.t.Helper()
	p.do("hold")
	r.hear("the page holds", map[ear][]int{p: {}, d: {}})
	r.music("the page holds", d)
	p.do("resume")
	r.hear("the page is back", map[ear][]int{p: {desk}, d: {microphone}})
	d.do("hold", "")
	r.hear("the desk holds", map[ear][]int{p: {}, d: {}})
	r.music("the desk holds", p)
	d.do("resume", "")
	r.hear("the desk is back", map[ear][]int{p: {desk}, d: {microphone}})
}

func hearsAScript(r *rig, library string) {
	p := r.phone(library, "105")
	p.do("call", uri("100"))
	p.wait("answered")
	r.hear("a script plays", map[ear][]int{p: {whistle}})
	p.do("hangup")
	p.wait("ended")
}

// presses: digits in the sound (RFC 4733) and by INFO.
func presses(r *rig, library string) {
	p, began := r.phone(library, "105"), time.Now()
	p.do("call", uri("11"))
	p.wait("answered")
	r.hear("asked for digits", map[ear][]int{p: {whistle}})
	p.do("press", "12")
	r.event("custom.pressed", began)
	p.do("info", "34")
	e := r.event("custom.digits", began)
	if data, _ := e.Data["data"].(map[string]any); data["got"] != "12 34" {
		r.t.Errorf("the script got %v", e.Data)
	}
	p.wait("ended")
}

func pageGivesUp(r *rig, library string) {
	p, d, began := r.phone(library, "105"), r.desk("101"), time.Now()
	p.do("call", uri("101"))
	d.wait("CALL_INCOMING")
	p.wait("ringing")
	p.do("hangup")
	d.wait("CALL_CLOSED")
	p.wait("ended")
	r.endedBy("caller", began)
}

func deskGivesUp(r *rig, library string) {
	p, d, began := r.phone(library, "105"), r.desk("101"), time.Now()
	d.do("dial", "sip:105@"+r.SIP)
	p.wait("incoming")
	d.do("hangup", "")
	p.wait("ended")
	r.endedBy("caller", began)
}

func pageRefuses(r *rig, library string) {
	p, d, began := r.phone(library, "105"), r.desk("101"), time.Now()
	d.do("dial", "sip:105@"+r.SIP)
	p.wait("incoming")
	p.do("reject")
	p.wait("ended")
	if e := d.wait("CALL_CLOSED"); !strings.HasPrefix(e.Param, "48") { // 486 Busy Here, 480 Temporarily Unavailable
		r.t.Errorf("the caller is told %v", e)
	}
	r.endedBy("script", began)
}

func deskRefuses(r *rig, library string) {
	p, d, began := r.phone(library, "105"), r.desk("101"), time.Now()
	p.do("call", uri("101"))
	d.wait("CALL_INCOMING")
	d.do("hangup", "") // 486
	p.wait("ended")
	r.endedBy("script", began)
}

// endedBy checks who has ended the call.
func (r *rig) endedBy(who string, began time.Time) {
	r.t.Helper()
	if e := r.event("call.hangup", began); e.Data["by"] != who {
		r.t.Errorf("the call ended by %v, wanted %s", e.Data["by"], who)
	}
}

// pagesTalk: a page calls another, which takes the call.
func pagesTalk(r *rig, library, another string) (p, q *page) {
	r.t.Helper()
	p, q = r.phone(library, "105"), r.phone(another, "106")
	q.Run(r.t, "say(1300)", nil)
	p.do("call", uri("106"))
	q.wait("incoming")
	q.do("accept")
	q.wait("answered")
	p.wait("answered")
	r.hear("talking", map[ear][]int{p: {second}, q: {microphone}})
	return p, q
}

func pageToPage(r *rig, library string) {
	p, q := pagesTalk(r, library, other[library])
	q.do("hold")
	r.hear("the called one holds", map[ear][]int{p: {}, q: {}})
	q.do("resume")
	r.hear("back", map[ear][]int{p: {second}, q: {microphone}})
	q.do("hangup")
	p.wait("ended")
}

func transfers(r *rig, library string) {
	p, d := called(r, library)
	p.do("transfer", uri("100"))
	r.hear("transferred to a script", map[ear][]int{d: {whistle}})
	d.do("hangup", "")
	p.wait("ended")
}

// referred: the script has the page call a number itself.
func referred(r *rig, library string) {
	p := r.phone(library, "105")
	p.do("call", uri("13"))
	p.wait("referred")
	r.hear("it has called", map[ear][]int{p: {whistle}})
	r.eventually("the first call is over", func() bool { return r.LiveCalls(r.t) == 1 })
	p.do("hangup")
	p.wait("ended")
}

// closedInACall: nobody is kept waiting for long.
func closedInACall(r *rig, library string) {
	p, d := talk(r, library)
	r.hear("talking", map[ear][]int{p: {desk}, d: {microphone}})
	closed := time.Now()
	p.Close()
	d.wait("CALL_CLOSED")
	if took := time.Since(closed); took > 25*time.Second { // 10 s, and this machine may be slow
		r.t.Errorf("the desk is told after %s", took)
	}
}

func closedWhileItRings(r *rig, library string) {
	p, d, began := r.phone(library, "105"), r.desk("101"), time.Now()
	p.do("call", uri("101"))
	d.wait("CALL_INCOMING")
	p.Close()
	d.wait("CALL_CLOSED")
	r.endedBy("caller", began)
}

// early: a script is heard before the call is answered.
func early(r *rig, library string) {
	p := r.phone(library, "105")
	p.do("call", uri("12"))
	if e := p.wait("ringing"); e["code"] != 183.0 {
		r.t.Errorf("the page is told %v", e)
	}
	r.hear("before the answer", map[ear][]int{p: {whistle}})
	p.do("hangup")
	p.wait("ended")
}

// streamIsCut: the page's signalling comes back in the call, and the sound never went.
func streamIsCut(r *rig, library string) {
	w, p, d := overAWire(r, library)
	r.hear("talking", map[ear][]int{p: {desk}, d: {microphone}})
	w.cut()
	p.wait("registered")
	r.hear("talking on", map[ear][]int{p: {desk}, d: {microphone}})
	d.do("hangup", "")
	p.wait("ended")
}

// hungUpMeanwhile: the page learns of it when it is back.
func hungUpMeanwhile(r *rig, library string) {
	w, p, d := overAWire(r, library)
	w.cut()
	p.wait("disconnected")
	d.do("hangup", "")
	d.wait("CALL_CLOSED")
	p.wait("registered")
	if e := p.wait("ended"); e["by"] != "remote" {
		r.t.Errorf("the page is told %v", e)
	}
}

// overAWire: the phone on the desk has called a page whose stream can be cut.
func overAWire(r *rig, library string) (*wire, *page, *phone) {
	r.t.Helper()
	w := newWire(r.t, r.HTTP)
	p, d := r.page(library), r.desk("101")
	p.start("ws://"+w.addr+"/sip", "105", "demo-105")
	p.wait("registered")
	d.do("dial", "sip:105@"+r.SIP)
	p.wait("incoming")
	p.do("accept")
	d.wait("CALL_ESTABLISHED")
	return w, p, d
}

// event waits for one of a type that is newer than began.
func (r *rig) event(kind string, began time.Time) (found real.Event) {
	r.t.Helper()
	r.eventually(kind, func() bool {
		for _, e := range r.Recent(r.t, kind) {
			if e.Time.After(began) {
				found = e
			}
		}
		return found.Type != ""
	})
	return found
}

// over: all calls are over, and what the log has of them is whole.
func (r *rig) over(began time.Time) {
	r.t.Helper()
	r.eventually("no call is left", func() bool { return r.LiveCalls(r.t) == 0 })
	for _, e := range r.Recent(r.t, "call.ringing") {
		if e.Time.After(began) {
			real.CheckTimeline(r.t, r.Ended(r.t, e.Subject))
		}
	}
}
