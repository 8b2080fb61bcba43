package format

import (
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/words"
)

var (
	numberSet = newSet(wordChars + "+*#")
	digitSet  = newSet(digitChars)
	nameSet   = newSet(wordChars)
	// tokenSet is RFC 3261 25.1 token.
	tokenSet = newSet(lower + upper + digit + "-.!%*_+`'~")
	hostSet  = newSet(lower + upper + digit + "-._")
	ipv6Set  = newSet(digit + "abcdefABCDEF:.")
	// userSet is RFC 3261 25.1 user with escapes.
	userSet = newSet(lower + upper + digit + "-_.!~*'()%&=+$,;?/#")
	// uriRestSet is what may follow the host: port and uri-parameters.
	uriRestSet = newSet(lower + upper + digit + "-_.!~*'()%[]/:&+$;=")
)

func number(s string) Problem {
	if numberSet.all(s) {
		return Problem{}
	}
	p := Problem{Code: "bad_number"}
	if strings.ContainsAny(s, " ()/") {
		p.Hint = "leave out spaces, brackets and slashes"
	}
	return p
}

func gatherKey(s string) Problem {
	if s == "no_input" || s == "bad_input" || digitSet.all(s) {
		return Problem{}
	}
	return Problem{"bad_gather_key", words.DidYouMean(s, []string{"no_input", "bad_input"})}
}

// Events are the names that `on` takes, beside custom.NAME.
var Events = []string{"ringing", "early_media", "answered", "bridged", "replaced", "held", "resumed", "no_answer", "busy", "timeout", "failed", "hangup", "dtmf",
	"human", "machine", "fax", "beep", "busy_tone", "silence",
	"transferred", "parked", "unparked", "picked_up", "supervised", "tagged"}

// FullEvents are the full names of the events that a call publishes; `on` takes them too.
var FullEvents = []string{
	"call.ringing", "call.answered", "call.bridged", "call.replaced", "call.held", "call.resumed", "call.hangup",
	"leg.ringing", "leg.early_media", "leg.answered", "leg.no_answer", "leg.busy", "leg.timeout", "leg.failed", "leg.held", "leg.resumed", "leg.hangup",
	"leg.human", "leg.machine", "leg.fax", "leg.beep", "leg.busy_tone", "leg.silence",
	"call.transferred", "call.parked", "call.unparked", "call.picked_up", "call.supervised", "call.tagged",
	"conference.joined", "conference.left", "queue.joined", "queue.left",
	"recording.started", "recording.paused", "recording.resumed", "recording.stored", "recording.failed", "user.messages", "audio.failed",
	"stream.started", "stream.ended", "stream.failed",
	"verb.started", "verb.ended", "dtmf.received", "ask.answered", "ask.failed", "email.requested",
}

var eventTypeSet = newSet(lower + digit + "_.-")

func eventName(s string) Problem {
	if name, ok := strings.CutPrefix(s, "custom."); ok && name != "" && eventTypeSet.all(name) {
		return Problem{}
	}
	known := Events
	if strings.IndexByte(s, '.') >= 0 {
		known = FullEvents
	}
	if slices.Contains(known, s) {
		return Problem{}
	}
	hint := words.DidYouMean(s, known)
	if hint == "" {
		hint = "one of " + strings.Join(Events, ", ") + ", custom.NAME"
	}
	return Problem{"unknown_event", hint}
}

var variableSet = newSet(lower + upper + digit + "_-")

func variable(s string) Problem {
	switch {
	case s == "event" || s == "result":
		return Problem{"reserved_variable", "{" + s + ".…} is what happened last; choose another name"}
	case s == "" || !variableSet.all(s) || s[0] == '-' || s[0] >= '0' && s[0] <= '9':
		return Problem{Code: "bad_variable"}
	}
	return Problem{}
}

// settable are the headers beside X- that a document may set: none of them routes, authenticates or asserts who calls.
var settable = []string{"Accept-Language", "Alert-Info", "Call-Info", "Organization", "Priority", "Subject", "User-to-User"}

var identity = []string{"From", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Privacy", "Contact"}

func headerName(s string) Problem {
	if s == "" || !tokenSet.all(s) {
		return Problem{"bad_header_name", "letters, digits and -"}
	}
	switch {
	case hasPrefixFold(s, "X-Offhook-"):
		return Problem{"forbidden_header", "X-Offhook- headers are the edge's own"}
	case hasPrefixFold(s, "X-") && len(s) > 2:
		return Problem{}
	}
	for _, name := range settable {
		if strings.EqualFold(s, name) {
			return Problem{}
		}
	}
	for _, name := range identity {
		if strings.EqualFold(s, name) {
			return Problem{"forbidden_header", "caller_id and caller_name say who calls"}
		}
	}
	return Problem{"forbidden_header", "documents set X- headers and " + strings.Join(settable, ", ")}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// handshake are the headers that a WebSocket's handshake and its signature have by themselves (RFC 6455 4.1).
var handshake = []string{"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Expect", "Proxy-Connection", "Keep-Alive"}

func httpHeader(s string) Problem {
	if s == "" || !tokenSet.all(s) {
		return Problem{"bad_header_name", "letters, digits and -"}
	}
	own := hasPrefixFold(s, "Sec-WebSocket-") || hasPrefixFold(s, "Webhook-")
	if own || slices.ContainsFunc(handshake, func(name string) bool { return strings.EqualFold(s, name) }) {
		return Problem{"forbidden_header", "it belongs to the handshake itself"}
	}
	return Problem{}
}

// sipURI takes RFC 3261 19.1 URIs without headers: what stands behind "?" would become part of the request.
func sipURI(s string) Problem {
	bad := Problem{Code: "bad_sip_uri"}
	rest, ok := strings.CutPrefix(s, "sip:")
	if !ok {
		rest, ok = strings.CutPrefix(s, "sips:")
	}
	if !ok {
		bad.Hint = "begin with sip:"
		return bad
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user := rest[:at]
		rest = rest[at+1:]
		if name, _, _ := strings.Cut(user, ":"); name != user || name == "" || !userSet.all(name) {
			return bad
		}
	}
	if strings.IndexByte(rest, '?') >= 0 {
		bad.Hint = "headers in a URI are not taken; use the property headers"
		return bad
	}
	host, parameters, _ := strings.Cut(rest, ";")
	if !hostPort(host).OK() || !uriRestSet.all(parameters) {
		return bad
	}
	return Problem{}
}

func hostPort(s string) Problem {
	bad := Problem{Code: "bad_host"}
	host, port, set := cutPort(s)
	if set && (port == "" || len(port) > 5 || !isNumber(port, 65535)) {
		bad.Hint = "a port is a number up to 65535"
		return bad
	}
	if v6, ok := strings.CutPrefix(host, "["); ok {
		v6, ok = strings.CutSuffix(v6, "]")
		if ok && v6 != "" && ipv6Set.all(v6) {
			return Problem{}
		}
		return bad
	}
	if host == "" || !hostSet.all(host) || strings.Contains(host, "..") {
		return bad
	}
	return Problem{}
}

// cutPort cuts at the colon behind the host, not at those of an IPv6 address.
func cutPort(s string) (host, port string, set bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 || strings.HasSuffix(s, "]") {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

func isNumber(s string, most int) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n > 0 && n <= most
}

func duration(s string) Problem {
	if _, err := time.ParseDuration(s); err == nil {
		return Problem{}
	}
	return Problem{"bad_duration", durationHint(s)}
}

var units = map[string]string{
	"": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "s": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "m": "m",
	"hour": "h", "hours": "h", "hr": "h", "hrs": "h", "h": "h", "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "ms": "ms",
}

// durationHint writes "20 secs" as it should be.
func durationHint(s string) string {
	count := strings.TrimLeft(s, " ")
	end := 0
	for end < len(count) && (count[end] >= '0' && count[end] <= '9' || count[end] == '.') {
		end++
	}
	unit, ok := units[strings.ToLower(strings.TrimSpace(count[end:]))]
	if end == 0 || !ok {
		return ""
	}
	return "write " + count[:end] + unit
}

func dateTime(s string) Problem {
	if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
		return Problem{Code: "bad_time"}
	}
	return Problem{}
}
