package verbs

import (
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// unmute ends mute. A party that is not muted stays as it is.
type unmute struct {
	instant
	Spec *verb.Unmute
}

// Begin makes the party heard again.
func (v *unmute) Begin(r *call.Run) { muted(r, v.Spec.Party, false) }
