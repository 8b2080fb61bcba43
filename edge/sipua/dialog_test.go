package sipua_test

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua"
)

func TestADialogThatHasEndedDoesNothingMore(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		d := r.dialog()
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		r.told("ended bye 0 remote")
		d.End(sipua.End{})
		d.Reoffer([]byte("late"))
		d.SendInfo("text/plain", []byte("late"))
		p.quiet(time.Minute)
		r.told()
	})
}

func TestWhatMayNotBeSentIsLeftOut(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Progress(183, "x\r\nX-Bad: y", nil, []sipua.Header{{Name: "X-Good", Value: "1"}, {Name: "X-Bad", Value: "a\r\nb"}, {Name: "Via", Value: "me"}})
		res := p.expect("183 INVITE").(*sip.Response)
		if res.Reason != "Session Progress" || res.GetHeader("X-Good") == nil || res.GetHeader("X-Bad") != nil || len(res.GetHeaders("Via")) != 1 {
			t.Errorf("183 is\n%s", res)
		}
		d.End(sipua.End{Code: 486, Reason: "a\nb"})
		if res := p.expect("486 INVITE").(*sip.Response); res.GetHeader("Reason") != nil {
			t.Errorf("486 is\n%s", res)
		}
		r.told("invite anna 100 sdp", "ended refused 486")
	})
}

func TestAStrictRouterGetsTheTargetAsTheLastRoute(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		r.established(p, "c1", "Record-Route: <sip:127.0.0.1:6001>\r\n")
		r.dialog().End(sipua.End{})
		bye := p.expect("BYE").(*sip.Request)
		if bye.Recipient.String() != "sip:127.0.0.1:6001" || bye.Route().Value() != "<sip:anna@127.0.0.1:6001>" {
			t.Errorf("BYE is\n%s", bye)
		}
	})
}

func TestTheSameCallIDTwiceEndsTheSecondCall(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.called(p, "out-1", "")
		r.invite(p, "out-1")
		r.told("ended transport 0")
		p.quiet(time.Second)
	})
}

func TestRingingIsRepeatedEveryMinute(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.dialog().Progress(180, "", nil, nil)
		p.expect("180 INVITE")
		start := time.Now()
		for range 2 {
			if m := p.get(2 * time.Minute); summary(m) != "180 INVITE" {
				t.Fatalf("got %s", summary(m))
			}
		}
		if d := time.Since(start); d != 2*time.Minute {
			t.Errorf("two repetitions in %v", d)
		}
	})
}

func TestTheEdgeCanCallItself(t *testing.T) {
	run(t, func(r *rig) {
		r.onInvite = func(d *sipua.Dialog, _ sipua.Invite) { d.Accept([]byte(ourSDP), nil) }
		d, err := r.ua.Invite(sipua.InviteRequest{CallID: "self", URI: "sip:101@" + edgeAddr, FromUser: "100", SDP: []byte(ourSDP)})
		if err != nil {
			t.Fatal(err)
		}
		r.told("invite 100 101 sdp", "answered 200 sdp", "answered 200")
		d.End(sipua.End{})
		r.told("ended bye 0 remote", "ended bye 0")
	})
}
