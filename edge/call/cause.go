package call

import "github.com/offhook/offhook/schemas/event"

// Classes of a Cause: what a program first asks.
const (
	ClassNormal    = "normal"
	ClassBusy      = "busy"
	ClassNoAnswer  = "no_answer"
	ClassTimeout   = "timeout"
	ClassCancelled = "cancelled"
	ClassRefused   = "refused"
	ClassRejected  = "rejected"
	ClassFailed    = "failed"
)

// ReasonCompletedElsewhere is the reason of legs that lost to another (RFC 3326: cause=200, "Call completed elsewhere").
const ReasonCompletedElsewhere = "completed_elsewhere"

// The table of causes that are not a SIP response. Q850 is ITU-T Q.850; SIP is what an unanswered caller is told.
var (
	CauseNormal             = event.Cause{Class: ClassNormal, Reason: "hangup", Q850: 16}
	CauseScriptEnded        = event.Cause{Class: ClassNormal, Reason: "script_ended", SIP: 480, Q850: 16}
	CauseCancelled          = event.Cause{Class: ClassCancelled, Reason: "cancelled", SIP: 487, Q850: 16}
	CauseCompletedElsewhere = event.Cause{Class: ClassCancelled, Reason: ReasonCompletedElsewhere, SIP: 200, Phrase: "Call completed elsewhere", Q850: 26}
	CauseTransferred        = event.Cause{Class: ClassNormal, Reason: "transferred", Q850: 16}
	CauseNotConfirmed       = event.Cause{Class: ClassRefused, Reason: "not_confirmed", Q850: 21}
	CauseReplaced           = event.Cause{Class: ClassNormal, Reason: "replaced", Q850: 16}
	CauseEnded              = event.Cause{Class: ClassNormal, Reason: WhyEnded, Q850: 16} // what it took part in is over
	CauseLeft               = event.Cause{Class: ClassNormal, Reason: "left", Q850: 16}   // it took part, and does not any more
	CauseParked             = event.Cause{Class: ClassNormal, Reason: "parked", Q850: 16}
	CauseTimeLimit          = event.Cause{Class: ClassNormal, Reason: "time_limit", Q850: 16}
	CauseBusy               = event.Cause{Class: ClassBusy, Reason: "busy", SIP: 486, Q850: 17}
	CauseNoAnswer           = event.Cause{Class: ClassNoAnswer, Reason: "no_answer", SIP: 480, Q850: 19}
	CauseTimeout            = event.Cause{Class: ClassTimeout, Reason: "response_timeout", SIP: 408, Q850: 18}
	CauseDeclined           = event.Cause{Class: ClassRefused, Reason: "declined", SIP: 603, Q850: 21}
	CauseRejected           = event.Cause{Class: ClassRejected, Reason: "rejected", SIP: 486, Q850: 21}
	CauseNoAck              = event.Cause{Class: ClassFailed, Reason: "no_ack", SIP: 408, Q850: 102}
	CauseSessionExpired     = event.Cause{Class: ClassFailed, Reason: "session_expired", SIP: 408, Q850: 102}
	CauseLost               = event.Cause{Class: ClassFailed, Reason: "dialog_lost", SIP: 481, Q850: 41}
	CauseTransport          = event.Cause{Class: ClassFailed, Reason: "transport", SIP: 503, Q850: 38}
	CauseMediaTimeout       = event.Cause{Class: ClassFailed, Reason: "media_timeout", SIP: 408, Q850: 102}
	CauseNoEncryption       = event.Cause{Class: ClassRefused, Reason: "no_encryption", SIP: 488, Q850: 88}    // none in common
	CauseEncryptionFailed   = event.Cause{Class: ClassFailed, Reason: "encryption_failed", SIP: 488, Q850: 88} // DTLS brought no keys
	CauseAskFailed          = event.Cause{Class: ClassFailed, Reason: "ask_failed", SIP: 503, Q850: 41}
	CauseLoop               = event.Cause{Class: ClassFailed, Reason: "loop_guard", SIP: 500, Q850: 41}
	CauseUnreachable        = event.Cause{Class: ClassFailed, Reason: "unreachable", SIP: 480, Q850: 20}
	CauseInternal           = event.Cause{Class: ClassFailed, Reason: "internal", SIP: 500, Q850: 41}
	CauseShutdown           = event.Cause{Class: ClassFailed, Reason: "shutdown", SIP: 503, Q850: 41}
)

// bySIP classifies final responses; Q.850 values are those of RFC 3398 7.2.4.1 and 8.2.6.1.
var bySIP = map[int]event.Cause{
	401: {Class: ClassFailed, Reason: "unauthorized", Q850: 21},
	403: {Class: ClassRefused, Reason: "forbidden", Q850: 21},
	404: {Class: ClassRefused, Reason: "not_found", Q850: 1},
	407: {Class: ClassFailed, Reason: "unauthorized", Q850: 21},
	408: {Class: ClassTimeout, Reason: "response_timeout", Q850: 102},
	410: {Class: ClassRefused, Reason: "gone", Q850: 22},
	480: {Class: ClassNoAnswer, Reason: "unavailable", Q850: 18},
	482: {Class: ClassFailed, Reason: "loop_detected", Q850: 25},
	483: {Class: ClassFailed, Reason: "too_many_hops", Q850: 25},
	484: {Class: ClassRefused, Reason: "address_incomplete", Q850: 28},
	486: {Class: ClassBusy, Reason: "busy", Q850: 17},
	487: {Class: ClassCancelled, Reason: "cancelled", Q850: 16},
	488: {Class: ClassRefused, Reason: "not_acceptable", Q850: 88},
	503: {Class: ClassFailed, Reason: "service_unavailable", Q850: 41},
	504: {Class: ClassTimeout, Reason: "response_timeout", Q850: 102},
	600: {Class: ClassBusy, Reason: "busy_everywhere", Q850: 17},
	603: {Class: ClassRefused, Reason: "declined", Q850: 21},
	604: {Class: ClassRefused, Reason: "not_found", Q850: 1},
	606: {Class: ClassRefused, Reason: "not_acceptable", Q850: 88},
}

// CauseOf classifies a final SIP response, 300-699: busy (486, 600), no_answer (480), timeout (408, 504),
// cancelled (487), failed (5xx and credentials), refused (all else).
func CauseOf(code int, phrase string) event.Cause {
	c, ok := bySIP[code]
	switch {
	case ok:
	case code >= 500 && code < 600:
		c = event.Cause{Class: ClassFailed, Reason: "server_failure", Q850: 41}
	case code >= 300 && code < 400:
		c = event.Cause{Class: ClassRefused, Reason: "moved", Q850: 23}
	default:
		c = event.Cause{Class: ClassRefused, Reason: "refused", Q850: 21}
	}
	c.SIP, c.Phrase = code, phrase
	return c
}

// CauseNamed gives the cause of a word that a script may say (normal, busy, no_answer, rejected, unavailable, not_found,
// forbidden, congestion, failed) or of a status; an unknown word keeps its name with class normal.
func CauseNamed(word string) event.Cause {
	switch word {
	case "", ClassNormal, "hangup":
		c := CauseNormal
		c.SIP = 480
		return c
	case ClassBusy:
		return CauseBusy
	case ClassNoAnswer:
		return CauseNoAnswer
	case ClassTimeout:
		return CauseTimeout
	case ClassRefused, "declined":
		return CauseDeclined
	case ClassRejected:
		return CauseRejected
	case ClassFailed, "congestion":
		return event.Cause{Class: ClassFailed, Reason: word, SIP: 503, Q850: 42}
	case "unavailable":
		return CauseOf(480, "")
	case "not_found":
		return CauseOf(404, "")
	case "forbidden":
		return CauseOf(403, "")
	case ClassCancelled:
		return CauseCancelled
	}
	return event.Cause{Class: ClassNormal, Reason: word, SIP: 480, Q850: 16}
}
