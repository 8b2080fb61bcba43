package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// play plays audio or speaks (say) to the caller and waits for its end. The caller is answered unless `ring` opened
// early media. A playback that fails gives a failed result and the script goes on.
type play struct {
	Audio verb.Audios
	Loop  int `json:",omitempty"`
}

// Begin starts the playback.
func (v *play) Begin(r *call.Run) {
	r.Open()
	r.Play(r.Line(), v.Audio, v.Loop)
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
