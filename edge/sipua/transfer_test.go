package sipua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua"
)

// notified takes a NOTIFY that must say this, and answers it.
func (p *phone) notified(line, state string) *sip.Request {
	p.r.t.Helper()
	m := p.expect("NOTIFY").(*sip.Request)
	if got := strings.TrimSpace(string(m.Body())); got != "SIP/2.0 "+line {
		p.r.t.Errorf("the NOTIFY says %q, want %q", got, line)
	}
	if got := m.GetHeader("Subscription-State").Value(); !strings.HasPrefix(got, state) {
		p.r.t.Errorf("its subscription is %q, want %s", got, state)
	}
	p.send(p.reply(m, 200, "", "", ""))
	return m
}

func TestAReferIsAcceptedAndToldHowItGoes(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("REFER", "Refer-To: <sip:105@127.0.0.1>\r\n", ""))
		p.expect("202 REFER")
		if m := p.notified("100 Trying", "active"); m.GetHeader("Event").Value() != "refer" {
			t.Errorf("Event: %s", m.GetHeader("Event").Value())
		}
		r.told("referred 105")
		d := r.dialog()
		p.send(s.request("REFER", "Refer-To: <sip:106@127.0.0.1>\r\n", ""))
		p.expect("491 REFER") // one at a time
		d.NotifyRefer(180, "")
		p.notified("180 Ringing", "active")
		d.NotifyRefer(200, "")
		p.notified("200 OK", "terminated;reason=noresource")
		d.NotifyRefer(200, "")
		p.quiet(time.Second)
		p.send(s.request("REFER", "Refer-To: <sip:x@elsewhere.test>\r\n", ""))
		p.expect("202 REFER")
		if m := p.notified("100 Trying", "active"); !strings.HasPrefix(m.GetHeader("Event").Value(), "refer;id=") {
			t.Errorf("Event of the second: %s", m.GetHeader("Event").Value()) // RFC 3515 2.4.6
		}
		r.told("referred x at elsewhere.test")
	})
}

func TestNotifiesOfAReferComeInOrderOneAtATime(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("REFER", "Refer-To: <sip:105@127.0.0.1>\r\n", ""))
		p.expect("202 REFER")
		first := p.expect("NOTIFY")
		d := r.dialog()
		d.NotifyRefer(180, "")
		d.NotifyRefer(486, "")
		p.expect("NOTIFY") // the first again: it was not answered
		p.send(p.reply(first, 200, "", "", ""))
		p.notified("486 Busy Here", "terminated")
		r.told("referred 105")
	})
}

func TestRefersThatCannotBeFollowed(t *testing.T) {
	for headers, want := range map[string]string{
		"": "400 REFER",
		"Refer-To: <sip:1@a.test>\r\nRefer-To: <sip:2@a.test>\r\n": "400 REFER",
		"Refer-To: <mailto:a@b.test>\r\n":                          "400 REFER",
		"Refer-To: <sip:1@a.test?Replaces=c>\r\n":                  "400 REFER",
	} {
		run(t, func(r *rig) {
			p := r.phone("127.0.0.1:6001")
			s := r.established(p, "c1", "")
			p.send(s.request("REFER", headers, ""))
			p.expect(want)
			p.quiet(time.Second)
			r.told()
		})
	}
}

// An attended transfer names the other dialog by its Call-ID and tags, which only who is in it knows.
func TestAReferWithReplacesFindsTheOtherDialog(t *testing.T) {
	run(t, func(r *rig) {
		a, b := r.phone("127.0.0.1:6001"), r.phone("127.0.0.1:6002")
		s := r.established(a, "c1", "")
		other := r.established(b, "c2", "")
		_, theirs, _ := strings.Cut(other.remote, "tag=")
		replaces := "c2%3Bto-tag%3D" + theirs + "%3Bfrom-tag%3Dc2-a"
		a.send(s.request("REFER", "Refer-To: <sip:105@127.0.0.1?Replaces="+replaces+">\r\n", ""))
		a.expect("202 REFER")
		a.notified("100 Trying", "active")
		r.told("referred 105 replaces")
		r.dialog().NotifyRefer(200, "")
		a.notified("200 OK", "terminated")
		a.send(s.request("REFER", "Refer-To: <sip:105@127.0.0.1?Replaces="+strings.Replace(replaces, "c2-a", "guess", 1)+">\r\n", ""))
		a.expect("202 REFER")
		a.notified("100 Trying", "active")
		a.notified("481 Call/Transaction Does Not Exist", "terminated")
		r.told()
	})
}

func TestAnInviteWithReplacesNamesTheDialogItTakesThePlaceOf(t *testing.T) {
	run(t, func(r *rig) {
		a, b := r.phone("127.0.0.1:6001"), r.phone("127.0.0.1:6002")
		other := r.established(a, "c1", "")
		_, theirs, _ := strings.Cut(other.remote, "tag=")
		header := "Replaces: c1;to-tag=" + theirs + ";from-tag=c1-a"
		s := b.dial("c2")
		b.send(s.request("INVITE", header+"\r\n", offerSDP))
		b.expect("100 INVITE")
		r.told("invite anna 100 sdp replaces")
		for id, c := range map[string]struct{ header, want string }{
			"c3": {strings.Replace(header, "c1-a", "x", 1), "481 INVITE"},
			"c4": {header + ";early-only", "486 INVITE"},
			"c5": {"Replaces: nobody;to-tag=1;from-tag=2", "481 INVITE"},
		} {
			p := r.phone("127.0.0.1:6" + id[1:] + "00")
			s := p.dial(id)
			p.send(s.request("INVITE", c.header+"\r\n", offerSDP))
			p.expect("100 INVITE", c.want)
			p.send(s.request("ACK", "", ""))
		}
		p := r.phone("127.0.0.1:6900")
		p.send(p.dial("c9").request("INVITE", "Replaces: c1\r\n", offerSDP))
		p.expect("400 INVITE")
		r.told()
	})
}

func TestOurReferIsToldHowItGoes(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		d, s := r.called(p, "c1", "")
		d.Refer("sip:105@demo.test", "sip:100@demo.test")
		m := p.expect("REFER").(*sip.Request)
		if to, by := m.GetHeader("Refer-To").Value(), m.GetHeader("Referred-By").Value(); to != "<sip:105@demo.test>" || by != "<sip:100@demo.test>" {
			t.Errorf("Refer-To %s, Referred-By %s", to, by)
		}
		p.send(p.reply(m, 202, "", "", ""))
		notify := func(line, state, want string) {
			t.Helper()
			p.send(s.request("NOTIFY", "Event: refer\r\nContent-Type: message/sipfrag;version=2.0\r\nSubscription-State: "+state+"\r\n", line))
			p.expect(want)
		}
		notify("SIP/2.0 100 Trying\r\n", "active;expires=60", "200 NOTIFY")
		notify("something else", "active", "400 NOTIFY")
		notify("SIP/2.0 200 OK\r\n", "terminated;reason=noresource", "200 NOTIFY")
		r.told("notified 100", "notified 200")
		d.Refer("sip:106@demo.test", "")
		p.send(p.reply(p.expect("REFER"), 405, "", "", ""))
		r.told("notified 405")
		d.Refer("sip:a@b.test\r\nX: y", "")
		p.quiet(time.Second)
		r.told("notified 400")
	})
}

func TestAReferWithoutAnOutcomeIsNotWaitedForForEver(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		d, _ := r.called(p, "c1", "")
		d.Refer("sip:105@demo.test", "")
		p.send(p.reply(p.expect("REFER"), 202, "", "", ""))
		p.quiet(time.Minute)
		r.told("notified 408")
	})
}

func TestARedirectionNamesWhereToTryBestFirst(t *testing.T) {
	run(t, func(r *rig) {
		var moved []string
		r.onDialog = func(_ *sipua.Dialog, ev sipua.DialogEvent) { moved = append(moved, ev.End.Moved...) }
		p := r.phone("127.0.0.1:6001")
		r.invite(p, "c1")
		m := p.expect("INVITE")
		answer := p.reply(m, 302, "b", "Contact: <sip:x@a.test>;q=0.1, <sip:y@b.test>, <mailto:z@c.test>\r\n", "")
		p.send(strings.Replace(answer, "Contact: <sip:bob@127.0.0.1:6001>\r\n", "", 1))
		p.expect("ACK")
		r.told("ended refused 302 remote")
		if got := strings.Join(moved, " "); got != "sip:y@b.test sip:x@a.test" {
			t.Errorf("moved to %q", got)
		}
	})
}

// A Path and a gateway's address come in brackets (RFC 3327, RFC 3261 20.34).
func TestARouteInBracketsIsFollowed(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		_, err := r.ua.Invite(sipua.InviteRequest{CallID: "c1", URI: "sip:bob@phone.invalid", Route: []string{"<sip:127.0.0.1:6001;lr>;x=y"}, SDP: []byte(ourSDP)})
		if err != nil {
			t.Fatal(err)
		}
		m := p.expect("INVITE").(*sip.Request)
		if m.Recipient.Host != "phone.invalid" || m.Route() == nil || m.Route().Address.Port != 6001 {
			t.Errorf("%s, Route %v", m.StartLine(), m.Route())
		}
		p.send(p.reply(m, 486, "b", "", ""))
		p.expect("ACK")
		r.told("ended refused 486 remote")
	})
}
