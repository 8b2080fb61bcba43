package router

import (
	"fmt"
	"strings"

	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

const (
	callerNumber = "caller_number" // the variable that later verbs show
	anonymous    = "anonymous"
)

// authenticated: a user's own phone calls. What others dial means nothing but a number.
func (q query) authenticated() bool { return q.call.User != "" && q.call.Trunk == "" }

// shown is what a caller wants to be seen as, by what was dialled after the number.
type shown struct {
	number    string // c1, c2 ...: one of the user's caller_ids
	anonymous bool   // h
}

// vars have later verbs show it.
func (s shown) vars() map[string]any {
	switch {
	case s.anonymous:
		return map[string]any{callerNumber: anonymous, "caller_name": ""}
	case s.number != "":
		return map[string]any{callerNumber: s.number}
	}
	return nil
}

// suffixes takes h and c1 to c9 off the end of what a user has dialled, unless that is a number or user as it stands.
func suffixes(q query) (query, *Found) {
	_, isNumber := q.tenant.Numbers[q.call.To]
	_, isUser := q.tenant.Users[q.call.To]
	if !q.authenticated() || isNumber || isUser {
		return q, nil
	}
	to, hidden, id := cutSuffixes(q.call.To)
	if to == q.call.To || !q.reachable(to) {
		return q, nil
	}
	if q.shown.anonymous = hidden; id > 0 {
		ids := q.tenant.Users[q.call.User].CallerIds
		if id > len(ids) {
			f := refused(484, fmt.Sprintf("No Caller Id c%d", id), fmt.Sprintf("user %s has %d caller_ids, and dialled c%d", q.call.User, len(ids), id))
			return q, &f
		}
		q.shown.number = ids[id-1]
	}
	q.call.To = to
	return q, nil
}

// cutSuffixes: +37120001111c2h, in either order.
func cutSuffixes(dialled string) (to string, hidden bool, id int) {
	to = dialled
	for {
		switch n := len(to); {
		case !hidden && strings.HasSuffix(to, "h"):
			to, hidden = to[:n-1], true
		case id == 0 && n > 2 && to[n-2] == 'c' && to[n-1] >= '1' && to[n-1] <= '9':
			to, id = to[:n-2], int(to[n-1]-'0')
		default:
			return to, hidden, id
		}
	}
}

func (q query) reachable(to string) bool {
	_, isNumber := q.tenant.Numbers[to]
	_, isUser := q.tenant.Users[to]
	return isNumber || isUser || dialable(to)
}

// byCode: a code of the tenant's, then a user's number or a parking place.
func byCode(q query) (Found, bool) {
	if !q.authenticated() {
		return missed("codes are for users")
	}
	codes := q.tenant.Codes.Filled()
	for _, c := range []struct{ code, mode string }{{codes.Listen, "listen"}, {codes.Whisper, "whisper"}, {codes.Barge, "barge"}} {
		if user, ok := strings.CutPrefix(q.call.To, c.code); ok {
			return supervise(q, user, c.mode), true
		}
	}
	if user, ok := strings.CutPrefix(q.call.To, codes.Pickup); ok {
		return pickUp(q, user), true
	}
	if slot, ok := strings.CutPrefix(q.call.To, codes.Retrieve); ok {
		if slot == "" {
			return refused(484, "No Parking Place", "no parking place after "+codes.Retrieve), true
		}
		return Found{Why: "parking place " + slot, Do: verb.Do{Document: verb.Document{&verb.Pickup{Slot: slot}}}}, true
	}
	return missed("no code in %q", q.call.To)
}

func supervise(q query, user, mode string) Found {
	if !q.tenant.Users[q.call.User].Supervise {
		return refused(403, "Not A Supervisor", "user "+q.call.User+" may not supervise: supervise is not set")
	}
	if f, ok := noUser(q.tenant, user); !ok {
		return f
	}
	return Found{Why: mode + " to user " + user, Do: verb.Do{Document: verb.Document{&verb.Supervise{User: user, Mode: mode}}}}
}

// anyone is what pickup calls the calls that ring at any user.
const anyone = "*"

func pickUp(q query, user string) Found {
	if user == "" {
		user = anyone
	} else if f, ok := noUser(q.tenant, user); !ok {
		return f
	}
	return Found{Why: "pick up at user " + user, Do: verb.Do{Document: verb.Document{&verb.Pickup{User: user}}}}
}

func noUser(t config.Tenant, user string) (Found, bool) {
	if user == "" {
		return refused(484, "No User Dialled", "no user's number after the code"), false
	}
	if _, ok := t.Users[user]; !ok {
		return refused(404, "No Such User", fmt.Sprintf("no user %q", user)), false
	}
	return Found{}, true
}
