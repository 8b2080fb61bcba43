package call

import (
	"cmp"
	"slices"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// originate is the registry's name of the run that calls the first party of an originated call.
const originate = "originate"

// takeover is the registry's name of the run that puts the caller in the place of a leg of another call.
const takeover = "takeover"

// room is the registry's name of the run that a conference room is.
const room = "room"

// begin starts the call: its first event, its caller, its main strand.
func (c *Call) begin(in Begin) {
	id := c.Info.ID
	c.Info = in.Call
	if c.Info.ID == "" {
		c.Info.ID = id
	}
	if c.Info.Status = "ringing"; c.Info.CreatedAt.IsZero() {
		c.Info.CreatedAt = c.now
	}
	c.Phase = PhaseLive
	c.Notes.Trunk, c.Notes.Router = c.Info.Trunk, cmp.Or(in.Router, in.Start.URL)
	if in.Settings != (Settings{}) {
		c.Notes.write().Settings = in.Settings
	}
	if in.Leg {
		l := &Leg{N: c.next(), Inbound: true, StartedAt: c.now}
		c.Caller, c.Legs = l.N, append(c.Legs, l)
	}
	c.publish(event.CallRinging, c.callData())
	if err := c.mergeVars(in.Vars); err != nil {
		c.log("error", err.Error())
	}
	s := c.newStrand("main", Frame{Base: in.Base, Next: &Next{Do: in.Start, Reason: ask.ReasonCall, Replace: true}})
	c.Main = s.N
	switch {
	case in.Leg && in.Replaces == nil:
	case in.To != nil:
		c.start(s, &verb.Dial{To: verb.Targets{*in.To}}, originate, in.Base)
	case in.Replaces != nil:
		s.Frames = nil
		if c.start(s, &verb.Dial{}, takeover, in.Base); s.Run != nil {
			c.deliver(s.Run.N, in)
		}
	case in.Room != "":
		s.Frames = nil
		c.start(s, &verb.Conference{Room: in.Room}, room, in.Base)
	default:
		c.end(CauseInternal, "system") // a call without a party
	}
}

func (c *Call) callData() *event.Call {
	i := c.Info
	data := &event.Call{Direction: i.Direction, From: i.From, FromName: i.FromName, To: i.To, Trunk: i.Trunk, User: i.User,
		Headers: i.Headers, Params: i.Params, Leg: c.Caller}
	if i.ReferredBy != nil {
		data.ReferredBy = *i.ReferredBy
	}
	return data
}

// take hands an input to what it concerns. What is late (its leg, timer, playback, ask is gone) is ignored here, once for all.
func (c *Call) take(in Input) {
	switch in := in.(type) {
	case LegProgress:
		c.legProgress(in)
	case LegAnswered:
		c.legAnswered(in)
	case LegHeld:
		c.legHeld(in)
	case LegResumed:
		c.legResumed(in)
	case LegEnded:
		c.legEnded(in)
	case Digit:
		c.digit(in)
	case PlayEnded:
		c.playEnded(in)
	case PlayFailed:
		c.playFailed(in)
	case TimerFired:
		c.timerFired(in)
	case AskAnswered:
		c.askAnswered(in)
	case Resolved:
		c.thingBrings(thingResolve, in.Resolve, in)
	case LegReferred:
		c.legReferred(in)
	case LegNotified:
		c.legNotified(in)
	case RecordEnded, StreamStarted, StreamEnded, Detected:
		c.takeSound(in)
	case Replace:
		c.replace(in)
	case Beside:
		c.beside(in)
	case Lent, LoanTaken, LoanEnded, LoanRecalled, LoanInput, LoanNotify, LoanHushed, Placed:
		c.takeLoan(in)
	case End:
		c.end(in.Cause, in.By)
	}
}

// takeSound takes what becomes of recordings and streams.
func (c *Call) takeSound(in Input) {
	switch in := in.(type) {
	case RecordEnded:
		c.recordEnded(in)
	case StreamStarted:
		c.streamStarted(in)
	case StreamEnded:
		c.streamEnded(in)
	case Detected:
		c.detected(in)
	}
}

// takeLoan takes what other calls send.
func (c *Call) takeLoan(in Input) {
	switch in := in.(type) {
	case Lent:
		c.lent(in)
	case LoanTaken:
		c.loanTaken(in)
	case LoanEnded:
		c.loanEnded(in)
	case LoanRecalled:
		c.loanRecalled(in)
	case LoanInput:
		c.loanInput(in)
	case LoanNotify:
		c.loanNotify(in)
	case LoanHushed:
		c.loanHushed(in)
	case Placed:
		c.placed(in)
	}
}

func (c *Call) playEnded(in PlayEnded) {
	if in.Play != 0 && in.Play == c.Music.Play {
		c.Music = Music{Failed: true}
		c.log("warn", "music on hold ended: "+in.Error)
		return
	}
	if c.holdMusicEnded(in) {
		return
	}
	c.thingBrings(thingPlay, in.Play, in)
}

// gone is why what was for a party ended.
const gone = "that party is gone"

// endForNobody ends a playback or detection whose party is gone, so that its verb does not wait for ever.
func (c *Call) endForNobody() bool {
	for _, t := range c.Things {
		if t.Leg == All || c.live(t.Leg) != nil {
			continue
		}
		switch t.What {
		case thingPlay:
			c.put(PlayStop{Play: t.N})
			c.thingBrings(thingPlay, t.N, PlayEnded{Play: t.N, Error: gone, PositionMS: t.position(c.now)})
			return true
		case thingDetect:
			c.put(DetectStop{Detect: t.N})
			c.thingBrings(thingDetect, t.N, Detected{Detect: t.N, Error: gone})
			return true
		}
	}
	return false
}

func (c *Call) timerFired(in TimerFired) {
	if c.End != nil && c.End.Timer == in.Timer {
		c.End.Timer = 0
		c.log("warn", "wrap-up took too long")
		c.killStrands(CauseCancelled)
		return
	}
	if c.wrapUpOver(in.Timer) {
		return
	}
	if !c.codePaused(in.Timer) {
		c.thingBrings(thingTimer, in.Timer, in)
	}
}

// wrapUpOver ends the strands of a call that was handed on, when this is their timer.
func (c *Call) wrapUpOver(timer int) (is bool) {
	for _, s := range slices.Clone(c.Strands) {
		if s.WrapUp == 0 || s.WrapUp != timer {
			continue
		}
		if !is {
			c.log("warn", "wrap-up took too long")
		}
		is, s.WrapUp = true, 0
		c.killStrand(s, CauseCancelled)
	}
	return is
}

// thingBrings lets go of a thing that came to its end and tells its owner.
func (c *Call) thingBrings(what string, n int, in Input) {
	t := c.thing(what, n)
	if t == nil {
		return
	}
	owner := t.Owner
	c.dropThing(n)
	c.deliver(owner, in)
}

func (c *Call) replace(in Replace) {
	if c.Phase != PhaseLive {
		return
	}
	f := Frame{Base: cmp.Or(in.Base, c.Script.URL), Doc: in.Document}
	s := c.strand(c.Main)
	if s != nil && s.Run != nil && s.Run.Name == originate {
		s.Frames = []Frame{f} // nobody is there yet: it runs once somebody is
		return
	}
	if s != nil {
		c.killStrand(s, CauseReplaced)
	}
	c.killBeside(nil, CauseReplaced)
	c.Main = c.newStrand("main", f).N
	c.tellReplaced(c.Caller)
}

// beside runs a document in a strand of its own.
func (c *Call) beside(in Beside) {
	if c.Phase != PhaseLive || !c.roomForStrand() {
		return
	}
	s := c.newStrand("beside", Frame{Base: cmp.Or(in.Base, c.Script.URL), Doc: in.Document})
	if in.Agent {
		s.Line = c.Bridge.Leg
	}
}
