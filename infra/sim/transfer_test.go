package sim

import (
	"slices"
	"testing"
)

// Whoever sends a party to a number outside pays for the call: a user may, a caller from outside may not, though the
// party may be a user.
func TestOnlyUsersSendCallersOutside(t *testing.T) {
	var byUsers, byCallers, refused int
	for seed := uint64(1); seed <= 6; seed++ {
		r := run(t, Options{Seed: seed, Calls: perBubble, To: "sip:+15550001@" + domain})
		tell(t, r)
		for _, x := range r.Transfers {
			switch {
			case x.Kind != "blind" || x.To != "+15550001":
			case x.Status == "failed" && !slices.Contains(users, x.By):
				refused++
			case x.Status == "answered" && slices.Contains(users, x.By):
				byUsers++
			case x.Status == "answered":
				byCallers++
			}
		}
	}
	if byUsers == 0 || byCallers > 0 || refused == 0 {
		t.Errorf("sent outside: %d by users, %d by callers from outside; of those %d were refused", byUsers, byCallers, refused)
	}
}
