package call

import (
	"slices"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// scriptEnded: the main strand came to its end, so the call is hung up. A caller that was never answered is told how
// the last dial fared.
func (c *Call) scriptEnded(s *Strand) {
	if c.Phase != PhaseLive {
		return
	}
	res, l := s.Result, c.leg(c.Caller)
	switch {
	case l != nil && !l.answered() && c.Script.Dialled != nil:
		c.end(c.unanswered(c.Script.Dialled), "script")
	case l != nil && l.answered() && res != nil && res.Status == StatusAnswered && res.Cause == CauseNormal.Reason:
		c.end(CauseNormal, "agent")
	default:
		c.end(CauseScriptEnded, "script")
	}
}

// unanswered is what the caller is told of a dial that nobody took: the status of the other side where it gave one.
func (c *Call) unanswered(res *ask.Result) event.Cause {
	cause := CauseUnreachable
	switch res.Status {
	case StatusBusy, StatusNoAnswer, StatusTimeout, StatusRefused:
		cause = CauseNamed(res.Status)
	}
	if cause.Class == ClassTimeout {
		cause.SIP = 480 // a 408 of ours would have the caller's phone try again (RFC 3261 21.4.9)
	}
	switch {
	case res.SIP == nil || res.SIP.Code < 400:
		return cause
	case slices.Contains(ofOurRequest, res.SIP.Code):
		cause.SIP = 480
		return cause
	case res.SIP.Code == 503:
		return CauseOf(500, "") // a 503 of ours says that this edge is down, not whom it called (RFC 3261 16.7)
	}
	return CauseOf(res.SIP.Code, res.SIP.Phrase)
}

// ofOurRequest are statuses about the request that we sent (its credentials, extensions, session, end), not about whom it
// called. The caller's phone would take them for its own request.
var ofOurRequest = []int{401, 407, 408, 420, 421, 422, 481, 487, 491, 494}

// end hangs up: everything that runs stops, all legs are told, and the `on hangup` handlers may work for WrapUp.
func (c *Call) end(cause event.Cause, by string) {
	if c.Phase != PhaseLive {
		return
	}
	if l := c.leg(c.Caller); l != nil && l.answered() {
		cause.SIP = 0 // a response can't be given any more
	}
	c.Phase = PhaseEnding
	c.End = &Ending{Cause: cause, By: by, At: c.now}
	if c.Caller != 0 && c.leg(c.Caller) == nil {
		cause = CauseNormal // to the others the caller hung up, whatever it was
	}
	c.killStrands(cause)
	for _, l := range slices.Clone(c.Legs) {
		c.endLeg(l, c.legCause(l, cause))
	}
	c.Info.Status = "ended"
	c.startWrapUp()
}

// startWrapUp starts the handlers of the hang-up. Their event is what is known by now; the final one comes last.
func (c *Call) startWrapUp() {
	var vars map[string]any
	for _, h := range c.Handlers {
		if h.Event != "hangup" && h.Event != event.CallHangup {
			continue
		}
		if vars == nil {
			data := c.hangupData()
			c.stamp(data)
			vars = eventVars(event.CallHangup, data)
			delete(vars, "seq") // the final event will have another
		}
		c.startHandler(h, vars)
	}
	c.Handlers = slices.DeleteFunc(c.Handlers, func(h Handler) bool { return !c.storing() || !afterEnd(h.Event) })
	c.startWrapUpTimer()
}

// startWrapUpTimer bounds what handlers do after the end.
func (c *Call) startWrapUpTimer() {
	if c.Phase == PhaseEnding && c.End.Timer == 0 && len(c.Strands) > 0 {
		c.End.Timer = c.next()
		c.put(TimerStart{Timer: c.End.Timer, After: WrapUp})
	}
}

func (c *Call) stopWrapUp() {
	if c.End.Timer != 0 {
		c.put(TimerStop{Timer: c.End.Timer})
		c.End.Timer = 0
	}
}

func (c *Call) hangupData() *event.Hangup {
	i := c.Info
	data := &event.Hangup{Cause: c.End.Cause, By: c.End.By, Direction: i.Direction, From: i.From, FromName: i.FromName, To: i.To,
		Trunk: i.Trunk, User: i.User, Agent: c.Agent.Number, AgentName: c.Agent.Name, CreatedAt: i.CreatedAt,
		AnsweredAt: i.AnsweredAt, BridgedAt: c.Bridge.At, DurationMS: max(0, c.End.At.Sub(i.CreatedAt).Milliseconds())}
	some := c.Notes.read()
	data.Tags, data.Recordings = some.Tags, some.Recordings
	if c.Bridge.At != nil {
		data.TalkMS = max(0, c.End.At.Sub(*c.Bridge.At).Milliseconds())
	}
	data.Legs = append([]event.LegEnd{}, c.Ended...)
	slices.SortFunc(data.Legs, func(a, b event.LegEnd) int { return a.Leg - b.Leg })
	return data
}

// finish: nothing is held any more. The final event is out, the script gets its notice, and the call is over.
func (c *Call) finish() {
	data := c.hangupData()
	c.publish(event.CallHangup, data)
	if c.Script.URL != "" {
		a := &Asking{N: c.next(), To: c.Script.URL, Reason: ask.ReasonHangup}
		payload := c.payload(a)
		payload.Event = eventJSON(event.CallHangup, data)
		c.put(AskStart{Ask: a.N, To: a.To, Payload: payload, Notice: true})
	}
	c.Phase = PhaseOver
	c.put(Over{})
}
