package verbs

import (
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// Defaults of gather.
const (
	gatherTimeout      = 5 * time.Second
	gatherDigitTimeout = 3 * time.Second
)

// gather collects digits while its prompt plays; a digit stops the prompt. Digits that came before it are taken first.
// It ends by finish_on, by max_digits, when no digit key of `on` can still grow, or when nothing comes in time. Too few
// digits, or digits that no key of `on` has, are bad_input. After its tries it ends with status done, or timeout
// (cause no_input) or failed (cause bad_input).
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
	r.Claim(r.Caller())
	v.prompt(r)
}

// prompt plays the prompt, unless digits wait already, and then waits.
func (v *gather) prompt(r *call.Run) {
	v.Tried++
	v.Digits, v.Prompt, v.Timer = "", 0, 0
	if len(v.Spec.Prompt) > 0 && r.Waiting(r.Caller()) == "" {
		v.Prompt = r.Spawn(v.Spec.Prompt)
	}
	if v.Prompt == 0 {
		v.wait(r, v.Spec.Timeout, gatherTimeout)
	}
}

func (v *gather) wait(r *call.Run, d verb.Duration, otherwise time.Duration) {
	r.Stop(v.Timer)
	if d <= 0 {
		d = verb.Duration(otherwise)
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
		v.wait(r, v.Spec.Timeout, gatherTimeout)
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
	v.wait(r, v.Spec.DigitTimeout, gatherDigitTimeout)
}

// full is true when no further digit is wanted.
func (v *gather) full() bool {
	if v.Spec.MaxDigits > 0 || !v.keyed() {
		return len(v.Digits) >= v.most()
	}
	for key := range v.Spec.On { // any: the order does not show
		if isDigits(key) && len(key) > len(v.Digits) && strings.HasPrefix(key, v.Digits) {
			return false
		}
	}
	return len(v.Digits) >= v.Spec.MinDigits
}

func (v *gather) most() int {
	if v.Spec.MaxDigits > 0 {
		return min(v.Spec.MaxDigits, call.MaxDigits)
	}
	return call.MaxDigits
}

// keyed is true when `on` names digit strings, which are then the only good ones unless it has "digits" too.
func (v *gather) keyed() bool {
	if _, any := v.Spec.On["digits"]; any {
		return false
	}
	for key := range v.Spec.On {
		if isDigits(key) {
			return true
		}
	}
	return false
}

func isDigits(key string) bool { return key != "" && strings.Trim(key, "0123456789*#ABCD") == "" }

// finish judges what came: good digits end it, otherwise it tries again.
func (v *gather) finish(r *call.Run) {
	r.Stop(v.Timer)
	res, key := v.judge()
	if res.Status != call.StatusDone && v.Tried < max(1, v.Spec.Tries) {
		v.prompt(r)
		return
	}
	r.SetDigits(v.Digits)
	r.Done(res, v.thens(key)...)
}

// judge gives the result and the key of `on` that it falls under.
func (v *gather) judge() (ask.Result, string) {
	res := ask.Result{Status: call.StatusDone, Digits: v.Digits}
	_, known := v.Spec.On[v.Digits]
	switch {
	case v.Digits == "":
		res.Status, res.Cause = call.StatusTimeout, "no_input"
		return res, "no_input"
	case len(v.Digits) < v.Spec.MinDigits, v.keyed() && !known:
		res.Status, res.Cause = call.StatusFailed, "bad_input"
		return res, "bad_input"
	case known:
		return res, v.Digits
	}
	return res, "digits"
}

func (v *gather) thens(key string) []call.Then {
	var thens []call.Then
	if do, ok := v.Spec.On[key]; ok {
		thens = append(thens, call.Then{Do: &do})
	}
	return append(thens, call.Then{Do: v.Spec.Next, Replace: true})
}
