// Package verbs is what the verbs of a document do, one file each, against call.Run. A verb is its exported fields: they
// are its whole progress and marshal to JSON. It has no clean-up code, no clock and no I/O; what the shell must do for it
// goes through the run. It does not check documents (schemas/check) nor fill variables (the core does before Begin).
package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

// Registry is the one table of the verbs. A new verb is its file and its line here.
var Registry = call.Registry{
	"answer":   of(func(v *verb.Answer) call.Verb { return &answer{Spec: v} }).media(),
	"reject":   of(func(v *verb.Reject) call.Verb { return &reject{Spec: v} }).media().Foreseen(lastVerb),
	"ring":     of(func(v *verb.Ring) call.Verb { return &ring{Spec: v} }).media(),
	"play":     of(playOf).media().Foreseen(playSays),
	"say":      of(sayOf).media().Foreseen(saySays),
	"pause":    of(func(v *verb.Pause) call.Verb { return &pause{Spec: v} }).kind(),
	"gather":   of(func(v *verb.Gather) call.Verb { return &gather{Spec: v} }).media().Foreseen(gatherSays),
	"dial":     of(func(v *verb.Dial) call.Verb { return &dial{Spec: v} }).media().Foreseen(dialSays),
	"divert":   of(divert).media(),
	"transfer": of(transfer).media(),
	"refer":    of(func(v *verb.Refer) call.Verb { return &refer{Spec: v} }).media(),
	"record":   of(func(v *verb.Record) call.Verb { return &record{Spec: v} }).media(),
	"stream":   of(func(v *verb.Stream) call.Verb { return &stream{Spec: v} }).media(),
	"detect":   of(func(v *verb.Detect) call.Verb { return &detect{Spec: v} }).media(),
	"redirect": of(func(v *verb.Redirect) call.Verb { return &redirect{Spec: v} }).kind().Foreseen(lastVerb),
	"on":       of(func(v *verb.On) call.Verb { return &on{Spec: v} }).kind(),
	"off":      of(func(v *verb.Off) call.Verb { return &off{Spec: v} }).kind(),
	"parallel": of(func(v *verb.Parallel) call.Verb { return &parallel{Spec: v} }).kind(),
	"emit":     of(func(v *verb.Emit) call.Verb { return &emit{Spec: v} }).kind(),
	"email":    of(func(v *verb.Email) call.Verb { return &email{Spec: v} }).kind(),
	"set":      of(func(v *verb.Set) call.Verb { return &set{Spec: v} }).kind(),
	"log":      of(func(v *verb.Log) call.Verb { return &logLine{Spec: v} }).kind(),
	"hold":     of(func(v *verb.Hold) call.Verb { return &hold{Spec: v} }).media(),
	"unhold":   of(func(v *verb.Unhold) call.Verb { return &unhold{Spec: v} }).media(),
	"mute":     of(func(v *verb.Mute) call.Verb { return &mute{Spec: v} }).media(),
	"unmute":   of(func(v *verb.Unmute) call.Verb { return &unmute{Spec: v} }).media(),
	"dtmf":     of(func(v *verb.Dtmf) call.Verb { return &dtmf{Spec: v} }).media(),
	"tag":      of(func(v *verb.Tag) call.Verb { return &tag{Spec: v} }).kind(),
	"cancel":   of(func(v *verb.Cancel) call.Verb { return &cancel{Spec: v} }).kind(),
	"hangup":   of(func(v *verb.Hangup) call.Verb { return &hangup{Spec: v} }).kind().Foreseen(lastVerb),

	"park":       of(func(v *verb.Park) call.Verb { return &park{Spec: v} }).media(),
	"pickup":     of(func(v *verb.Pickup) call.Verb { return &pickup{Spec: v} }).media(),
	"enqueue":    of(func(v *verb.Enqueue) call.Verb { return &enqueue{Spec: v} }).media(),
	"leave":      of(func(v *verb.Leave) call.Verb { return &leave{} }).kind(),
	"conference": of(func(v *verb.Conference) call.Verb { return &conference{Spec: v} }).media(),
	"supervise":  of(func(v *verb.Supervise) call.Verb { return &supervise{Spec: v} }).media(),

	"message_waiting": of(func(v *verb.MessageWaiting) call.Verb { return &messageWaiting{Spec: v} }).kind(),

	// No verbs of documents:
	"originate": of(func(v *verb.Dial) call.Verb { return &dial{Spec: v, Originates: true} }).media(),
	"referral":  of(func(*verb.Transfer) call.Verb { return &referral{} }).media(),
	"takeover":  of(func(*verb.Dial) call.Verb { return &takeover{} }).media(),
	"room":      of(func(v *verb.Conference) call.Verb { return &room{Name: v.Room} }).kind(),

	// What users' keys do:
	"feature_blind":    of(func(*verb.Pause) call.Verb { return &featureBlind{} }).media(),
	"feature_attended": of(func(*verb.Pause) call.Verb { return &featureAttended{} }).media(),
	"feature_park":     of(func(*verb.Pause) call.Verb { return &featurePark{} }).media(),
	"feature_record":   of(func(*verb.Pause) call.Verb { return &featureRecord{} }).media(),
}

// NewCall makes a call that runs these verbs and waits for call.Begin.
func NewCall(id string) *call.Call { return call.New(id, Registry) }

// ReadCall brings a call back from its JSON.
func ReadCall(raw []byte) (*call.Call, error) { return call.Read(raw, Registry) }

type maker func(v verb.Verb) call.Verb

// of makes an entry of a verb's own constructor.
func of[S any, P interface {
	*S
	verb.Verb
}](build func(P) call.Verb) maker {
	return func(v verb.Verb) call.Verb {
		spec, ok := v.(P)
		if !ok {
			spec = new(S)
		}
		return build(spec)
	}
}

func (m maker) kind() call.Kind {
	return call.Kind{Make: m, Blank: func() call.Verb { return m(nil) }}
}

// media: the verb needs the caller's line.
func (m maker) media() call.Kind {
	k := m.kind()
	k.Media = true
	return k
}

func done() ask.Result { return ask.Result{Status: call.StatusDone} }

func because(cause, why string) ask.Result {
	return ask.Result{Status: call.StatusFailed, Cause: cause, Error: why}
}

func failed(why string) ask.Result { return ask.Result{Status: call.StatusFailed, Error: why} }

func tooMany() ask.Result { return because("too_many_strands", "too many strands at once") }

// instant is part of the verbs that are done at once: nothing is ever brought to them.
type instant struct{}

// Input does nothing.
func (instant) Input(*call.Run, call.Input) {}
