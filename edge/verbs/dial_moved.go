package verbs

import (
	"slices"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/event"
)

// maxMoved is how many redirections one target may take.
const maxMoved = 5

// moved keeps what a device's 3xx names, when the tenant follows those: the next is called when there is time. What was
// named before is not tried again, so redirections end.
func (v *dial) moved(r *call.Run, t *dialTarget, in call.LegEnded) {
	if r.Settings().Redirects == call.RedirectsRefuse {
		return
	}
	for _, uri := range in.Moved {
		if len(t.Moved) < maxMoved && !slices.Contains(t.Moved, uri) {
			t.Moved = append(t.Moved, uri)
		}
	}
	v.follow(r, t)
}

// follow resolves the next place that a redirection named.
func (v *dial) follow(r *call.Run, t *dialTarget) bool {
	if t.Resolve != 0 || t.Followed >= len(t.Moved) {
		return false
	}
	uri := t.Moved[t.Followed]
	t.Followed++
	t.Resolve = r.ResolveMoved(uri, t.Way.Tried)
	r.Publish(event.CallTransferred, &event.Transfer{Kind: "redirect", By: t.Number, To: uri, Status: "started"})
	return true
}
