package calltest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Did takes what the call put out in one step at now. An error names the rule that the call broke.
func (w *World) Did(now time.Time, outs []call.Output) error {
	for _, out := range outs {
		if err := w.did(now, out); err != nil {
			return fmt.Errorf("%s %+v: %w", out.Kind(), out, err)
		}
	}
	stand := 0
	for _, l := range w.legs {
		if l.crossed {
			return fmt.Errorf("leg %d was answered after it was told to end, and not told again", l.n)
		}
		if l.answered && !l.told && !l.lent {
			stand++
		}
	}
	if most := max(2, w.cfg.Parties); stand > most {
		return fmt.Errorf("%d parties stand, and %d can talk", stand, most)
	}
	if err := w.mixHolds(); err != nil {
		return err
	}
	return w.Stuck()
}

var (
	errOver    = errors.New("the call is over")
	errUnknown = errors.New("nothing such is outstanding")
	errNumber  = errors.New("the number was given before")
)

func (w *World) did(now time.Time, out call.Output) error {
	if w.over {
		return errOver
	}
	switch o := out.(type) {
	case call.Publish:
		return w.publish(o)
	case call.Over:
		return w.end()
	case call.LegRing, call.LegAnswer, call.LegInvite, call.LegEnd:
		return w.legDone(out)
	case call.LegRefer, call.LegNotify:
		return w.referDone(out)
	case call.SetMix:
		if slices.Equal(o.Mix, w.mix) {
			return errors.New("the mix did not change")
		}
		w.mix = o.Mix
	case call.LegDTMF:
		if l := w.leg(o.Leg); l == nil || l.told || o.Digits == "" {
			return errors.New("nobody is there to take digits")
		}
	case call.LogLine, call.Messages:
	case call.Prepare:
		if len(o.Audio) == 0 || slices.ContainsFunc(o.Audio, func(a verb.Audio) bool { return a.Say == nil }) {
			return errors.New("nothing to prepare")
		}
	default:
		return w.thingDone(now, out)
	}
	return nil
}

func (w *World) legDone(out call.Output) error {
	switch o := out.(type) {
	case call.LegRing:
		if l := w.leg(o.Leg); l == nil || !l.inbound || l.answered || l.told {
			return errors.New("the leg can't be told that it rings")
		}
	case call.LegAnswer:
		l := w.leg(o.Leg)
		if l == nil || !l.inbound || l.answering || l.told {
			return errors.New("the leg can't be answered")
		}
		l.answering = true
	case call.LegInvite:
		w.legs = append(w.legs, leg{n: o.Leg})
		return w.number(o.Leg)
	case call.LegEnd:
		l := w.leg(o.Leg)
		if l == nil || l.told && !l.crossed {
			return errUnknown
		}
		l.told, l.crossed = true, false
	}
	return nil
}

func (w *World) thingDone(now time.Time, out call.Output) error {
	switch o := out.(type) {
	case call.PlayStart, call.PlayStop, call.PlayPause, call.PlaySeek:
		return w.playDone(out)
	case call.TimerStart:
		if o.After <= 0 {
			return errors.New("no time")
		}
		w.timers = append(w.timers, timer{o.Timer, now.Add(o.After)})
		return w.number(o.Timer)
	case call.TimerStop:
		return stop(w, &w.timers, call.TimerFired{Timer: o.Timer}, func(t timer) bool { return t.n == o.Timer })
	case call.AskStart:
		if !o.Notice {
			w.asks = append(w.asks, o)
		}
		return w.number(o.Ask)
	case call.AskStop:
		return stop(w, &w.asks, call.AskAnswered{Ask: o.Ask, OK: true}, func(a call.AskStart) bool { return a.Ask == o.Ask })
	case call.Resolve:
		w.resolves = append(w.resolves, o)
		return w.number(o.Resolve)
	case call.RecordStart, call.RecordPause, call.RecordStop:
		return w.recordDone(out)
	case call.StreamStart, call.StreamDigit, call.StreamStop:
		return w.streamDone(out)
	case call.DetectStart:
		w.detects = append(w.detects, detection{n: o.Detect, what: o.What})
		return w.number(o.Detect)
	case call.DetectStop:
		return stop(w, &w.detects, call.Detected{Detect: o.Detect, What: "beep"}, func(d detection) bool { return d.n == o.Detect })
	case call.LegBorrow, call.LegReturn, call.Send, call.Names:
		return w.meets(out)
	}
	return errors.New("unknown output")
}

func (w *World) playDone(out call.Output) error {
	switch o := out.(type) {
	case call.PlayStart:
		w.plays = append(w.plays, o.Play)
		return w.number(o.Play)
	case call.PlayStop:
		w.paused = without(w.paused, func(n int) bool { return n == o.Play })
		return stop(w, &w.plays, call.PlayEnded{Play: o.Play}, func(n int) bool { return n == o.Play })
	case call.PlayPause:
		if !slices.Contains(w.plays, o.Play) || slices.Contains(w.paused, o.Play) == o.Paused {
			return errUnknown
		}
		if w.paused = without(w.paused, func(n int) bool { return n == o.Play }); o.Paused {
			w.paused = append(w.paused, o.Play)
		}
	case call.PlaySeek:
		if !slices.Contains(w.plays, o.Play) {
			return errUnknown
		}
	}
	return nil
}

// number: the one counter never goes back.
func (w *World) number(n int) error {
	if n <= w.last {
		return errNumber
	}
	w.last = n
	return nil
}

// stop takes a thing away; what was in flight may still come.
func stop[T any](w *World, list *[]T, late call.Input, is func(T) bool) error {
	before := len(*list)
	if *list = without(*list, is); len(*list) == before {
		return errUnknown
	}
	if w.lates < w.cfg.Late {
		w.lates++
		w.late = append(w.late, late)
	}
	return nil
}

func (w *World) publish(o call.Publish) error {
	base := o.Data.(call.Data).Ref()
	w.seq++
	switch {
	case base.Seq != w.seq:
		return fmt.Errorf("seq %d, want %d", base.Seq, w.seq)
	case (w.seq == 1) != (o.Type == event.CallRinging):
		return errors.New("call.ringing is the first event, and once")
	case w.hung:
		return errors.New("call.hangup was out")
	case base.At.IsZero() || base.CallID == "":
		return errors.New("not stamped")
	}
	w.hung = o.Type == event.CallHangup
	return nil
}

// end: with Over nothing is held any more. A resolve is only a question, its answer is ignored.
func (w *World) end() error {
	w.over = true
	switch {
	case !w.hung:
		return errors.New("without call.hangup")
	case len(w.legs) > 0:
		return fmt.Errorf("%d legs are held", len(w.legs))
	case len(w.plays) > 0:
		return fmt.Errorf("%d playbacks are held", len(w.plays))
	case len(w.timers) > 0:
		return fmt.Errorf("%d timers are held", len(w.timers))
	case len(w.asks) > 0:
		return fmt.Errorf("%d asks are held", len(w.asks))
	case len(w.records) > 0:
		return fmt.Errorf("%d recordings are held", len(w.records))
	case len(w.streams) > 0:
		return fmt.Errorf("%d streams are held", len(w.streams))
	case len(w.detects) > 0:
		return fmt.Errorf("%d detections are held", len(w.detects))
	case len(w.mix) > 0:
		return errors.New("somebody is still heard")
	case len(w.names) > 0:
		return fmt.Errorf("others still find it by %v", w.names)
	}
	return nil
}

// mixHolds: the mix names only what is there, and nobody hears himself or, while he holds, anything.
func (w *World) mixHolds() error {
	for _, row := range w.mix {
		if err := w.rowHolds(row); err != nil {
			return fmt.Errorf("mix %v: %w", w.mix, err)
		}
	}
	return nil
}

func (w *World) rowHolds(row call.Hear) error {
	to, from := w.leg(row.To), w.leg(row.From)
	switch {
	case w.recorded(row.To) || w.hears(row.To) || w.listens(row.To):
		if slices.Contains(w.loans, row.From) && !w.listens(row.To) {
			return nil
		}
		if from == nil && !(w.recorded(row.To) && w.talks(row.From)) {
			return fmt.Errorf("%d is recorded, streamed or listened to and no leg", row.From)
		}
	case to == nil || to.told:
		return fmt.Errorf("leg %d is gone", row.To)
	case to.held:
		return fmt.Errorf("leg %d holds and hears", row.To)
	case row.From == row.To:
		return fmt.Errorf("leg %d hears itself", row.To)
	}
	switch {
	case from == nil && slices.Contains(w.paused, row.From):
		return fmt.Errorf("%d pauses and is heard", row.From)
	case from == nil && !slices.Contains(w.plays, row.From) && !w.talks(row.From):
		return fmt.Errorf("%d is gone", row.From)
	case from != nil && (from.told || !from.answered && !from.answering && !from.early):
		return fmt.Errorf("leg %d can't be heard", row.From)
	}
	return nil
}
