package call

import (
	"encoding/json"
	"strings"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/encode"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Data is a pointer to one of the structs of schemas/event that embed Base.
type Data interface {
	encode.Value
	Ref() *event.Base
}

// publish numbers and stamps an event, puts it out and starts what waits for it.
func (c *Call) publish(typ string, data Data) { c.publishFrom(0, typ, data) }

// publishFrom is publish by a strand that a handler started: that handler does not start itself.
func (c *Call) publishFrom(handler int, typ string, data Data) {
	c.Seq++
	c.stamp(data)
	c.put(Publish{Type: typ, Data: data})
	if (c.Phase == PhaseLive || afterEnd(typ)) && len(c.Handlers) > 0 {
		c.handle(handler, typ, data)
	}
}

// afterEnd: handlers of this event run after the hang-up too, since it often comes only then.
func afterEnd(typ string) bool {
	switch typ {
	case event.RecordingStored, event.RecordingFailed, event.StreamEnded, event.StreamFailed:
		return true
	}
	return false
}

func (c *Call) stamp(data Data) {
	*data.Ref() = event.Base{CallID: c.Info.ID, Tenant: c.Info.Tenant, Seq: c.Seq, At: c.now}
}

// handle starts a strand for each handler of the event.
func (c *Call) handle(not int, typ string, data Data) {
	short := shortName(typ)
	var vars map[string]any
	for _, h := range c.Handlers {
		if h.N == not || !h.wants(typ, short) {
			continue
		}
		if vars == nil {
			vars = eventVars(typ, data)
		}
		c.startHandler(h, vars)
	}
}

func (h Handler) wants(typ, short string) bool {
	return h.Event == typ || short != "" && h.Event == short || typ == event.DTMFReceived && h.Event == "digit"
}

// shortName is what documents call an event. Where the call and its legs have an event of the same name the call's is
// meant (a hold is told for both, and its handler must run once); only ringing is the leg's, for the call's is over
// before a document runs. The leg's own have their full names.
func shortName(typ string) string {
	switch typ {
	case event.CallRinging, event.LegHeld, event.LegResumed, event.LegAnswered, event.LegHangup:
		return ""
	case event.DTMFReceived:
		return "dtmf"
	}
	for _, prefix := range []string{"call.", "leg."} {
		if rest, ok := strings.CutPrefix(typ, prefix); ok {
			return rest
		}
	}
	return ""
}

// eventJSON is an event as asks carry it: its type, then its data.
func eventJSON(typ string, data Data) json.RawMessage {
	raw, err := encode.Member("type", event.Prefix+typ, data)
	if err != nil {
		return mustJSON(map[string]string{"type": event.Prefix + typ})
	}
	return raw
}

// eventVars is an event as {event.…}.
func eventVars(typ string, data Data) map[string]any {
	vars := map[string]any{}
	_ = json.Unmarshal(eventJSON(typ, data), &vars) // our own shapes
	return vars
}

// startHandler gives the strand of a handler, nil when there are too many.
func (c *Call) startHandler(h Handler, vars map[string]any) *Strand {
	if !c.roomForStrand() {
		return nil
	}
	f := Frame{Base: h.Base, Doc: h.Do.Document}
	if h.Do.URL != "" {
		f.Next = &Next{Do: verb.Do{URL: h.Do.URL}, Reason: ask.ReasonEvent}
	}
	s := c.newStrand("handler", f)
	s.Handler, s.Event = h.N, vars
	return s
}

func (c *Call) roomForStrand() bool {
	if len(c.Strands) < MaxStrands {
		return true
	}
	c.log("error", "too many strands at once")
	return false
}
