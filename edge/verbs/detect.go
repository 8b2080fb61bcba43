package verbs

import (
	"cmp"
	"slices"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

const detectFor = 30 * time.Second // in the foreground

var detectWhat = []string{call.DetectMachine, call.DetectFax}

// detect listens to a party. In the foreground it answers the caller, and ends with the first finding: status done with
// detected and confidence, timeout when nothing was found, failed when the party is gone. In the background it lasts until
// its time is up, cancel, or the end of the script; each finding is told by its event, and starts what `on` has for it.
type detect struct {
	Spec       *verb.Detect
	Background bool `json:",omitempty"`
	Detect     int  `json:",omitempty"`
}

// Begin starts to listen.
func (v *detect) Begin(r *call.Run) {
	leg, why := party(r, v.Spec.Party)
	if leg == 0 {
		r.Done(failed(why), v.then("failed"))
		return
	}
	limit := time.Duration(v.Spec.For)
	if v.Spec.Background {
		if v.Background = r.Detach("background"); !v.Background {
			r.Done(tooMany())
			return
		}
	} else {
		limit = cmp.Or(limit, detectFor)
		if leg == r.Line() {
			r.Open()
		}
	}
	v.listen(r, leg, limit)
}

func (v *detect) listen(r *call.Run, leg int, limit time.Duration) {
	d := call.Detection{What: v.Spec.What}
	if len(d.What) == 0 {
		d.What = detectWhat
	}
	if slices.Contains(d.What, call.DetectSilence) {
		d.Silence = time.Duration(cmp.Or(v.Spec.Silence, verb.DefaultDetectSilence))
	}
	if v.Detect = r.Detect(leg, d); v.Detect == 0 {
		v.end(r, failed("too many detections"), "failed")
		return
	}
	if limit > 0 {
		r.After(limit)
	}
}

// Input takes findings and the end of its time.
func (v *detect) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.TimerFired:
		v.end(r, ask.Result{Status: call.StatusTimeout}, "timeout")
	case call.Detected:
		v.found(r, in)
	}
}

func (v *detect) found(r *call.Run, in call.Detected) {
	switch {
	case in.Error != "":
		v.end(r, failed(in.Error), "failed")
	case !v.Background:
		v.end(r, ask.Result{Status: call.StatusDone, Detected: in.What, Confidence: in.Confidence}, in.What)
	default:
		if do, ok := v.Spec.On[in.What]; ok {
			r.Handle(do, map[string]any{"type": event.Prefix + "leg." + in.What, "detected": in.What, "confidence": in.Confidence})
		}
	}
}

// end is its last; in the background `on` is beside the script, and there is no next.
func (v *detect) end(r *call.Run, res ask.Result, key string) {
	if !v.Background {
		r.Done(res, v.then(key))
		return
	}
	if do, ok := v.Spec.On[key]; ok {
		r.Handle(do, map[string]any{"type": event.Prefix + event.VerbEnded, "verb": "detect", "result": map[string]any{"status": res.Status}})
	}
	r.Done(res)
}

func (v *detect) then(key string) call.Then {
	if do, ok := v.Spec.On[key]; ok {
		return call.Then{Do: &do}
	}
	return call.Then{Do: v.Spec.Next, Replace: true}
}
