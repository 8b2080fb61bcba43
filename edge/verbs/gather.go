package verbs

import (
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// gather collects digits while its prompt plays; a digit stops the prompt. Digits that came before it are taken first.
// It ends by finish_on, by max_digits, or when nothing comes in time; a menu (digit keys in `on`, neither max_digits nor
// next) as soon as the digits are a key that none of the others goes on from. Too few digits are bad_input, and so are,
// where `on` has bad_input, digits that it does not list. After its tries it ends with status done, timeout (cause
// no_input) or failed (cause bad_input). What `on` has for that runs before what is left of the script; otherwise `next`
// takes its place.
type gather struct {
	Spec   *verb.Gather
	Digits string `json:",omitempty"`
	Tried  int    `json:",omitempty"`
	Prompt int    `json:",omitempty"` // strand
	Timer  int    `json:",omitempty"`
}

// Begin claims the caller's digits and asks for them.
func (v *gather) Begin(r *call.Run) {
	r.Open()
	r.Claim(r.Line())
	v.prompt(r)
}

// prompt plays the prompt, unless digits wait already, and then waits.
func (v *gather) prompt(r *call.Run) {
	v.Tried++
	v.Digits, v.Prompt, v.Timer = "", 0, 0
	if len(v.Spec.Prompt) > 0 && r.Waiting(r.Line()) == "" {
		v.Prompt = r.Spawn(v.Spec.Prompt)
	}
	if v.Prompt == 0 {
		v.wait(r, v.Spec.Timeout, verb.DefaultGatherTimeout)
	}
}

func (v *gather) wait(r *call.Run, d, otherwise verb.Duration) {
	r.Stop(v.Timer)
	if d <= 0 {
		d = otherwise
	}
	v.Timer = r.After(time.Duration(d))
}

// Input takes digits, the prompt's end and the timeout.
func (v *gather) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.Digit:
		v.digit(r, in.Digit)
	case call.StrandEnded:
		v.Prompt = 0
		v.wait(r, v.Spec.Timeout, verb.DefaultGatherTimeout)
	case call.TimerFired:
		v.Timer = 0
		v.finish(r)
	}
}

func (v *gather) digit(r *call.Run, d string) {
	r.Cancel(v.Prompt)
	v.Prompt = 0
	if strings.Contains(v.Spec.FinishOn, d) {
		v.finish(r)
		return
	}
	v.Digits += d
	if v.full() {
		v.finish(r)
		return
	}
	v.wait(r, v.Spec.DigitTimeout, verb.DefaultGatherDigitTimeout)
}

// full is true when no further digit is wanted.
func (v *gather) full() bool {
	if v.Spec.MaxDigits > 0 {
		return len(v.Digits) >= v.Spec.MaxDigits
	}
	return len(v.Digits) >= call.MaxDigits || v.Spec.Next == nil && v.chosen()
}

// chosen is true when the digits are a key of `on` that no other key goes on from.
func (v *gather) chosen() bool {
	if _, ok := v.Spec.On[v.Digits]; !ok {
		return false
	}
	for key := range v.Spec.On { // any: the order does not show
		if len(key) > len(v.Digits) && strings.HasPrefix(key, v.Digits) {
			return false
		}
	}
	return true
}

// finish judges what came: good digits end it, otherwise it tries again.
func (v *gather) finish(r *call.Run) {
	r.Stop(v.Timer)
	res, key := v.judge()
	if res.Status != call.StatusDone && v.Tried < max(1, v.Spec.Tries) {
		v.prompt(r)
		return
	}
	r.SetDigits(v.Digits)
	r.Done(res, v.then(key))
}

// judge gives the result and the key of `on` that it falls under.
func (v *gather) judge() (ask.Result, string) {
	_, listed := v.Spec.On[v.Digits]
	_, strict := v.Spec.On["bad_input"]
	switch {
	case v.Digits == "":
		return ask.Result{Status: call.StatusTimeout, Cause: "no_input"}, "no_input"
	case len(v.Digits) < v.Spec.MinDigits, strict && v.menu() && !listed:
		return ask.Result{Status: call.StatusFailed, Cause: "bad_input", Digits: v.Digits}, "bad_input"
	}
	return ask.Result{Status: call.StatusDone, Digits: v.Digits}, v.Digits
}

// menu is true when `on` lists digits.
func (v *gather) menu() bool {
	for key := range v.Spec.On {
		if strings.Trim(key, "0123456789*#ABCD") == "" {
			return true
		}
	}
	return false
}

func (v *gather) then(key string) call.Then {
	if do, ok := v.Spec.On[key]; ok {
		return call.Then{Do: &do}
	}
	return call.Then{Do: v.Spec.Next, Replace: true}
}
