package call

import (
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// What is listened for, as documents say it.
const (
	DetectMachine  = "machine"
	DetectFax      = "fax"
	DetectBeep     = "beep"
	DetectBusyTone = "busy_tone"
	DetectSilence  = "silence"
	DetectDigits   = "digits"
)

// MaxDetections is how many parties of a call are listened to at once.
const MaxDetections = 8

// Detection is what a run wants listened for.
type Detection struct {
	What    []string // DetectMachine ...
	Silence time.Duration
}

// Detect begins to listen to a leg for this run; Detected tells each finding, but for digits, which come as any Digit does.
// It goes on until Stop, or until that party is gone. 0 when there are too many.
func (r *Run) Detect(leg int, d Detection) int {
	c := r.call
	if c == nil {
		return 0
	}
	if c.count(thingDetect) >= MaxDetections {
		c.log("error", "too many detections at once")
		return 0
	}
	n := r.own(thingDetect, leg)
	c.put(DetectStart{Detect: n, What: d.What, Silence: d.Silence})
	return n
}

// findings are the events of what is found.
var findings = map[string]string{
	"human": event.LegHuman, "machine": event.LegMachine, "fax": event.LegFax, "beep": event.LegBeep, "busy_tone": event.LegBusyTone,
	"silence": event.LegSilence,
}

func (c *Call) detected(in Detected) {
	t, typ := c.thing(thingDetect, in.Detect), findings[in.What]
	if t == nil || typ == "" || c.live(t.Leg) == nil {
		return
	}
	owner, data := t.Owner, &event.Detection{Leg: t.Leg, Confidence: in.Confidence, AfterMS: in.AfterMS, DurationMS: in.DurationMS, Hz: in.Hz}
	if r := c.run(owner); r != nil {
		data.VerbID = r.ID
	}
	c.publish(typ, data)
	c.deliver(owner, in)
}

// heardByDetectors adds the rows of who is listened to. Whether others hear that party, and in which call, makes no
// difference; one that holds has only its music to offer.
func (c *Call) heardByDetectors(m Mix) Mix {
	for _, t := range c.Things {
		if t.What != thingDetect {
			continue
		}
		if l := c.live(t.Leg); l != nil && (l.answered() || l.Early && !l.Inbound) && !l.Held {
			m = append(m, Hear{From: l.N, To: t.N})
		}
	}
	return m
}
