package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// Names of the rules, in the order in which they are tried. `match` rules with priorities will stand before them.
const (
	RuleNumber    = "number"
	RuleExtension = "extension"
	RuleOutbound  = "outbound"
	RuleTenant    = "tenant"
	RuleNone      = "none"
)

// defaultRing is how long a user without ring_for is rung.
const defaultRing = 30 * time.Second

// Decision is what a call meets and why.
type Decision struct {
	Rule string
	Why  string
	Do   verb.Do
}

// query is what rules look at.
type query struct {
	call   ask.Call
	tenant config.Tenant
}

// rule gives its answer, or why it does not match; that is what `route explain` will print.
type rule struct {
	name string
	try  func(query) (do verb.Do, why string, match bool)
}

// rules in order of priority: the first that matches decides.
var rules = []rule{
	{RuleNumber, byNumber},
	{RuleExtension, byExtension},
	{RuleOutbound, byGateway},
	{RuleTenant, byTenant},
}

// Decide finds the first rule that matches. It is pure: the same call and configuration give the same decision.
func Decide(c ask.Call, t config.Tenant) Decision {
	q := query{c, t}
	var missed []string
	for _, r := range rules {
		do, why, match := r.try(q)
		if match {
			return Decision{Rule: r.name, Why: why, Do: do}
		}
		missed = append(missed, why)
	}
	return Decision{Rule: RuleNone, Why: strings.Join(missed, ", "), Do: verb.Do{Document: notFound()}}
}

// byNumber: a number of the tenant's. A trunk may write it with + or 00 before it, or with neither.
func byNumber(q query) (verb.Do, string, bool) {
	n, ok := q.tenant.Numbers[q.call.To]
	if !ok {
		for _, key := range slices.Sorted(maps.Keys(q.tenant.Numbers)) {
			if international(key) == international(q.call.To) {
				n, ok = q.tenant.Numbers[key], true
				break
			}
		}
	}
	if !ok || n.Answer == nil {
		return verb.Do{}, fmt.Sprintf("no number %q", q.call.To), false
	}
	return *n.Answer, "number " + q.call.To, true
}

func international(number string) string {
	if rest, ok := strings.CutPrefix(number, "+"); ok {
		return rest
	}
	return strings.TrimPrefix(number, "00")
}

// byExtension: a user of the tenant's; all of their phones ring.
func byExtension(q query) (verb.Do, string, bool) {
	u, ok := q.tenant.Users[q.call.To]
	if !ok {
		return verb.Do{}, fmt.Sprintf("no user %q", q.call.To), false
	}
	ring := u.RingFor
	if ring <= 0 {
		ring = verb.Duration(defaultRing)
	}
	dial := &verb.Dial{To: verb.Targets{{User: q.call.To}}, RingFor: ring, On: refusals()}
	return verb.Do{Document: verb.Document{dial}}, "user " + q.call.To, true
}

// byGateway: a user's call to a number outside. Never a trunk's: whoever reaches us from outside must not
// call out at the tenant's cost.
func byGateway(q query) (verb.Do, string, bool) {
	switch {
	case q.call.User == "" || q.call.Trunk != "":
		return verb.Do{}, "only an authenticated user may call out", false
	case len(q.tenant.Gateways) == 0:
		return verb.Do{}, "no gateway", false
	case !dialable(q.call.To):
		return verb.Do{}, fmt.Sprintf("%q is no number to call out to", q.call.To), false
	}
	name := slices.Min(slices.Collect(maps.Keys(q.tenant.Gateways)))
	dial := &verb.Dial{
		To:       verb.Targets{{Number: q.call.To, Gateway: name}},
		RingFor:  verb.Duration(2 * time.Minute),
		CallerID: firstOf(q.tenant.Users[q.call.User].CallerID, q.tenant.Gateways[name].CallerID),
		On:       refusals(),
	}
	return verb.Do{Document: verb.Document{dial}}, "gateway " + name, true
}

func byTenant(q query) (verb.Do, string, bool) {
	if q.tenant.Answer == nil {
		return verb.Do{}, "the tenant has no answer for other calls", false
	}
	return *q.tenant.Answer, "the tenant's answer", true
}

// refusals tell the caller's phone how it ended, as long as nobody has answered it.
func refusals() map[string]verb.Do {
	reject := func(status int) verb.Do { return verb.Do{Document: verb.Document{&verb.Reject{Status: status}}} }
	return map[string]verb.Do{
		"busy": reject(486), "no_answer": reject(480), "timeout": reject(480), "failed": reject(480), "refused": reject(603),
	}
}

// dialable: a telephone number of 3 digits or more, with + before it or not (RFC 3966 5.1.4 without separators).
func dialable(number string) bool {
	digits := strings.TrimPrefix(number, "+")
	if len(digits) < 3 || len(digits) > 32 {
		return false
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '*' && c != '#' {
			return false
		}
	}
	return true
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
