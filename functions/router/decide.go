package router

import (
	"cmp"
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
	RuleCode      = "code"
	RuleOutbound  = "outbound"
	RuleTenant    = "tenant"
	RuleNone      = "none"
)

// Decision is what a call meets and why.
type Decision struct {
	Rule string
	Found
}

// Found is what a rule answers.
type Found struct {
	Do      verb.Do
	Vars    map[string]any // the call's, from here on
	Why     string
	Refused bool // the call is rejected, for Why
}

// query is what rules look at.
type query struct {
	call   ask.Call
	tenant config.Tenant
	shown  shown // what the caller wants to be seen as
}

// rule gives its answer, or why it does not match; that is what `route explain` will print.
type rule struct {
	name string
	try  func(query) (found Found, match bool)
}

// rules in order of priority: the first that matches decides.
var rules = []rule{
	{RuleNumber, byNumber},
	{RuleExtension, byExtension},
	{RuleCode, byCode},
	{RuleOutbound, byGateway},
	{RuleTenant, byTenant},
}

// Decide finds the first rule that matches. It is pure: the same call and configuration give the same decision.
func Decide(c ask.Call, t config.Tenant) Decision {
	q, refused := suffixes(query{call: c, tenant: t})
	if refused != nil {
		return Decision{RuleCode, *refused}
	}
	var missed []string
	for _, r := range rules {
		found, match := r.try(q)
		if match {
			return Decision{r.name, found}
		}
		missed = append(missed, found.Why)
	}
	return Decision{RuleNone, Found{Why: strings.Join(missed, ", "), Refused: true, Do: verb.Do{Document: notFound()}}}
}

func missed(why string, args ...any) (Found, bool) {
	return Found{Why: fmt.Sprintf(why, args...)}, false
}

func found(why string, doc ...verb.Verb) (Found, bool) {
	return Found{Why: why, Do: verb.Do{Document: doc}}, true
}

func refused(status int, phrase, why string) Found {
	return Found{Why: why, Refused: true, Do: verb.Do{Document: verb.Document{&verb.Reject{Status: status, Reason: phrase}}}}
}

// byNumber: a number of the tenant's. A trunk may write it with + or 00 before it, or with neither.
func byNumber(q query) (Found, bool) {
	n, ok := q.tenant.Numbers[q.call.To]
	digits := international(q.call.To)
	for _, before := range []string{"+", "00", ""} {
		if !ok {
			n, ok = q.tenant.Numbers[before+digits]
		}
	}
	if !ok || n.Answer == nil {
		return missed("no number %q", q.call.To)
	}
	if n.Referred && q.call.ReferredBy == nil {
		return refused(403, "No referrer specified", "number "+q.call.To+" takes only calls that were transferred to it: no referrer specified"), true
	}
	return Found{Do: *n.Answer, Vars: marked(q, n), Why: "number " + q.call.To}, true
}

// marked is the caller's number as the tenant wants it shown for calls to this number, or as the caller wants.
func marked(q query, n config.Number) map[string]any {
	vars := q.shown.vars()
	from := cmp.Or(q.shown.number, q.call.From)
	if n.CallerPrefix+n.CallerSuffix == "" || q.shown.anonymous || from == "" || from == anonymous {
		return vars
	}
	return map[string]any{callerNumber: n.CallerPrefix + from + n.CallerSuffix}
}

func international(number string) string {
	if rest, ok := strings.CutPrefix(number, "+"); ok {
		return rest
	}
	return strings.TrimPrefix(number, "00")
}

// byExtension: a user of the tenant's, with routing of the own or with phones that ring. Do not disturb and forwarding are
// obeyed where the phones are called, whoever calls them. When nobody takes the call, the caller is told the status of who
// was called, as at the end of any script.
func byExtension(q query) (Found, bool) {
	u, ok := q.tenant.Users[q.call.To]
	if !ok {
		return missed("no user %q", q.call.To)
	}
	if u.Answer != nil && !u.Dnd && u.Forward.Always == "" {
		return Found{Do: *u.Answer, Vars: q.shown.vars(), Why: "routing of user " + q.call.To}, true
	}
	return found("user "+q.call.To, &verb.Dial{To: verb.Targets{{User: q.call.To}}, CallerID: q.shown.number, Anonymous: q.shown.anonymous})
}

// byGateway: a user's call to a number outside. Never a trunk's: whoever reaches us from outside must not
// call out at the tenant's cost.
func byGateway(q query) (Found, bool) {
	switch {
	case !q.authenticated():
		return missed("only an authenticated user may call out")
	case len(q.tenant.Gateways) == 0:
		return missed("no gateway")
	case !dialable(q.call.To):
		return missed("%q is no number to call out to", q.call.To)
	}
	name := slices.Min(slices.Collect(maps.Keys(q.tenant.Gateways)))
	return found("gateway "+name, &verb.Dial{
		To:        verb.Targets{{Number: q.call.To, Gateway: name}},
		RingFor:   verb.Duration(2 * time.Minute),
		CallerID:  cmp.Or(q.shown.number, q.tenant.Users[q.call.User].CallerID, q.tenant.Gateways[name].CallerID),
		Anonymous: q.shown.anonymous,
	})
}

func byTenant(q query) (Found, bool) {
	if q.tenant.Answer == nil {
		return missed("the tenant has no answer for other calls")
	}
	return Found{Do: *q.tenant.Answer, Vars: q.shown.vars(), Why: "the tenant's answer"}, true
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
