package sipua

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
	410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Long", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small",
	423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
	483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending", 493: "Undecipherable",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
}

// phrase of a status code; the class's own when the code is unknown.
func phrase(code int) string {
	if p, ok := phrases[code]; ok {
		return p
	}
	return phrases[code/100*100]
}

// readReason takes the Reason header (RFC 3326) of a message: the value as it came, if it is clean, and its Q.850 cause.
func readReason(m sip.Message) (value string, q850 int) {
	var all []string
	for _, h := range m.GetHeaders("reason") {
		v := h.Value()
		if checkText(v) != nil || len(v) > 256 {
			continue
		}
		all = append(all, v)
		for part := range strings.SplitSeq(v, ",") {
			if c := q850Cause(part); c > 0 {
				q850 = c
			}
		}
	}
	return strings.Join(all, ", "), q850
}

func q850Cause(reason string) int {
	protocol, rest, _ := strings.Cut(reason, ";")
	if !strings.EqualFold(strings.TrimSpace(protocol), "Q.850") {
		return 0
	}
	for p := range strings.SplitSeq(rest, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), "cause") {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err == nil && n > 0 && n < 128 {
				return n
			}
		}
	}
	return 0
}

// ended makes the cause of an end that a message from the other side brought.
func ended(why EndWhy, code int, m sip.Message) EndCause {
	c := EndCause{Why: why, Remote: true, Code: code}
	if res, ok := m.(*sip.Response); ok {
		c.Phrase = cleanPhrase(res.Reason)
	}
	c.Reason, c.Q850 = readReason(m)
	return c
}

func cleanPhrase(s string) string {
	if checkText(s) != nil {
		return ""
	}
	return s[:min(len(s), 128)]
}

// refused classifies a final response to our INVITE.
func refused(res *sip.Response) EndCause {
	why := EndRefused
	if res.StatusCode == 408 {
		why = EndTimeout
	}
	cause := ended(why, res.StatusCode, res)
	if res.StatusCode < 400 {
		cause.Moved = movedTo(res)
	}
	return cause
}
