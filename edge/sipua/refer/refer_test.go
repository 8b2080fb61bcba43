package refer

import (
	"errors"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/sipua/guard"
)

func TestTargetIsReadOutOfReferTo(t *testing.T) {
	for value, want := range map[string]string{
		"sip:103@demo.test":                                  "sip:103@demo.test",
		"<sip:103@demo.test;transport=tcp>;x=1":              "sip:103@demo.test;transport=tcp",
		`"Anna \"<A>\"" <sip:103@demo.test>`:                 "sip:103@demo.test",
		"Anna Berg <sip:103@demo.test:5062>":                 "sip:103@demo.test:5062",
		"<tel:+371-2000>":                                    "tel:+371-2000",
		"<sip:103@demo.test?Subject=x&Route=%3Csip:evil%3E>": "sip:103@demo.test",
		"<sip:103@demo.test;method=INVITE>":                  "sip:103@demo.test;method=INVITE",
	} {
		got, err := ParseTarget(value)
		if err != nil || got.URI.String() != want || got.Replaces != nil {
			t.Errorf("%s: %s %v %v", value, got.URI.String(), got.Replaces, err)
		}
	}
}

func TestTargetsReplacesIsUnescaped(t *testing.T) {
	got, err := ParseTarget("<sip:103@demo.test?Replaces=12345%40192.168.1.2%3Bto-tag%3Dt1%3Bfrom-tag%3Df1%3Bearly-only>")
	want := Replaces{CallID: "12345@192.168.1.2", To: "t1", From: "f1", Early: true}
	if err != nil || got.Replaces == nil || *got.Replaces != want {
		t.Fatalf("%+v %v", got.Replaces, err)
	}
	again, err := ParseTarget("<sip:103@demo.test?Replaces=" + want.Escaped() + ">")
	if err != nil || *again.Replaces != want {
		t.Errorf("%s: %+v %v", want.Escaped(), again.Replaces, err)
	}
}

func TestTargetsThatCannotBeUsed(t *testing.T) {
	for _, value := range []string{
		"", " ", "103", "*", "sip:", "<sip:103@demo.test", "<sip:1@a>, <sip:2@b>", "sip:1@a, sip:2@b", "sip:1@a?Replaces=x",
		"<mailto:a@b>", "<sips:103@demo.test>", "<http://a>", `"Anna <sip:103@a>`, `"Anna" x <sip:103@a>`, "<sip:1@a> <sip:2@b>", "<sip:1 3@a>",
		"<sip:103@a;method=BYE>", "<sip:103@a?method=BYE>", "<sip:103@a\r\nX: y>", "<sip:103@a?Replaces=%zz>", "<sip:103@a?Replaces=c>",
		"<sip:103@a?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>",
		"<sip:103@a?Replaces=c%0D%0AX:y%3Bto-tag%3D1%3Bfrom-tag%3D2>", "<sip:" + strings.Repeat("1", 2000) + "@a>",
	} {
		if got, err := ParseTarget(value); err == nil {
			t.Errorf("%q is %+v", value, got)
		}
	}
}

func TestReplaces(t *testing.T) {
	for value, want := range map[string]Replaces{
		"c1;to-tag=a;from-tag=b":                       {"c1", "a", "b", false},
		"c1@h ; from-tag = b; To-Tag=a; early-only":    {"c1@h", "a", "b", true},
		"c1;to-tag=a;from-tag=b;x=y;z":                 {"c1", "a", "b", false},
		"c1;to-tag=riga-abc-def;from-tag=0;early-only": {"c1", "riga-abc-def", "0", true},
	} {
		if got, err := ParseReplaces(value); err != nil || got != want {
			t.Errorf("%s: %+v %v", value, got, err)
		}
	}
	for _, value := range []string{
		"", "c1", "c1;to-tag=a", "c1;from-tag=b", ";to-tag=a;from-tag=b", "c1;to-tag=a;to-tag=c;from-tag=b", "c1;to-tag=;from-tag=b",
		"c1;to-tag=a b;from-tag=b", "c 1;to-tag=a;from-tag=b", "c1;to-tag=a;from-tag=b, c2;to-tag=a;from-tag=b", "c1;to-tag=a\n;from-tag=b",
	} {
		if got, err := ParseReplaces(value); !errors.Is(err, ErrReplaces) {
			t.Errorf("%q is %+v %v", value, got, err)
		}
	}
}

func TestFragment(t *testing.T) {
	const kind = "message/sipfrag;version=2.0"
	for body, want := range map[string]Status{
		"SIP/2.0 100 Trying":                             {100, "Trying"},
		"SIP/2.0 180 Ringing\r\n":                        {180, "Ringing"},
		"SIP/2.0 486 \r\nContact: <sip:a@b>\r\n\r\n":     {486, ""},
		"SIP/2.0 200":                                    {200, ""},
		"SIP/2.0 603 Nein danke\n":                       {603, "Nein danke"},
		"SIP/2.0 404 " + strings.Repeat("x", 200) + "\n": {404, strings.Repeat("x", 128)},
	} {
		if got, err := ParseFragment(kind, []byte(body)); err != nil || got != want {
			t.Errorf("%q: %+v %v", body, got, err)
		}
	}
	for _, body := range []string{
		"", "SIP/2.0", "SIP/2.0 20", "SIP/2.0 2000 x", "SIP/2.0 099 x", "SIP/2.0 700 x", "SIP/1.0 200 OK", "sip/2.0 200 OK", "SIP/2.0  200 OK",
		"SIP/2.0 +20 OK", "INVITE sip:a@b SIP/2.0", "SIP/2.0 200 O\x00K", "SIP/2.0 200 O\rK", "SIP/2.0 200 " + strings.Repeat("x", 2000),
	} {
		if got, err := ParseFragment(kind, []byte(body)); !errors.Is(err, ErrFragment) {
			t.Errorf("%q is %+v %v", body, got, err)
		}
	}
	for _, kind := range []string{"", "text/plain", "message/sip", "message/sipfrag;version=3.0", ";"} {
		if _, err := ParseFragment(kind, []byte("SIP/2.0 200 OK")); !errors.Is(err, ErrFragment) {
			t.Errorf("%q: %v", kind, err)
		}
	}
	if got := string(Status{200, "a\r\nX: y"}.Fragment()); got != "SIP/2.0 200 \r\n" {
		t.Errorf("%q", got)
	}
}

// FuzzReplaces: what is read is written so that it is read the same, in a header and in a URI.
func FuzzReplaces(f *testing.F) {
	f.Add("c1@h;to-tag=a;from-tag=b;early-only")
	f.Add("c%41;from-tag=%;to-tag=a+b")
	f.Fuzz(func(t *testing.T, value string) {
		r, err := ParseReplaces(value)
		if err != nil {
			return
		}
		if again, err := ParseReplaces(r.String()); err != nil || again != r {
			t.Fatalf("%q: %+v, again %+v %v", value, r, again, err)
		}
		target, err := ParseTarget("<sip:a@b?Replaces=" + r.Escaped() + ">")
		if err == nil && *target.Replaces != r || err != nil && len(r.Escaped()) < longest/2 {
			t.Fatalf("%q: %+v, in a URI %+v %v", value, r, target.Replaces, err)
		}
	})
}

// FuzzTarget: what is read is a URI without headers and without what would end a line.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"sip:1@a", `"A" <sip:1@a;b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>;d`, "<tel:+1>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := ParseTarget(value)
		if err != nil {
			return
		}
		if s := got.URI.String(); !guard.Clean(s) || strings.Contains(s, "?") || strings.ContainsAny(s, "\r\n<>") {
			t.Fatalf("%q is %q", value, s)
		}
		if r := got.Replaces; r != nil && (!guard.Clean(r.CallID) || !guard.IsToken(r.To) || !guard.IsToken(r.From)) {
			t.Fatalf("%q has %+v", value, r)
		}
	})
}

// FuzzFragment: what is read is written so that it is read the same.
func FuzzFragment(f *testing.F) {
	f.Add("message/sipfrag;version=2.0", []byte("SIP/2.0 180 Ringing\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		s, err := ParseFragment(contentType, body)
		if err != nil {
			return
		}
		if again, err := ParseFragment(ContentType, s.Fragment()); err != nil || again != s {
			t.Fatalf("%q: %+v, again %+v %v", body, s, again, err)
		}
	})
}
