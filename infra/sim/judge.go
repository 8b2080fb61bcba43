package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// judge holds the events and what the phones saw to the invariants.
func (w *world) judge() {
	byName := map[string][]entry{}
	for id, list := range w.ledger.calls {
		name := w.nameOf(id)
		if byName[name] != nil {
			w.problem(name, "one INVITE made two calls")
		}
		byName[name] = distinct(list)
		w.inOrder(name, byName[name])
		w.meet(name, byName[name])
	}
	w.judgeLamps(byName)
	for _, c := range w.plans {
		w.judgeCall(c, byName[c.number], byName)
	}
	if n := len(w.unacknowledged); n > 1+w.opts.Calls/50 {
		w.problem("", "%d refusals were never acknowledged, such as that of %s", n, w.unacknowledged[0])
	}
	for _, p := range w.parties {
		if p.how == howLost {
			w.problem(p.name, "the edge did not answer the phone")
		}
		if p.how == howRefused && p.caller && p.code == 503 && len(byName[p.name]) == 0 {
			w.problem(p.name, "the call was turned away")
		}
	}
}

// inOrder: call.ringing first, call.hangup last and once, no hole.
func (w *world) inOrder(name string, list []entry) {
	finals := 0
	for i, e := range list {
		if e.seq != int64(i+1) {
			w.problem(name, "seq %d where %d belongs (%s)", e.seq, i+1, e.kind)
		}
		if e.kind == event.CallHangup {
			finals++
		}
	}
	if finals != 1 {
		w.problem(name, "%d final events", finals)
	} else if list[len(list)-1].kind != event.CallHangup {
		w.problem(name, "%s after the final event", list[len(list)-1].kind)
	}
	if decode[event.Hangup](list[len(list)-1].data).Cause.Reason == call.CauseInternal.Reason {
		w.problem(name, "a fault of the program ended the call (SIM_LOG=1 shows it)")
	}
	if list[0].kind != event.CallRinging {
		w.problem(name, "%s is the first event", list[0].kind)
	}
}

func (w *world) judgeCall(c *callPlan, list []entry, rooms map[string][]entry) {
	if len(list) == 0 {
		if c.kind.replaces && c.caller.how == howRefused { // there was nobody in whose place it could go
			return
		}
		if c.originated || c.caller.how != howCancelled && c.caller.how != howVanished && c.caller.how != howLost {
			w.problem(c.number, "no event of this call")
		}
		return
	}
	final, ok := first(list, event.CallHangup)
	if !ok || c.originated {
		return
	}
	h := decode[event.Hangup](final.data)
	if c.caller.referral.code != 202 { // else the call may have gone on without it
		w.trueCause(c.caller, h)
	}
	w.silences(c.caller, list, rooms, h.CreatedAt.Add(time.Duration(h.DurationMS)*time.Millisecond))
}

// trueCause: what the final event says is what the caller's phone saw.
func (w *world) trueCause(p *party, h event.Hangup) {
	wrong := func() {
		w.problem(p.name, "the phone saw %q %d, the final event says %+v by %s", p.how, p.code, h.Cause, h.By)
	}
	answered := h.AnsweredAt != nil
	w.heeded(p, h)
	switch p.how {
	case howRefused:
		if answered || h.Cause.SIP != p.code && (p.code != 480 || h.Cause.SIP >= 300) {
			wrong()
		}
	case howCancelled:
		if answered || h.Cause.Class != call.ClassCancelled || h.By != "caller" {
			wrong()
		}
	case howHungUp: // the edge's own end may have come first; it was not after the edge had answered the BYE
		end := h.CreatedAt.Add(time.Duration(h.DurationMS) * time.Millisecond)
		if h.By == "caller" && h.Cause.Class != call.ClassNormal || h.By != "caller" && end.After(p.ended) {
			wrong()
		}
	case howWasHungUp:
		if h.By == "caller" && h.Cause.Reason != call.CauseNoAck.Reason && h.Cause.Reason != call.CauseMediaTimeout.Reason {
			wrong()
		}
	}
	if p.bridged != answered && p.how != howVanished && p.how != howBoth {
		w.problem(p.name, "answered at the phone: %v; in the events: %v", p.bridged, answered)
	}
}

// heeded: after the edge has confirmed a CANCEL, it neither answers the call nor goes on with it.
func (w *world) heeded(p *party, h event.Hangup) {
	end := h.CreatedAt.Add(time.Duration(h.DurationMS) * time.Millisecond)
	if p.confirmed.IsZero() || p.how == howVanished {
		return
	}
	if h.AnsweredAt != nil && h.AnsweredAt.After(p.confirmed) || h.AnsweredAt == nil && end.After(p.confirmed) {
		w.problem(p.name, "the CANCEL was confirmed at %s and not heeded: %+v by %s", p.confirmed.Sub(w.zero), h.Cause, h.By)
	}
}

// silences: the caller's phone heard no longer nothing than the script asked for, and 6 s.
func (w *world) silences(p *party, list []entry, rooms map[string][]entry, end time.Time) {
	if p.manner.mute || p.manner.noAck {
		return
	}
	for _, g := range p.ear.silences() {
		left := g.to.Sub(g.from) - overlap(g, gap{end, g.to}) // the edge had hung up, and its BYE or the phone's ACK was lost
		for _, s := range merged(slices.Concat(scripted(list, g.to), w.dumb(append(w.company(p.name), p.name), p, g.to), w.quietRooms(p.name, list, rooms, g.to))) {
			left -= overlap(g, s)
		}
		if left > longestSilence {
			w.problem(p.name, "the caller heard nothing for %s, %s to %s, and the script asked for %s of it", g.to.Sub(g.from),
				g.from.Sub(w.zero), g.to.Sub(w.zero), g.to.Sub(g.from)-left)
		}
	}
}

// dumb are the times in which the phone of the other party sends nothing.
func (w *world) dumb(calls []string, not *party, end time.Time) (quiet []gap) {
	for _, p := range w.parties {
		if p == not || !isOf(p, calls) || !p.bridged {
			continue
		}
		if p.how == howVanished {
			quiet = append(quiet, gap{p.ended, end})
		} else if p.manner.mute || p.manner.noAck && p.manner.noOffer { // the ACK would have had its address
			quiet = append(quiet, gap{w.zero, end})
		}
	}
	return quiet
}

// scripted are the times in which the script itself is silent: pauses, waiting for digits and recording.
func scripted(list []entry, end time.Time) (quiet []gap) {
	begun := map[string]time.Time{}
	for _, e := range list {
		switch e.kind {
		case event.VerbStarted:
			v := decode[struct {
				Verb   string `json:"verb"`
				Strand int    `json:"strand"`
			}](e.data)
			if v.Verb == "pause" || v.Verb == "gather" || v.Verb == "record" {
				begun[v.Verb+text(v.Strand)] = e.at
			}
		case event.VerbEnded:
			v := decode[struct {
				Verb   string `json:"verb"`
				Strand int    `json:"strand"`
			}](e.data)
			if from, ok := begun[v.Verb+text(v.Strand)]; ok {
				quiet = append(quiet, gap{from, e.at})
				delete(begun, v.Verb+text(v.Strand))
			}
		}
	}
	for _, from := range begun {
		quiet = append(quiet, gap{from, end})
	}
	return quiet
}

func overlap(a, b gap) time.Duration {
	from, to := a.from, a.to
	if b.from.After(from) {
		from = b.from
	}
	if b.to.Before(to) {
		to = b.to
	}
	return max(0, to.Sub(from))
}

// tellPhones lists what the phones of calls with a problem, and of those that these met, were about to do, for whoever
// looks into a replay.
func (w *world) tellPhones() (lines []string) {
	var calls []string
	for _, s := range w.problems {
		name, _, _ := strings.Cut(s, ":")
		name, _, _ = strings.Cut(name, "-")
		calls = append(append(calls, name), w.company(name)...)
	}
	for _, p := range w.parties {
		if isOf(p, calls) {
			lines = append(lines, fmt.Sprintf("%s phone: %s %d at %s; %+v", p.name, p.how, p.code, p.ended.Sub(w.zero), p.manner))
		}
	}
	return lines
}

// counts tell what the workload had in it.
func (w *world) counts() map[string]int {
	n := map[string]int{}
	for _, list := range w.ledger.calls {
		for _, e := range distinct(list) {
			n[e.kind]++
			if e.kind == event.CallHangup {
				h := decode[event.Hangup](e.data)
				n["cause "+h.Cause.Class+"/"+h.Cause.Reason+" by "+h.By]++
			}
		}
	}
	for _, p := range w.parties {
		n["phone "+p.how]++
		if p.referral.sent {
			n[p.referral.outcome()]++
		}
	}
	if len(w.unacknowledged) > 0 {
		n["refusal unacknowledged"] = len(w.unacknowledged)
	}
	return n
}
