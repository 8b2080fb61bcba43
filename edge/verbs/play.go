package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// play plays audio or speaks (say) to a party and waits for its end; that party hears nothing else meanwhile. In the
// background the script goes on at once, and it is heard only while there is nothing else. The caller is answered for it
// unless `ring` opened early media. A playback that fails gives a failed result and the script goes on.
type play struct {
	Audio      verb.Audios
	Loop       int    `json:",omitempty"`
	To         string `json:",omitempty"`
	Background bool   `json:",omitempty"`
}

func playOf(v *verb.Play) call.Verb {
	return &play{Audio: v.Audio, Loop: v.Loop, To: v.To, Background: v.Background}
}

func sayOf(v *verb.Say) call.Verb {
	return &play{Audio: verb.Audios{{Say: v}}, To: v.To, Background: v.Background}
}

// Begin starts the playback.
func (v *play) Begin(r *call.Run) {
	leg, why := party(r, v.To)
	if leg == 0 {
		r.Done(failed(why))
		return
	}
	if v.To != "agent" {
		r.Open()
	}
	if !v.Background {
		r.Play(leg, v.Audio, v.Loop)
		return
	}
	if !r.Detach("background") {
		r.Done(failed("too many strands"))
		return
	}
	r.PlayUnder(leg, v.Audio, v.Loop)
}

// Input takes the playback's end.
func (v *play) Input(r *call.Run, in call.Input) {
	if in, ok := in.(call.PlayEnded); ok {
		res := done()
		if in.Error != "" {
			res = failed(in.Error)
		}
		r.Done(res)
	}
}
