package sipua

import (
	"errors"
	"testing"
	"time"
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
