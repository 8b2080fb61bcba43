package guard

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
)

const plain = `OPTIONS sip:100@demo.test SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKx
From: <sip:1@x.test>;tag=1
To: <sip:100@demo.test>
Call-ID: c
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

`

func wire(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

func values(m sip.Message, name string) string {
	var all []string
	for _, h := range m.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return strings.Join(all, " | ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func TestGuardAnswersWhatIsWrong(t *testing.T) {
	type edit struct{ old, new string }
	for name, c := range map[string]struct {
		edit  edit
		reply int
		ok    bool
	}{
		"nothing":                     {edit{}, 0, true},
		"lower-case header names":     {edit{"Via:", "vIA:"}, 0, true},
		"space before the colon":      {edit{"Call-ID:", "Call-ID  :"}, 0, true},
		"folded sequence":             {edit{"CSeq: 1 OPTIONS", "CSeq: 1\n  OPTIONS"}, 0, true},
		"tel":                         {edit{"sip:100@demo.test SIP", "tel:+371 SIP"}, 0, true},
		"body longer than said":       {edit{"\n\n", "\n\ntrailing"}, 0, true},
		"text":                        {edit{"OPTIONS sip", "hello\nOPTIONS sip"}, 0, false},
		"other version":               {edit{"x.test SIP/2.0", "x.test SIP/2.0"}, 0, true},
		"SIP/7.0":                     {edit{"demo.test SIP/2.0", "demo.test SIP/7.0"}, 505, false},
		"HTTP":                        {edit{"demo.test SIP/2.0", "demo.test HTTP/1.1"}, 0, false},
		"unknown scheme":              {edit{"sip:100@demo.test SIP", "http://x SIP"}, 416, false},
		"no scheme":                   {edit{"sip:100@demo.test SIP", "100 SIP"}, 400, false},
		"brackets around the URI":     {edit{"sip:100@demo.test SIP", "<sip:100@demo.test> SIP"}, 400, false},
		"control in the URI":          {edit{"sip:100@demo.test SIP", "sip:100\x01@demo.test SIP"}, 400, false},
		"two spaces":                  {edit{"OPTIONS sip", "OPTIONS  sip"}, 400, false},
		"space at the end":            {edit{"demo.test SIP/2.0", "demo.test SIP/2.0 "}, 400, false},
		"unknown method":              {edit{"OPTIONS", "FETCH"}, 501, false},
		"method of another case":      {edit{"OPTIONS sip", "options sip"}, 501, false},
		"long Request-URI":            {edit{"sip:100", "sip:" + strings.Repeat("1", maxStartLine)}, 414, false},
		"CSeq of another method":      {edit{"1 OPTIONS", "1 INVITE"}, 400, false},
		"CSeq without number":         {edit{"1 OPTIONS", "x OPTIONS"}, 400, false},
		"CSeq too large":              {edit{"1 OPTIONS", "2147483648 OPTIONS"}, 400, false},
		"CSeq beyond any integer":     {edit{"1 OPTIONS", "36893488147419103232 OPTIONS"}, 400, false},
		"negative length":             {edit{"Length: 0", "Length: -1"}, 400, false},
		"length twice":                {edit{"Length: 0", "Length: 0\nl: 0"}, 400, false},
		"length beyond the end":       {edit{"Length: 0", "Length: 1"}, 400, false},
		"length with a tail":          {edit{"Length: 0", "Length: 0 0"}, 400, false},
		"hops beyond 255":             {edit{"Forwards: 70", "Forwards: 256"}, 400, false},
		"From twice":                  {edit{"From:", "f: <sip:2@x.test>\nFrom:"}, 400, false},
		"Call-ID twice":               {edit{"Call-ID:", "i: d\nCall-ID:"}, 400, false},
		"line without colon":          {edit{"Max-Forwards: 70", "Max-Forwards 70"}, 400, false},
		"header name of other bytes":  {edit{"Max-Forwards: 70", "Max Forwards: 70"}, 400, false},
		"control in another header":   {edit{"Max-Forwards: 70", "Subject: a\x00b"}, 400, false},
		"bare LF in another header":   {edit{"Max-Forwards: 70", "Subject: a\vb"}, 400, false},
		"control in what is repeated": {edit{"c\nCSeq", "c\x00\nCSeq"}, 0, false},
		"quoted control":              {edit{"To: <", "To: \"a\\\x00\" <"}, 400, false},
		"no Via":                      {edit{"Via:", "X-Via:"}, 0, false},
		"no From":                     {edit{"From:", "X-From:"}, 0, false},
		"no To":                       {edit{"To:", "X-To:"}, 0, false},
		"no Call-ID":                  {edit{"Call-ID:", "X-Call-ID:"}, 0, false},
		"no CSeq":                     {edit{"CSeq:", "X-CSeq:"}, 0, false},
		"empty From":                  {edit{"From: <sip:1@x.test>;tag=1", "From: "}, 400, false},
		"quote in a URI":              {edit{"<sip:1@x.test>", "\"x\" <sip:1@x.test;a=\"b\">"}, 400, false},
		"quote in a URI of a list":    {edit{"Max-Forwards: 70", "m: <sip:1@x.test>, <sip:2@x.test;a=\"b\">"}, 400, false},
		"quote in the referrer":       {edit{"Max-Forwards: 70", "b: <sip:1@x.test;a=\"b\">"}, 400, false},
		"quote in a Via":              {edit{"branch=z9hG4bKx", "branch=z9hG4bKx;a=\"b\""}, 400, false},
		"quotes where they may be":    {edit{"<sip:1@x.test>;tag=1", "\"<\\\"\" <sip:1@x.test>;x=\"y;z\";tag=1"}, 0, true},
		"quotes in a Call-ID":         {edit{"Call-ID: c", "Call-ID: <\">"}, 0, true},
		"no end":                      {edit{"\n\n", "\n"}, 400, false},
		"many headers":                {edit{"Max-Forwards: 70\n", strings.Repeat("X-A: 1\n", maxHeaderLines)}, 400, false},
		"large headers":               {edit{"Max-Forwards: 70", "X-A: " + strings.Repeat("a", maxHeaderBytes)}, 513, false},
		"fault in an ACK":             {edit{"OPTIONS", "ACK"}, 0, true},
	} {
		raw := wire(strings.ReplaceAll(plain, c.edit.old, c.edit.new))
		if c.edit.old == "" {
			raw = wire(plain)
		}
		if reply, ok := Check(raw); reply != c.reply || ok != c.ok {
			t.Errorf("%s: %d %v, want %d %v", name, reply, ok, c.reply, c.ok)
		}
	}
}

func TestWhatPassesIsNotWrittenLongerThanItCame(t *testing.T) {
	for _, name := range []string{"Via", "From", "To", "Contact", "Route", "Record-Route", "Referred-By"} {
		for _, value := range []string{"<sip:a@x.test%s>;tag=1", "sip:a@x.test%s;tag=1", "SIP/2.0/UDP x.test;branch=z9hG4bKx%s"} {
			value = strings.Replace(value, "%s", strings.Repeat(`;a="b"`, 50), 1)
			text := plain
			for line := range strings.Lines(plain) {
				if strings.HasPrefix(line, name+":") {
					text = strings.Replace(text, line, "", 1)
				}
			}
			raw := wire(strings.Replace(text, "Max-", name+": "+value+"\nMax-", 1))
			if _, ok := Check(raw); !ok {
				continue
			}
			if m, err := sip.ParseMessage(Canonical(raw)); err == nil && len(values(m, name)) > 2*len(value) {
				t.Errorf("%s: %.40s... of %d bytes is written with %d", name, value, len(value), len(values(m, name)))
			}
		}
	}
}

func TestGuardDropsFaultyAcksAndResponses(t *testing.T) {
	ack := strings.ReplaceAll(plain, "OPTIONS", "ACK")
	response := strings.Replace(plain, "OPTIONS sip:100@demo.test SIP/2.0", "SIP/2.0 200 OK", 1)
	for name, text := range map[string]string{
		"ACK":           strings.Replace(ack, "CSeq: 1", "CSeq: -", 1),
		"ACK of 505":    strings.Replace(ack, "test SIP/2.0", "test SIP/3.0", 1),
		"response":      strings.Replace(response, "CSeq: 1", "CSeq: 99999999999", 1),
		"large status":  strings.Replace(response, "200", "4294967301", 1),
		"status 700":    strings.Replace(response, "200", "700", 1),
		"other version": strings.Replace(response, "SIP/2.0 200", "SIP/3.0 200", 1),
	} {
		if reply, ok := Check(wire(text)); ok || reply != 0 {
			t.Errorf("%s: %d %v", name, reply, ok)
		}
	}
	for _, line := range []string{"SIP/2.0 200 OK", "SIP/2.0 100 ", "SIP/2.0 200 = 2**3 * 5**2 но"} {
		if reply, ok := Check(wire(strings.Replace(response, "SIP/2.0 200 OK", line, 1))); !ok {
			t.Errorf("%s: %d", line, reply)
		}
	}
}

func TestGuardAndCanonicalAllocateNothingForOrdinaryMessages(t *testing.T) {
	raw := wire(plain)
	if n := testing.AllocsPerRun(100, func() {
		Check(raw)
		Canonical(raw)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGuardAndCanonical(b *testing.B) {
	raw := wire(plain)
	for b.Loop() {
		Check(raw)
		Canonical(raw)
	}
}

func TestAnswerRepeatsWhatItMust(t *testing.T) {
	raw := wire(`OPTIONS  sip:100@demo.test SIP/2.0
v: SIP/2.0/UDP a.test;branch=z9hG4bKx
Via: SIP/2.0/UDP
  b.test
f: <sip:1@x.test>;tag=1
To: <sip:100@demo.test>
i: c
Subject: not repeated
CSeq: 1 OPTIONS

`)
	want(t, "answer", string(Answer(nil, raw, netip.AddrPort{}, 400, "Bad Request", "ours")), string(wire(`SIP/2.0 400 Bad Request
Via: SIP/2.0/UDP a.test;branch=z9hG4bKx
Via: SIP/2.0/UDP b.test
From: <sip:1@x.test>;tag=1
To: <sip:100@demo.test>;tag=ours
Call-ID: c
CSeq: 1 OPTIONS
Content-Length: 0

`)))
	for _, text := range []string{"ACK sip:x SIP/2.0\nVia: SIP/2.0/UDP a\n\n", "SIP/2.0 200 OK\nVia: SIP/2.0/UDP a\n\n", "OPTIONS sip:x SIP/2.0\nFrom: <sip:1@x>\n\n", "x"} {
		if got := Answer(nil, wire(text), netip.AddrPort{}, 400, "Bad Request", "ours"); got != nil {
			t.Errorf("%q is answered with %q", text, got)
		}
	}
}

func TestCanonicalMakesOddMessagesPlain(t *testing.T) {
	odd := wire(`OPTIONS sip:100@demo.test SIP/2.0
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
  branch  =   z9hG4bK9ikj8  ,
 SIP  /    2.0   / UDP  192.168.255.111   ; branch=
 z9hG4bK30239
from   : "J ; , = \"R\""       <sip:jd;a = b@example.com>
  ;
  tag = 98asjd8
k: timer
Subject : one ; two,
	three
m: <sip:a@b>;q=1, "x, y" <sip:c@d>
Route: <sip:r1;lr>,<sip:r2;lr>

body , with ; anything`)
	want(t, "canonical", string(Canonical(odd)), string(wire(`OPTIONS sip:100@demo.test SIP/2.0
Via: SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8
Via: SIP/2.0/UDP 192.168.255.111;branch=z9hG4bK30239
from: "J ; , = \"R\"" <sip:jd;a = b@example.com>;tag=98asjd8
Supported: timer
Subject: one ; two, three
Contact: <sip:a@b>;q=1
Contact: "x, y" <sip:c@d>
Route: <sip:r1;lr>
Route: <sip:r2;lr>

body , with ; anything`)))
}

func TestViaListWithoutParametersIsUnderstood(t *testing.T) {
	raw := wire(strings.Replace(plain, "198.51.100.7:5062;branch=z9hG4bKx", "a.test, SIP/2.0/TCP b.test:5080", 1))
	m, err := sip.ParseMessage(Canonical(raw))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "vias", values(m, "Via"), "SIP/2.0/UDP a.test | SIP/2.0/TCP b.test:5080")
}

func TestCallIDIsFoundByEitherName(t *testing.T) {
	for text, callID := range map[string]string{
		plain: "c",
		strings.Replace(plain, "Call-ID: c", "i : short ", 1):                              "short",
		strings.Replace(plain, "Call-ID: c", "CALL-ID:x", 1):                               "x",
		strings.Replace(plain, "Call-ID: c", "X-Call-ID: c", 1) + "Call-ID: in the body\n": "",
		"": "",
	} {
		want(t, text, string(CallID(wire(text))), callID)
	}
}

func TestOnlyTextWithoutControlCharactersIsClean(t *testing.T) {
	for text, clean := range map[string]bool{
		"": true, "Rīga\tA": true, "a\r\nb": false, "a\x00": false, "\x7f": false, "\x1b[1m": false, "next\u0085line": false, "\xff": false,
	} {
		if Clean(text) != clean {
			t.Errorf("%q: %v", text, !clean)
		}
	}
}

func TestListsOfAddressesAreCut(t *testing.T) {
	one, rest := CutRoute([]byte(`"a, b" <sip:1@x;lr> , <sip:2,3@y>`))
	want(t, "first", string(one), `"a, b" <sip:1@x;lr>`)
	one, rest = CutRoute(rest)
	if want(t, "second", string(one), "<sip:2,3@y>"); rest != nil {
		t.Errorf("%q is left", rest)
	}
}

// TestWhatIsPlainIsNotOdd tries all short values.
func TestWhatIsPlainIsNotOdd(t *testing.T) {
	const letters = "a ;,\"<\t/\\"
	plain := 0
	for n := range 9 * 9 * 9 * 9 * 9 {
		var v []byte
		for ; n > 0; n /= len(letters) {
			v = append(v, letters[n%len(letters)])
		}
		for _, kind := range []rawHeader{rawVia, rawFrom, rawContact} {
			if !plainValue(kind, v) {
				continue
			}
			if plain++; oddUnquoted(kind, v) {
				t.Fatalf("%q", v)
			}
		}
	}
	if plain == 0 {
		t.Error("nothing is plain")
	}
}
