package sipua

import (
	"bufio"
	"strings"
	"testing"
)

// A stream holds what a proxy sends of many, so no message may be read longer or shorter than the proxy meant.
func TestALineThatGoesOnIsNoContentLength(t *testing.T) {
	const next = "OPTIONS sip:next SIP/2.0\r\n\r\n"
	for _, more := range []string{" Content-Length: 5", "\tl: 5", "  Content-Length: x"} {
		r := bufio.NewReader(strings.NewReader("OPTIONS sip:a SIP/2.0\r\nSubject: a\r\n" + more + "\r\nContent-Length: 2\r\n\r\nab" + next))
		if raw, err := readFrame(r); err != nil || !strings.HasSuffix(string(raw), "\r\n\r\nab") {
			t.Errorf("%q: %q, %v", more, raw, err)
		}
		if raw, err := readFrame(r); err != nil || string(raw) != next {
			t.Errorf("%q: then %q, %v", more, raw, err)
		}
	}
}
