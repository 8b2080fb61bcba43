package verbs

import (
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// shortestRound is how far apart two rounds of the wait document begin at least: one that ends at once must not spin.
const shortestRound = 5 * time.Second

// placeKnown is how long the wait document waits for the caller's place.
const placeKnown = time.Second

// enqueue has the caller wait under the queue's name: its wait document runs again and again, with music between. Who
// picks the call up is joined with the caller, and enqueue lasts until that conversation is over.
type enqueue struct {
	Spec   *verb.Enqueue
	Since  time.Time `json:",omitzero"`
	Round  time.Time `json:",omitzero"` // the wait document began
	Place  int       `json:",omitempty"`
	Size   int       `json:",omitempty"`
	Name   int       `json:",omitempty"`
	Music  int       `json:",omitempty"`
	Spare  bool      `json:",omitempty"` // its own music failed: this is the music on hold
	Strand int       `json:",omitempty"` // the wait document
	Pause  int       `json:",omitempty"` // timer between two rounds, and before the first
	Limit  int       `json:",omitempty"` // timer
	Joined bool      `json:",omitempty"` // queue.joined is out
	With   int       `json:",omitempty"` // the leg that took it
}

// Begin puts the caller into the queue.
func (v *enqueue) Begin(r *call.Run) {
	switch {
	case r.Line() != r.Caller():
		v.finish(r, because("not_the_caller", "only the caller can wait in a queue"), "failed")
		return
	case r.Bridged():
		v.finish(r, because("in_conversation", inConversation), "failed")
		return
	}
	r.Open()
	v.Since = r.Now()
	r.Queued(call.Queued{Since: v.Since})
	v.Name = r.Announce("queue:"+v.Spec.Queue, v.Spec.Priority)
	v.Music = r.Music(r.Caller(), call.MusicHold, v.Spec.Music, true)
	if v.Spec.MaxWait > 0 {
		v.Limit = r.After(time.Duration(v.Spec.MaxWait))
	}
	v.Pause = r.After(placeKnown)
}

// round runs the wait document once more.
func (v *enqueue) round(r *call.Run) {
	v.Pause = 0
	if len(v.Spec.Wait) == 0 {
		return
	}
	v.Round = r.Now()
	if v.Strand = r.Spawn(v.Spec.Wait); v.Strand == 0 {
		v.Pause = r.After(shortestRound)
	}
}

// Input takes the caller's place, the end of a round, the timers and the end of the conversation.
func (v *enqueue) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.Placed:
		v.placed(r, in)
	case call.StrandEnded:
		v.roundEnded(r)
	case call.TimerFired:
		v.timer(r, in.Timer)
	case call.CallerJoined:
		v.joined(r)
	case call.PlayEnded:
		if v.Music = 0; v.Spec.Music != nil && !v.Spare {
			v.Spare, v.Music = true, r.Music(r.Caller(), call.MusicHold, nil, true)
		}
	case call.LegReplaced:
		if in.Old == v.With {
			v.With = in.New
		}
	case call.LegEnded:
		if in.Leg == v.With {
			v.finish(r, ask.Result{Status: call.StatusAnswered, Cause: in.Cause.Reason, Number: r.Agent().Number}, "answered")
		}
	}
}

func (v *enqueue) placed(r *call.Run, in call.Placed) {
	v.Place, v.Size = in.Position, in.Size
	r.Queued(call.Queued{Position: v.Place, Size: v.Size, Since: v.Since})
	if v.tellJoined(r); v.Round.IsZero() {
		r.Stop(v.Pause)
		v.round(r)
	}
}

// tellJoined waits for the caller's place, which is known a moment after its name.
func (v *enqueue) tellJoined(r *call.Run) {
	if !v.Joined {
		v.Joined = true
		r.Publish(event.QueueJoined, &event.Meeting{Leg: r.Caller(), Name: v.Spec.Queue, Position: v.Place, Size: v.Size})
	}
}

func (v *enqueue) roundEnded(r *call.Run) {
	v.Strand = 0
	switch rest := v.Round.Add(shortestRound).Sub(r.Now()); {
	case v.With != 0: // the wait document itself connected the caller, and that is over
		v.finish(r, ask.Result{Status: call.StatusAnswered, Cause: call.CauseNormal.Reason, Number: r.Agent().Number}, "answered")
	case rest > 0:
		v.Pause = r.After(rest)
	default:
		v.round(r)
	}
}

func (v *enqueue) timer(r *call.Run, n int) {
	if n != v.Limit {
		v.round(r)
		return
	}
	v.Limit = 0
	v.left(r, "timeout", "", "")
	v.finish(r, ask.Result{Status: call.StatusTimeout, Cause: "max_wait"}, "timeout")
}

// joined: something in this call has joined the caller with somebody: a dial of the wait document, or another.
func (v *enqueue) joined(r *call.Run) {
	if v.With = r.JoinedIn(v.Strand); v.With != 0 {
		v.left(r, "answered", r.Agent().Number, "")
		return
	}
	v.left(r, "answered", r.Agent().Number, "")
	v.finish(r, ask.Result{Status: call.StatusCancelled, Cause: call.ReasonCompletedElsewhere}, "")
}

// Borrow lets another phone take the call.
func (v *enqueue) Borrow(r *call.Run, in call.Lent) (leg int, why string) {
	return pickUp(r, in, &v.With, &v.Strand, func() { v.left(r, "answered", in.Number, in.From.Call) })
}

// Leave is what a leave in the wait document does.
func (v *enqueue) Leave(r *call.Run) {
	if v.With != 0 {
		return
	}
	v.left(r, "left", "", "")
	v.finish(r, ask.Result{Status: call.StatusDone, Cause: "left"}, "left")
}

// left: the caller does not wait any more.
func (v *enqueue) left(r *call.Run, why, by, with string) {
	for _, n := range []int{v.Name, v.Music, v.Pause, v.Limit} {
		r.Stop(n)
	}
	v.Name, v.Music, v.Pause, v.Limit = 0, 0, 0, 0
	v.tell(r, why, by, with)
}

func (v *enqueue) tell(r *call.Run, why, by, with string) {
	v.tellJoined(r)
	now := r.Now()
	r.Queued(call.Queued{Position: v.Place, Size: v.Size, Since: v.Since, Until: &now})
	r.Publish(event.QueueLeft, &event.Meeting{Leg: r.Caller(), Name: v.Spec.Queue, Why: why, By: by, WithCall: with,
		WaitedMS: now.Sub(v.Since).Milliseconds()})
}

// Tell that the caller left, when it still waited.
func (v *enqueue) Tell(r *call.Run, why string) {
	if v.With == 0 && v.Name != 0 {
		v.tell(r, why, "", "")
	}
}

// Achieved: a wait that is ended from outside was answered, or is cancelled.
func (v *enqueue) Achieved() ask.Result {
	if v.With != 0 {
		return ask.Result{Status: call.StatusAnswered}
	}
	return ask.Result{Status: call.StatusCancelled}
}

func (v *enqueue) finish(r *call.Run, res ask.Result, key string) {
	var thens []call.Then
	if do, ok := v.Spec.On[key]; ok {
		thens = append(thens, call.Then{Do: &do})
	}
	r.Done(res, append(thens, call.Then{Do: v.Spec.Next, Replace: true})...)
}
