package sipua

import (
	"bytes"
	"cmp"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// FuzzIncoming: whatever passes the guard can be answered, and no answer carries a control character that its receiver could
// take for the end of a line.
func FuzzIncoming(f *testing.F) {
	edgetest.Messages(f, "testdata/torture")
	f.Add(wire(plain))
	f.Add(wire("REGISTER sip:d SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\nf: <sip:1@x>;tag=1\nt: <sip:1@x>\ni: c\nCSeq: 1 REGISTER\nContact: <sip:a@b>;q=0.5, *\nAuthorization: Digest username=\"1\", realm=\"demo\", nonce=\"n\", uri=\"sip:d\", response=\"r\"\n\n"))
	cfg, err := Config{Listen: []Listen{{"udp", "127.0.0.1:0"}}}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	u := &UA{cfg: cfg, handler: &doorHandler{}, dir: openDirectory{trusting: true}}
	u.bindings = newBindings(u)
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		fuzzOne(t, u, raw)
		if !bytes.Equal(before, raw) {
			t.Fatal("the input was changed")
		}
	})
}

func fuzzOne(t *testing.T, u *UA, raw []byte) {
	if _, ok := guard.Check(raw); !ok {
		return
	}
	m, err := sip.ParseMessage(guard.Canonical(raw))
	if err != nil {
		return
	}
	status, reason := guard.Normalise(m)
	req, ok := m.(*sip.Request)
	if !ok || req.Method == sip.ACK {
		return
	}
	if status != 0 {
		if req.Via() != nil && req.From() != nil && req.To() != nil && req.CSeq() != nil && req.CallID() != nil {
			answered(t, guard.Rejection(req, status, cmp.Or(reason, phrase(status))), req)
		}
		return
	}
	switch req.Method {
	case sip.INVITE:
		in, res := u.admit(req, phoneAt, "UDP")
		if res != nil {
			answered(t, res, req)
		}
		for _, s := range []string{in.From, in.FromName, in.To, in.ReferredBy, in.UserAgent} {
			if !guard.Clean(s) {
				t.Fatalf("%q is handed up", s)
			}
		}
	case sip.REGISTER:
		answered(t, u.handleRegister(req, phoneAt, "UDP", ""), req)
	default:
		answered(t, refuse(req, 405, ""), req)
	}
}

// answered: the response can be rendered.
func answered(t *testing.T, res *sip.Response, req *sip.Request) {
	raw, err := renderResponse(res, req, "tag")
	if err != nil {
		t.Fatalf("%v\n%s", err, res)
	}
	checkLines(t, raw)
}

func checkLines(t *testing.T, raw []byte) {
	head, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no end of the headers in %q", raw)
	}
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if checkText(string(line)) != nil || len(line) == 0 {
			t.Fatalf("line %q", line)
		}
	}
}
