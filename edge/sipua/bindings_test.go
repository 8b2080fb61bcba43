package sipua

import (
	"testing"
	"testing/synctest"
	"time"
)

func at(contact, callID string, seq uint32, left time.Duration) Binding {
	return Binding{Tenant: "demo", User: "101", Contact: contact, CallID: callID, CSeq: seq, Expires: time.Now().Add(left), Node: "oslo", Q: 1000}
}

func TestRestoreKeepsTheNewerAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := newDoor(t, doorDirectory{})
		u.Restore([]Binding{at("sip:a@h", "x", 2, 50*time.Second), at("sip:b@h", "y", 1, 20*time.Second), at("sip:gone@h", "z", 1, 0)})
		u.Restore([]Binding{at("sip:a@h", "x", 1, 90*time.Second), at("sip:b@h", "other", 1, 30*time.Second)})
		got := u.Bindings("demo", "101")
		if len(got) != 2 || got[0].Contact != "sip:a@h" || got[0].CSeq != 2 || got[1].CallID != "other" {
			t.Errorf("kept %+v", got)
		}
		want(t, "told", h.heard(), "")
	})
}

func TestRestoredRegistrationIsRefreshedByItsPhone(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	u.Restore([]Binding{at("sip:101@10.0.0.5", "x", 7, aMinute)})
	wantStatus(t, register(t, u, "x", "7", "Contact: <sip:101@10.0.0.5>\n"), 500)
	wantStatus(t, register(t, u, "x", "8", "Contact: <sip:101@10.0.0.5>\n"), 200)
	want(t, "told", h.heard(), "refreshed 101 sip:101@10.0.0.5")
}

func TestForgetDropsOneSilently(t *testing.T) {
	u, h := newDoor(t, doorDirectory{})
	u.Restore([]Binding{at("sip:a@h", "x", 1, aMinute), at("sip:b@h", "x", 1, aMinute)})
	if !u.Forget("demo", "101", "sip:a@h") || u.Forget("demo", "101", "sip:a@h") || u.Forget("demo", "102", "sip:b@h") {
		t.Error("Forget does not say what it did")
	}
	if got := u.Bindings("demo", "101"); len(got) != 1 || got[0].Contact != "sip:b@h" {
		t.Errorf("left %+v", got)
	}
	want(t, "told", h.heard(), "")
}

func TestAnotherNodesBindingEndsWithItsExpiryAndIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, h := newDoor(t, doorDirectory{})
		u.Restore([]Binding{at("sip:a@h", "x", 1, aMinute)})
		time.Sleep(aMinute)
		synctest.Wait()
		if got := u.Bindings("demo", "101"); len(got) != 0 {
			t.Errorf("still offered: %v", got)
		}
		want(t, "at once", h.heard(), "")
		time.Sleep(foreignGrace)
		synctest.Wait()
		want(t, "after the grace", h.heard(), "expired 101 sip:a@h")
	})
}
