package sipua

import (
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// session is the session timer of a dialog: RFC 4028.
type session struct {
	interval time.Duration // 0: none
	ours     bool          // we refresh
	late     bool          // the refresh was due already: the next time is the end
	timer    timer
}

// tooBrief refuses a session interval below ours: RFC 4028 9.
func (w *worker) tooBrief(req *sip.Request) *sip.Response {
	asked := headerOf(req, "session-expires", "x")
	least := int(w.u.cfg.MinSE / time.Second)
	if asked == "" || seconds(asked) >= least || !listed(req, "timer", "supported", "k") {
		return nil
	}
	res := refuse(req, 422, "")
	res.AppendHeader(sip.NewHeader("Min-SE", strconv.Itoa(least)))
	return res
}

// agree decides on the session timer as a UAS and gives the headers of the 2xx: RFC 4028 9. Who neither asks for one
// nor supports it gets none.
func (d *Dialog) agree(req *sip.Request) []Header {
	asked, supports := headerOf(req, "session-expires", "x"), listed(req, "timer", "supported", "k")
	if asked == "" && !supports {
		d.startSession(0, false)
		return nil
	}
	interval := int(d.w.u.cfg.SessionExpires / time.Second)
	if n := seconds(asked); n > 0 {
		interval = max(min(interval, n), seconds(headerOf(req, "min-se")), int(d.w.u.cfg.MinSE/time.Second))
	}
	ours := !supports || refresherOf(asked) == "uas"
	d.startSession(time.Duration(interval)*time.Second, ours)
	value := strconv.Itoa(interval)
	if ours {
		return []Header{{"Session-Expires", value + ";refresher=uas"}}
	}
	return []Header{{"Session-Expires", value + ";refresher=uac"}, {"Require", "timer"}}
}

func refresherOf(sessionExpires string) string {
	for p := range strings.SplitSeq(sessionExpires, ";") {
		if k, v, ok := strings.Cut(p, "="); ok && strings.EqualFold(strings.TrimSpace(k), "refresher") {
			return strings.ToLower(strings.TrimSpace(v))
		}
	}
	return ""
}

// sessionFrom takes what a 2xx to our INVITE or UPDATE says: RFC 4028 7.2. We are the UAC there.
func (d *Dialog) sessionFrom(res *sip.Response) {
	value := headerOf(res, "session-expires", "x")
	n := seconds(value)
	if n == 0 {
		d.startSession(0, false)
		return
	}
	d.startSession(time.Duration(n)*time.Second, refresherOf(value) != "uas")
}

func (d *Dialog) startSession(interval time.Duration, ours bool) {
	s := &d.session
	s.interval, s.ours, s.late = interval, ours, false
	d.w.timers.stop(&s.timer)
	if interval == 0 {
		return
	}
	wait := interval / 2
	if !ours {
		wait = interval - min(32*time.Second, interval/3) // RFC 4028 10
	}
	d.w.after(&s.timer, d, wait)
}

// sessionDue refreshes, or ends a session that nobody refreshed.
func (d *Dialog) sessionDue() {
	s := &d.session
	if d.state != confirmed || d.end != nil {
		return
	}
	if !s.ours || s.late {
		d.orphanBye(`SIP;cause=408;text="Session expired"`)
		d.finish(EndCause{Why: EndExpired, Remote: !s.ours, Code: 408, Phrase: phrase(408)})
		return
	}
	s.late = true
	d.w.after(&s.timer, d, s.interval/2-min(32*time.Second, s.interval/3))
	d.refresh()
}

// refresh by UPDATE where the other side knows it, since it needs no offer; else by re-INVITE with the same offer.
// If an offer is under way already, that one refreshes.
func (d *Dialog) refresh() {
	if d.offer.busy() || d.offer.theirs != nil || d.okay != nil {
		return
	}
	if !d.peer.update {
		d.reinvite(d.offer.sdp, true)
		return
	}
	req, way, err := d.request(sip.UPDATE, 0, d.refreshHeaders()...)
	if err != nil {
		d.lost(nil)
		return
	}
	d.ask(req, way, d.refreshAnswered)
}

func (d *Dialog) refreshAnswered(res *sip.Response) {
	switch {
	case d.state == over:
	case gone(res):
		d.lost(res)
	case res.StatusCode < 300:
		d.peer.learn(res, res.Contact())
		d.follow(d.peer.path)
		d.sessionFrom(res)
	case res.StatusCode == 422 && d.raise(res):
		d.refresh()
	case res.StatusCode == 405 || res.StatusCode == 501:
		d.peer.update = false
		d.refresh()
	}
}

// refreshHeaders ask for the timer: with who refreshes, when that is settled (RFC 4028 7.4).
func (d *Dialog) refreshHeaders() []Header {
	interval := d.session.interval
	h := []Header{{"Supported", supported}}
	if interval == 0 {
		return h
	}
	value := strconv.Itoa(int(interval / time.Second))
	if d.session.ours {
		value += ";refresher=uac"
	} else {
		value += ";refresher=uas"
	}
	return append(h, Header{"Session-Expires", value}, Header{"Min-SE", strconv.Itoa(int(d.w.u.cfg.MinSE / time.Second))})
}

// raise takes the Min-SE of a 422; false: it is no reason to try again.
func (d *Dialog) raise(res *sip.Response) bool {
	least := time.Duration(seconds(headerOf(res, "min-se"))) * time.Second
	if least <= d.session.interval || least > 24*time.Hour {
		return false
	}
	d.session.interval = least
	return true
}
