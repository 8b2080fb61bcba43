package guard

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/edgetest"
)

// FuzzGuard: whatever comes, what we take is taken at a second look too, and no answer carries a control character that its
// receiver could take for the end of a line.
func FuzzGuard(f *testing.F) {
	edgetest.Messages(f, "../testdata/torture")
	f.Add(wire(plain))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		fuzzOne(t, raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("the input was changed")
		}
	})
}

func fuzzOne(t *testing.T, raw []byte) {
	CallID(raw)
	Tags(raw)
	TopVia(raw)
	Answered(raw)
	reply, ok := Check(raw)
	checkLines(t, Answer(nil, raw, netip.MustParseAddrPort("[2001:db8::1]:5060"), 400, "Bad Request", "tag"))
	if !ok {
		if reply != 0 && (reply < 400 || reply > 599) {
			t.Fatalf("guard answers %d", reply)
		}
		return
	}
	m, err := sip.ParseMessage(Canonical(raw))
	if err != nil {
		return
	}
	if status, _ := Normalise(m); status != 0 {
		if status < 400 || status > 599 {
			t.Fatalf("refused with %d", status)
		}
		return
	}
	if again, _ := Normalise(m); again != 0 {
		t.Fatalf("a second look gives %d", again)
	}
}

func checkLines(t *testing.T, raw []byte) {
	if raw == nil {
		return
	}
	head, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no end of the headers in %q", raw)
	}
	for line := range bytes.SplitSeq(head, crlf) {
		if bare, _ := controls(line); bare || len(line) == 0 {
			t.Fatalf("line %q", line)
		}
	}
}
