package sipua

import (
	"errors"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestNoControlCharacterReachesTheWire(t *testing.T) {
	for _, value := range []string{"a\r\nX: y", "a\nb", "a\rb", "a\x00b", "a\x7f"} {
		m := newWriter()
		m.header("X-A", value)
		if _, err := m.body("", nil); !errors.Is(err, errControl) {
			t.Errorf("%q: %v", value, err)
		}
	}
	m := newWriter()
	m.header("X-A", "tab\tand ü")
	if _, err := m.body("text/plain", []byte("a\r\nb\x00")); err != nil {
		t.Error(err)
	}
}

func TestViaIsWrittenAsItCame(t *testing.T) {
	for _, via := range []string{
		"SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1;rport", "SIP/2.0/UDP phone.example", "SIP/2.0/TCP [2001:db8::1]:5060;branch=a",
		"SIP/2.0/WSS abc.invalid;branch=z9hG4bK2;x=\"a b\";received=192.0.2.9;rport=5", "SIP/2.0/UDP [2001:db8::1];branch=a",
	} {
		m, err := sip.ParseMessage([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: " + via + "\r\nContent-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		w := newWriter()
		if w.via(m.Via()); string(w.b) != m.Via().String()+"\r\n" || textOf(m.Via(), ";", "x") != m.Via().String()+";x" {
			t.Errorf("%s is written %q", via, w.b)
		}
	}
}

func TestTagsAreOwnToNodeAndCallAndTheSameForACopy(t *testing.T) {
	one, same, other := newIDs([]byte("k"), "riga"), newIDs([]byte("k"), "riga"), newIDs([]byte("k2"), "riga")
	a := one.tag("call", "x")
	if a != same.tag("call", "x") || a == one.tag("call", "y") || a == one.tag("call2", "x") || a == other.tag("call", "x") {
		t.Errorf("tag is %s", a)
	}
	if first, second := one.branch("call"), one.branch("call"); first == second {
		t.Error("a branch came twice")
	}
}

func TestTimersRunOutInOrderWhateverIsStopped(t *testing.T) {
	var q timers
	all := make([]timer, 100)
	for i := range all {
		q.start(&all[i], nil, time.Duration((i*37)%100))
	}
	for i := 0; i < len(all); i += 3 {
		q.stop(&all[i])
		q.stop(&all[i])
	}
	before, n := time.Duration(-1), 0
	for x, _ := q.due(1 << 40); x != nil; x, _ = q.due(1 << 40) {
		if x.at < before || x.running() {
			t.Errorf("timer at %d after %d", x.at, before)
		}
		before, n = x.at, n+1
	}
	if n != 66 {
		t.Errorf("%d ran out, want 66", n)
	}
}

func TestAURIWithoutAPortHasThatOfItsTransport(t *testing.T) {
	for text, want := range map[string]string{
		"sip:a@192.0.2.1": "192.0.2.1:5060", "sip:a@192.0.2.1;transport=tcp": "192.0.2.1:5060", "sip:a@[2001:db8::1];transport=TLS": "[2001:db8::1]:5061",
		"sip:a@192.0.2.1:5070;transport=tls": "192.0.2.1:5070", "sip:a@phone.test": "invalid AddrPort",
	} {
		var uri sip.Uri
		if err := sip.ParseUri(text, &uri); err != nil {
			t.Fatal(err)
		}
		if got, _ := literal(uri); got.String() != want {
			t.Errorf("%s is at %s, want %s", text, got, want)
		}
	}
}
