package call_test

import (
	"testing"

	"github.com/offhook/offhook/edge/call"
)

func TestFinalResponsesAreToldApart(t *testing.T) {
	for code, class := range map[int]string{
		486: call.ClassBusy, 600: call.ClassBusy, 480: call.ClassNoAnswer, 408: call.ClassTimeout, 504: call.ClassTimeout,
		487: call.ClassCancelled, 403: call.ClassRefused, 404: call.ClassRefused, 603: call.ClassRefused, 488: call.ClassRefused,
		302: call.ClassRefused, 499: call.ClassRefused, 699: call.ClassRefused, 500: call.ClassFailed, 503: call.ClassFailed,
		599: call.ClassFailed, 401: call.ClassFailed, 407: call.ClassFailed,
	} {
		got := call.CauseOf(code, "Phrase")
		if got.Class != class || got.SIP != code || got.Phrase != "Phrase" || got.Q850 == 0 || got.Reason == "" {
			t.Errorf("%d: %+v, want class %s", code, got, class)
		}
	}
}

func TestCausesThatScriptsNameRefuseWithTheirStatus(t *testing.T) {
	for word, status := range map[string]int{
		"": 480, "normal": 480, "busy": 486, "no_answer": 480, "rejected": 486, "unavailable": 480, "not_found": 404,
		"forbidden": 403, "congestion": 503, "failed": 503, "declined": 603, "timeout": 408, "cancelled": 487, "of_my_own": 480,
	} {
		if got := call.CauseNamed(word); got.SIP != status {
			t.Errorf("%q: %+v, want status %d", word, got, status)
		}
	}
	if got := call.CauseNamed("of_my_own"); got.Reason != "of_my_own" || got.Class != call.ClassNormal {
		t.Errorf("an unknown word became %+v", got)
	}
}
