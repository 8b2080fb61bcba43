package guard

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

func parsed(t *testing.T, text string) sip.Message {
	t.Helper()
	m, err := sip.ParseMessage(wire(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

func TestNormaliseMendsNamesOfParameters(t *testing.T) {
	m := parsed(t, strings.NewReplacer(
		";branch=", "; BRANCH = ", "<sip:1@x.test>;tag=1", "<sip:1@x.test;Transport=tcp>; Tag =1; ;x", "sip:100@demo.test SIP", "sip:100@demo.test;LR?Route=%3Csip:e%3E SIP",
	).Replace(plain)).(*sip.Request)
	if status, reason := Normalise(m); status != 0 {
		t.Fatal(status, reason)
	}
	want(t, "Via", m.Via().Value(), "SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKx")
	want(t, "From", m.From().Value(), "<sip:1@x.test;transport=tcp>;tag=1;x")
	want(t, "Request-URI", m.Recipient.String(), "sip:100@demo.test;lr")
}

func TestNormaliseRefuses(t *testing.T) {
	invite := strings.ReplaceAll(plain, "OPTIONS", "INVITE")
	with := func(text, old, new string) string { return strings.Replace(text, old, new, 1) }
	for name, c := range map[string]struct {
		text   string
		status int
	}{
		"nothing":                 {plain, 0},
		"unknown method":          {strings.ReplaceAll(plain, "OPTIONS", "FETCH"), 501},
		"CSeq of another method":  {with(plain, "1 OPTIONS", "1 BYE"), 400},
		"unknown scheme":          {with(plain, "sip:100@demo.test SIP", "isbn:123 SIP"), 416},
		"no From":                 {with(plain, "From:", "X-From:"), 400},
		"Via without host":        {with(plain, "UDP 198.51.100.7:5062;", "UDP ;"), 400},
		"Via with a port of text": {with(plain, "198.51.100.7:5062", "198.51.100.7:x"), 400},
		"Via of another protocol": {with(plain, "SIP/2.0/UDP", "HTTP/1.1/UDP"), 400},
		"Via of another version":  {with(plain, "SIP/2.0/UDP", "SIP/3.0/UDP"), 400},
		"Via with too large port": {with(plain, ":5062", ":99999"), 400},
		"branch of the cookie":    {with(plain, "z9hG4bKx", "z9hG4bK"), 400},
		"bad host":                {with(plain, "100@demo.test SIP", "100@de$mo SIP"), 400},
		"three colons":            {with(plain, "100@demo.test SIP", "100@[2001:db8:::192.0.2.1] SIP"), 400},
		"IPv6":                    {with(plain, "100@demo.test SIP", "100@[2001:db8::192.0.2.1]:5070 SIP"), 0},
		"required extension":      {with(plain, "Max-Forwards", "Require: timer, nothingWeKnow\nMax-Forwards"), 420},
		"known extension":         {with(plain, "Max-Forwards", "Require: Timer\nMax-Forwards"), 0},
		"two From":                {with(plain, "From:", "From: <sip:2@x>;tag=2\nFrom:"), 400},
		"two CSeq":                {with(plain, "CSeq:", "CSeq: 2 OPTIONS\nCSeq:"), 400},
		"other content":           {with(invite, "Content-Length: 0\n\n", "Content-Type: application/x\n\nhello"), 415},
		"content of no weight":    {with(invite, "Content-Length: 0\n\n", "Content-Type: application/x\nContent-Disposition: signal;handling=optional\n\nhello"), 0},
		"encoded content":         {with(invite, "Content-Length: 0\n\n", "Content-Type: application/sdp\nContent-Encoding: gzip\n\nhello"), 415},
		"content without type":    {with(invite, "Content-Length: 0\n\n", "\nhello"), 400},
		"content of a bad type":   {with(invite, "Content-Length: 0\n\n", "Content-Type: ///\n\nhello"), 400},
		"content in an OPTIONS":   {with(plain, "Content-Length: 0\n\n", "Content-Type: a/b\n\nhello"), 0},
		"long Call-ID":            {with(plain, "Call-ID: c", "Call-ID: "+strings.Repeat("c", 513)), 400},
	} {
		if status, reason := Normalise(parsed(t, c.text)); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, reason, c.status)
		}
	}
}

func TestResponseForSomebodyBehindUsIsRefused(t *testing.T) {
	response := strings.Replace(plain, "OPTIONS sip:100@demo.test SIP/2.0", "SIP/2.0 200 OK", 1)
	if status, reason := Normalise(parsed(t, response)); status != 0 {
		t.Errorf("one Via: %d %s", status, reason)
	}
	if status, _ := Normalise(parsed(t, strings.Replace(response, "From:", "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKy\nFrom:", 1))); status == 0 {
		t.Error("two Vias are accepted")
	}
}

func TestRejectionSaysWhatWouldDo(t *testing.T) {
	req := parsed(t, strings.Replace(plain, "Max-Forwards", "Require: timer, a\nRequire: b\nMax-Forwards", 1)).(*sip.Request)
	want(t, "Unsupported", values(Rejection(req, 420, "Bad Extension"), "Unsupported"), "a, b")
	res := Rejection(req, 415, "Unsupported Media Type")
	want(t, "Accept", values(res, "Accept"), "application/sdp")
	want(t, "start line", res.StartLine(), "SIP/2.0 415 Unsupported Media Type")
	want(t, "own reason", Rejection(req, 400, "Bad Via").StartLine(), "SIP/2.0 400 Bad Via")
}
