package node_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// refers sends a REFER and takes the 202 and the first NOTIFY.
func (d *dialog) refers(to string) {
	d.p.r.Helper()
	d.requestWith("REFER", "Refer-To: <"+to+">\r\n", "")
	d.p.expect("202 REFER")
	d.told("100")
}

// told takes a NOTIFY about a REFER, which must begin with this status.
func (d *dialog) told(status string) {
	d.p.r.Helper()
	m := d.p.expect("NOTIFY")
	if !strings.HasPrefix(m.body, "SIP/2.0 "+status) {
		d.p.r.Errorf("phone %s was told %q, want %s", d.p.addr, m.body, status)
	}
	d.p.reply(m, 200, "", "")
}

// last ask so far.
func (a *asker) last() (q schema.Ask) {
	synctest.Wait()
	for len(a.asked) > 0 {
		q = <-a.asked
	}
	return q
}

// A Refer-To at our own address or at a domain of the tenant's is a number; it is asked for in the right of who sent it.
func TestAReferToOurDomainsIsANumber(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "127.0.0.1:5060", "DEMO.test"} {
		withUser(t, func(r *rig, caller, user *dialog) {
			carol := r.phone(7002)
			r.script(`[{"verb": "dial", "to": {"sip": "sip:carol@127.0.0.1:7002"}}]`)
			user.refers("sip:105@" + host)
			if q := r.ask.last(); q.Call.To != "105" || q.Call.ReferredBy == nil || *q.Call.ReferredBy != "101" || q.Call.User != "101" || q.Call.Trunk != "" {
				t.Errorf("asked %+v", q.Call)
			}
			carol.take(withDigits)
			user.told("200")
			user.p.reply(user.p.expect("BYE"), 200, "", "")
			r.hears("a<b b<a", caller.p, carol)
			byes(caller)
			carol.reply(carol.expect("BYE"), 200, "", "")
		})
	}
}

func TestAReferElsewhereIsRefused(t *testing.T) {
	for _, host := range []string{"elsewhere.test", "127.0.0.1:9", "other.demo.test"} {
		withUser(t, func(r *rig, caller, user *dialog) {
			r.ask.last()
			for _, d := range []*dialog{user, caller} {
				d.refers("sip:105@" + host)
				d.told("603")
			}
			if q := r.ask.last(); q.ID != "" {
				t.Errorf("asked %+v", q)
			}
			r.hears("a<b b<a", caller.p, user.p)
			byes(caller)
			user.p.reply(user.p.expect("BYE"), 200, "", "")
		})
	}
}

// The phone of 101 speaks with two callers and connects them.
func TestAnAttendedTransferConnectsTheTwoOtherParties(t *testing.T) {
	withUser(t, func(r *rig, caller, user *dialog) {
		carol := r.phone(6002)
		second := carol.dial("200")
		second.invite(carol.sdp("sendrecv", withDigits))
		with := user.p.take(withDigits)
		carol.expect("100 INVITE")
		second.learn(carol.expect("200 INVITE"))
		second.request("ACK", "", "")
		wait(100 * time.Millisecond)
		_, ours, _ := strings.Cut(with.remote, "tag=")
		_, theirs, _ := strings.Cut(with.local, "tag=")
		user.refers("sip:200@127.0.0.1?Replaces=" + url.QueryEscape(with.callID+";to-tag="+ours+";from-tag="+theirs))
		for range 2 { // the two legs of the phone, in either order
			m := user.p.get(time.Minute)
			if m.what() == "NOTIFY" {
				m = user.p.get(time.Minute)
			}
			if m.what() != "BYE" {
				t.Errorf("the phone got %s", m.start)
			}
			user.p.reply(m, 200, "", "")
		}
		wait(100 * time.Millisecond)
		r.hears("a<b b<a", caller.p, carol)
		if e := last[event.Transfer](r, event.CallTransferred); e.Kind != "attended" || e.Status != "answered" || e.By != "101" {
			t.Errorf("told %+v", e)
		}
		byes(caller)
		carol.reply(carol.expect("BYE"), 200, "", "")
	})
}

func TestAPhoneThatIsReferredTellsHowItWent(t *testing.T) {
	for line, want := range map[string]string{"SIP/2.0 200 OK": "answered", "SIP/2.0 486 Busy Here": "failed"} {
		inBubble(t, nil, func(r *rig) {
			r.script(`[{"verb": "answer"}, {"verb": "refer", "to": "sip:105@far.test"}]`)
			anna := r.phone(6000)
			d := anna.established("200", withDigits)
			m := anna.expect("REFER")
			if m.head["refer-to"] != "<sip:105@far.test>" {
				t.Errorf("Refer-To: %s", m.head["refer-to"])
			}
			anna.reply(m, 202, "", "")
			d.requestWith("NOTIFY", "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\nContent-Type: message/sipfrag;version=2.0\r\n", line+"\r\n")
			anna.expect("200 NOTIFY")
			anna.reply(anna.expect("BYE"), 200, "", "")
			if e := last[event.Transfer](r, event.CallTransferred); e.Kind != "refer" || e.Status != want {
				t.Errorf("told %+v", e)
			}
		})
	}
}

func TestARedirectionLeadsToAUser(t *testing.T) {
	inBubble(t, func(s *setup) {
		s.config = strings.Replace(demo, `password: demo-101}`, `password: demo-101}`+"\n"+`      "102": {name: Anna, password: demo-102}`, 1)
	}, func(r *rig) {
		b := binding("sip:bob@127.0.0.1:7000", "", 1)
		b.User = "102"
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r.node.OnState("registration/demo/102/"+b.Contact, raw)
		r.script(`[{"verb": "dial", "to": {"sip": "sip:carol@127.0.0.1:7002"}}]`)
		anna, carol, bob := r.phone(6000), r.phone(7002), r.phone(7000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		m := carol.expect("INVITE")
		carol.reply(m, 302, "Contact: <sip:evil@far.test>;q=0.1, <sip:102@127.0.0.1>;q=0.9\r\n", "")
		carol.expect("ACK")
		bob.take(withDigits)
		anna.expect("100 INVITE")
		d.learn(anna.expect("200 INVITE"))
		d.request("ACK", "", "")
		byes(d)
		bob.reply(bob.expect("BYE"), 200, "", "")
	})
}

func TestAMessageLampIsKeptOnTheLogAndComesBack(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		b := binding("sip:bob@127.0.0.1:7000", "", 1)
		b.Node = "riga" // the edge that has the phone tells it
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r.node.OnState("registration/demo/101/sip:bob@127.0.0.1:7000", raw)
		bob, anna := r.phone(7000), r.phone(6000)
		r.script(`[{"verb": "message_waiting", "user": "101", "new": 2, "old": 1}]`)
		anna.dial("200").invite(anna.sdp("sendrecv", withDigits))
		lit := func(want string) {
			t.Helper()
			m := bob.expect("NOTIFY")
			if !strings.Contains(m.body, "Voice-Message: "+want+" ") {
				t.Errorf("the lamp shows %q, want %s", m.body, want)
			}
			bob.reply(m, 200, "", "")
		}
		lit("2/1")
		var kept events.Event
		for _, e := range r.records() {
			if strings.HasPrefix(e.Key, "messages/") {
				kept = e
			}
		}
		if kept.Key != "messages/demo/101" || !strings.HasPrefix(string(kept.Data), `{"tenant":"demo","user":"101","new":2,"old":1`) {
			t.Errorf("kept %s %s", kept.Key, kept.Data)
		}
		r.ua.SetMessages("demo", "101", sipua.Messages{})
		lit("0/0")
		for key, data := range map[string]string{"messages/demo/102": string(kept.Data), "messages/demo/101": "{", "messages/": "{}"} {
			r.node.OnState(key, []byte(data)) // not what it says
		}
		bob.quiet(time.Second)
		r.node.OnState(kept.Key, kept.Data)
		lit("2/1")
		wait(time.Minute)
	})
}

func TestTheReasonOfARejectionReachesThePhone(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "reject", "status": 403, "reason": "No referrer specified"}]`)
		anna := r.phone(6000)
		d := anna.dial("200")
		d.invite(anna.sdp("sendrecv", withDigits))
		anna.expect("100 INVITE")
		if m := anna.expect("403 INVITE"); m.start != "SIP/2.0 403 No referrer specified" {
			t.Errorf("the phone sees %q", m.start)
		}
		d.request("ACK", "", "")
	})
}
