package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/event"
)

// The simulation must find faults: here the edge is broken on purpose, one thing at a time, and each must be told.
func TestWhatIsBrokenOnPurposeIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*Options)
		told   string // part of the problem that must be among those told
	}{
		"the final event is lost":           {func(o *Options) { o.Core = without(isHangup) }, "0 final events"},
		"an event is lost":                  {func(o *Options) { o.Core = without(isVerbEnded) }, "where"},
		"the final event comes twice":       {func(o *Options) { o.Core = repeating(isHangup) }, "call.hangup"},
		"CANCEL is not told to the call":    {func(o *Options) { o.Handler = deaf(isCancel) }, "never ended"},
		"BYE is not told to the call":       {func(o *Options) { o.Handler = deaf(isBye) }, "never ended"},
		"a port is not given back":          {func(o *Options) { o.Socket = keepOpen }, "ports are left open"},
		"a second 2xx is not noticed":       {func(o *Options) { o.Packet = unaware }, "second branch was never acknowledged"},
		"a leg is not told that it ends":    {func(o *Options) { o.Core = without(isLegEnd) }, "parties stand"},
		"a playback is never started":       {func(o *Options) { o.Core = withoutPlays }, "heard nothing"},
		"a timer is not stopped":            {func(o *Options) { o.Core = without(isTimerStop) }, "timers are held"},
		"the cause of a refusal is another": {func(o *Options) { o.Core = lying }, "the final event says"},
		"refusals are not acknowledged":     {func(o *Options) { o.Packet = noRefusalACK }, "refusals were never acknowledged"},
		"nobody hears anybody":              {func(o *Options) { o.Core = without(isMix) }, "heard nothing"},
		"a leg is lent to nobody":           {func(o *Options) { o.Core = without(sent[call.Lent]) }, "stuck"},
		"a lent leg does not come back":     {func(o *Options) { o.Core = without(sent[call.LoanEnded]) }, "heard nothing"},
		"a borrowed leg is not returned":    {func(o *Options) { o.Core = without(isReturn) }, "legs are held"},
		"a recording is not stopped":        {func(o *Options) { o.Core = without(isRecordStop) }, "never ended"},
		"a stream is not stopped":           {func(o *Options) { o.Core = without(isStreamStop) }, "never ended"},
		"a name stays":                      {func(o *Options) { o.Core = changing(keepingNames) }, "others still find it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r *Report
			for seed := range uint64(5) {
				o := rough(seed+1, perBubble)
				c.break_(&o)
				r = run(t, o)
				if slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, c.told) }) {
					return
				}
			}
			t.Errorf("not found; told were %d problems:\n%s", len(r.Problems), strings.Join(r.Problems[:min(5, len(r.Problems))], "\n"))
		})
	}
}

// broken is a core whose outputs are changed on their way out.
type broken struct {
	call.Stepper
	change func(call.Output) []call.Output
}

func (b broken) Step(now time.Time, in call.Input) (outs []call.Output) {
	for _, o := range b.Stepper.Step(now, in) {
		outs = append(outs, b.change(o)...)
	}
	return outs
}

func changing(change func(call.Output) []call.Output) func(call.Stepper) call.Stepper {
	return func(s call.Stepper) call.Stepper { return broken{s, change} }
}

func without(is func(call.Output) bool) func(call.Stepper) call.Stepper {
	return changing(func(o call.Output) []call.Output {
		if is(o) {
			return nil
		}
		return []call.Output{o}
	})
}

func repeating(is func(call.Output) bool) func(call.Stepper) call.Stepper {
	return changing(func(o call.Output) []call.Output {
		if is(o) {
			return []call.Output{o, o}
		}
		return []call.Output{o}
	})
}

func published(o call.Output, kind string) bool {
	p, ok := o.(call.Publish)
	return ok && p.Type == kind
}

func isHangup(o call.Output) bool     { return published(o, event.CallHangup) }
func isVerbEnded(o call.Output) bool  { return published(o, event.VerbEnded) }
func isStreamStop(o call.Output) bool { _, ok := o.(call.StreamStop); return ok }
func isRecordStop(o call.Output) bool { _, ok := o.(call.RecordStop); return ok }
func isReturn(o call.Output) bool     { _, ok := o.(call.LegReturn); return ok }
func isMix(o call.Output) bool        { _, ok := o.(call.SetMix); return ok }
func isTimerStop(o call.Output) bool  { _, ok := o.(call.TimerStop); return ok }
func isLegEnd(o call.Output) bool {
	l, ok := o.(call.LegEnd)
	return ok && l.Leg != 1
}

// sent to another call.
func sent[In call.Input](o call.Output) bool {
	s, ok := o.(call.Send)
	if !ok {
		return false
	}
	_, ok = s.In.(In)
	return ok
}

// keepingNames never takes the last name away.
func keepingNames(o call.Output) []call.Output {
	if n, ok := o.(call.Names); ok && len(n.Names) == 0 {
		return nil
	}
	return []call.Output{o}
}

// withoutPlays swallows the playbacks and waits for ever.
var withoutPlays = without(func(o call.Output) bool {
	p, ok := o.(call.PlayStart)
	return ok && p.Loop == 0
})

// lying tells busy whatever it was.
var lying = changing(func(o call.Output) []call.Output {
	if isHangup(o) {
		h := *o.(call.Publish).Data.(*event.Hangup)
		h.Cause = call.CauseBusy
		return []call.Output{call.Publish{Type: event.CallHangup, Data: &h}}
	}
	return []call.Output{o}
})

// dulled is a handler that is not told everything.
type dulled struct {
	sipua.Handler
	change func(sipua.DialogEvent) (sipua.DialogEvent, bool)
}

func (d dulled) OnDialog(dialog *sipua.Dialog, ev sipua.DialogEvent) {
	if ev, ok := d.change(ev); ok {
		d.Handler.OnDialog(dialog, ev)
	}
}

func deaf(to func(sipua.DialogEvent) bool) func(sipua.Handler) sipua.Handler {
	return func(h sipua.Handler) sipua.Handler {
		return dulled{h, func(ev sipua.DialogEvent) (sipua.DialogEvent, bool) { return ev, !to(ev) }}
	}
}

func isCancel(ev sipua.DialogEvent) bool {
	return ev.Kind == sipua.Ended && ev.End.Why == sipua.EndCancel && ev.End.Remote
}

func isBye(ev sipua.DialogEvent) bool {
	return ev.Kind == sipua.Ended && ev.End.Why == sipua.EndBye && ev.End.Remote
}

// keepOpen is a socket that stays open when it is closed; its reader ends.
func keepOpen(s media.PacketSocket) media.PacketSocket { return &kept{PacketSocket: s} }

type kept struct{ media.PacketSocket }

func (k *kept) Close() error {
	if e, ok := k.PacketSocket.(*edgetest.Socket); ok {
		e.Abandon()
	}
	return nil
}

// noRefusalACK loses every ACK; those of a 2xx are not missed here.
func noRefusalACK(p edgetest.Packet) bool {
	m, err := parse(p.Data)
	return err != nil || m.method != "ACK"
}

// unaware loses what the edge sends to second branches.
func unaware(p edgetest.Packet) bool {
	m, err := parse(p.Data)
	return err != nil || m.method == "" || !strings.HasSuffix(tag(m.get("to")), "twin")
}
