package format_test

import (
	"testing"

	"github.com/offhook/offhook/schemas/format"
)

// cases are strings by format: what is taken, and what is refused.
var cases = map[string][2][]string{
	"sip_uri": {
		{"sip:anna@example.org", "sip:example.org", "sips:a@[::1]:5061", "sip:+3711;ext=5@h:5060;transport=tcp;lr", "sip:a%20b@10.0.0.1", "sip:{user}@h", "{uri}"},
		{"anna@example.org", "tel:+371", "sip:a:pw@h", "sip:", "sip:@h", "sip:a b@h", "sip:a@h>", "sip:a@h?Subject=x", "sip:a@h:0", "sip:a@h:99999", "sip:a@", "sip:{x} y@h", "sip:a@h\r\nVia: x", "sip:\x00@h"},
	},
	"header_name": {
		{"X-Campaign", "x-1", "Alert-Info", "subject", "User-to-User"},
		{"", "X-", "Via", "Contact", "Route", "Record-Route", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Authorization", "Proxy-Authorization",
			"Replaces", "Refer-To", "Require", "Supported", "Reason", "Privacy", "P-Asserted-Identity", "Diversion", "X-Offhook-Params", "x-offhook-a", "X-A:", "X A", "X-A\r\nVia", "X-{name}", "v", "m"},
	},
	"number":     {{"+37120001111", "100", "*98#", "anonymous", "{number}", "+371{rest}"}, {"+371 2000", "a@b", "\"x\"", "<1>", "1;2", "1\n"}},
	"user":       {{"101", "anna.b", "{agent}"}, {"a b", "a@b", "a\r"}},
	"script":     {{"/menu", "menu?x=1", "?x", "./a", "https://a.test/x?y={digits}", "http://127.0.0.1:3000", "fn:router", "{url}", "{base}/x", "/a/{x}"}, {"ftp://x", "javascript:x", "https://", "fn:", "fn:a b", "//x", "/a b", "/a\n", "http://a b/"}},
	"answer":     {{"http://127.0.0.1:3000/call", "fn:router", "demo.json"}, {"file:///etc/passwd", "demo.yaml", "fn:"}},
	"audio":      {{"welcome", "en/welcome.wav", "tone:beep", "https://a.test/x.wav", "{lang}/x", "a..b"}, {"../x", "a/../b", "/etc/passwd", "tone:x", "file:///x", "a\\b", "{a}/../../b", "a\x00", "https://"}},
	"email":      {{"a@b.test", "a+b@c", "{to}", "{to}@b", "sales@{domain}"}, {"a", "@b", "a@", "a@b@c", "A <a@b>", "a@b,c@d", "a@b\nBcc: x", "a@b..c"}},
	"event_name": {{"held", "dtmf", "custom.order_placed", "leg.held"}, {"hold", "custom.", "custom.A", "call.hold", "{x}", ""}},
	"variable":   {{"a", "_a1", "caller-name"}, {"", "1a", "a.b", "event", "result", "a b", "{a}", "-a"}},
	"duration":   {{"20s", "1m30s", "0.5s", "100ms"}, {"20", "20 secs", "", "soon", "{x}s"}},
	"cidr":       {{"10.0.0.0/8", "::1/128", "192.0.2.7"}, {"10.0.0.0/33", "x", "10.0.0.300"}},
	"host_port":  {{"a.test", "a.test:5060", "[::1]:5060", "10.0.0.1"}, {"", "a b", "a:", "a:x", "a:0", "[::1", "a/b", "a..b"}},
	"smtp_url":   {{"", "smtp://127.0.0.1:1025", "smtps://u:p@mail.test"}, {"http://x", "smtp:x", "smtp://"}},
	"http_url":   {{"http://a", "https://a.test/x"}, {"ftp://a", "/x", "http://{a}"}},
	"gather_key": {{"1", "12#", "*", "A", "no_input", "bad_input"}, {"noinput", "1x", "a"}},
	"line":       {{"anything {x}", "", "ä"}, {"a\nb", "a\rb", "\x00", "\x7f", "a\tb"}},
	"text":       {{"a\nb\tc\r\n", "{x}"}, {"\x00", "\x1b[31m"}},
	"env_name":   {{"A_1"}, {"a-b", "A B"}},
	"date-time":  {{"2025-07-01T09:00:00.5Z"}, {"yesterday"}},
	"unheard_of": {{"anything"}, nil},
}

func TestFormats(t *testing.T) {
	for name, c := range cases {
		for _, good := range c[0] {
			if p := format.Check(name, good); !p.OK() {
				t.Errorf("%s: %q is refused: %+v", name, good, p)
			}
		}
		for _, bad := range c[1] {
			if format.Check(name, bad).OK() {
				t.Errorf("%s: %q is taken", name, bad)
			}
		}
	}
}

func TestEveryFormatSaysWhatItExpects(t *testing.T) {
	for _, name := range format.Names() {
		if format.Expected(name) == "" {
			t.Errorf("%s says nothing", name)
		}
		if format.Check(name, "a\x00b").Code != "control_character" {
			t.Errorf("%s takes control characters", name)
		}
	}
}

func TestHintsTellTheWayOut(t *testing.T) {
	for s, want := range map[string]string{"20 secs": "write 20s", "20": "write 20s", "5 min": "write 5m", "soon": "", "1.5hours": "write 1.5h"} {
		if got := format.Check("duration", s).Hint; got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
}
