package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua"
)

func TestAnInboundCallRingsIsAnsweredAndHungUpByTheCaller(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Progress(180, "", nil, nil)
		ringing := s.learn(p.expect("180 INVITE"))
		d.Accept([]byte(ourSDP), []sipua.Header{{Name: "X-Node", Value: "1"}})
		ok := s.learn(p.expect("200 INVITE"))
		if ok.To().Value() != ringing.To().Value() || string(ok.Body()) != ourSDP || ok.GetHeader("X-Node") == nil {
			t.Errorf("200 is\n%s\nafter\n%s", ok, ringing)
		}
		p.send(s.request("ACK", "", ""))
		r.told("invite anna 100 sdp", "answered 200")
		p.send(s.request("BYE", "Reason: Q.850;cause=16\r\n", ""))
		p.expect("200 BYE")
		r.told("ended bye 0 remote")
		p.quiet(time.Minute)
	})
}

func TestTheEdgeHangsUpAnInboundCall(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		r.established(p, "c1", "Record-Route: <sip:127.0.0.1:6001;lr>\r\n")
		r.dialog().End(sipua.End{Reason: `SIP;cause=200;text="done"`})
		bye := p.expect("BYE").(*sip.Request)
		if bye.Recipient.String() != "sip:anna@127.0.0.1:6001" || bye.Route() == nil || bye.GetHeader("Reason") == nil {
			t.Errorf("bye is\n%s", bye)
		}
		p.send(p.reply(bye, 200, "", "", ""))
		r.told("ended bye 0")
	})
}

func TestARefusedCallEndsAtOnceAndTheRefusalIsRepeatedUntilItsACK(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		invite := s.request("INVITE", "", offerSDP)
		p.send(invite)
		p.expect("100 INVITE")
		r.dialog().End(sipua.End{Code: 486})
		p.expect("486 INVITE", "486 INVITE")
		r.told("invite anna 100 sdp", "ended refused 486")
		p.send(invite)
		s.learn(p.expect("486 INVITE"))
		p.send(s.requestAs("ACK", 1, "z9hG4bK-c1-1-INVITE", "", ""))
		p.quiet(time.Minute)
	})
}

func TestACancelEndsARingingCallWithOneTagOnEveryResponse(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.dialog().Progress(180, "", nil, nil)
		tag := p.expect("180 INVITE").To().Value()
		p.send(s.requestAs("CANCEL", 1, "z9hG4bK-c1-1-INVITE", "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n", ""))
		if got := p.expect("200 CANCEL").To().Value(); got != tag {
			t.Errorf("200 to CANCEL has %s, want %s", got, tag)
		}
		if got := p.expect("487 INVITE").To().Value(); got != tag {
			t.Errorf("487 has %s, want %s", got, tag)
		}
		s.remote = tag
		p.send(s.requestAs("ACK", 1, "z9hG4bK-c1-1-INVITE", "", ""))
		r.told("invite anna 100 sdp", "ended cancel 487 remote")
		p.quiet(time.Minute)
	})
}

func TestAnUnknownCancelIsAnswered481(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.requestAs("CANCEL", 1, "z9hG4bKnone", "", ""))
		p.expect("481 CANCEL")
		r.told()
	})
}

func TestACancelThatCrossesThe200ChangesNothing(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.dialog().Accept([]byte(ourSDP), nil)
		s.learn(p.expect("200 INVITE"))
		cancel := *s
		cancel.remote = "<sip:100@127.0.0.1>"
		p.send(cancel.requestAs("CANCEL", 1, "z9hG4bK-c1-1-INVITE", "", ""))
		p.expect("200 CANCEL")
		p.send(s.request("ACK", "", ""))
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		r.told("invite anna 100 sdp", "answered 200", "ended bye 0 remote")
	})
}

func TestRetransmissionsOfTheInviteMakeNoSecondCall(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		invite := s.request("INVITE", "", offerSDP)
		p.send(invite)
		p.send(invite)
		p.expect("100 INVITE", "100 INVITE")
		r.dialog().Accept([]byte(ourSDP), nil)
		s.learn(p.expect("200 INVITE"))
		p.send(s.request("ACK", "", ""))
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		time.Sleep(20 * time.Second) // longer than the transactions, shorter than the tombstone
		p.send(invite)
		p.quiet(5 * time.Second)
		r.told("invite anna 100 sdp", "answered 200", "ended bye 0 remote")
	})
}

func TestAnInviteThatCameTwoWaysIsMergedWith482(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		p.send(s.requestAs("INVITE", 1, "z9hG4bKother", "", offerSDP))
		p.expect("482 INVITE")
		r.told("invite anna 100 sdp")
	})
}

func TestThe200IsRepeatedUntilTheACKComesByEitherBranch(t *testing.T) {
	for _, branch := range []string{"z9hG4bKown", "z9hG4bK-c1-1-INVITE"} {
		run(t, func(r *rig) {
			p := r.phone("127.0.0.1:6001")
			s := p.dial("c1")
			p.send(s.request("INVITE", "", offerSDP))
			p.expect("100 INVITE")
			r.dialog().Accept([]byte(ourSDP), nil)
			start := time.Now()
			p.expect("200 INVITE", "200 INVITE", "200 INVITE")
			s.learn(p.expect("200 INVITE"))
			if d := time.Since(start); d != 3500*time.Millisecond {
				t.Errorf("fourth 200 after %v, want 0.5+1+2 s", d)
			}
			p.send(s.requestAs("ACK", 1, branch, "", ""))
			r.told("invite anna 100 sdp", "answered 200")
			p.quiet(time.Minute)
		})
	}
}

func TestACallWithoutACKIsHungUpAfter32Seconds(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		start := time.Now()
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.dialog().Accept([]byte(ourSDP), nil)
		for m := p.get(time.Minute); ; m = p.get(time.Minute) {
			if summary(m) == "BYE" {
				p.send(p.reply(m, 200, "", "", ""))
				break
			}
			if summary(m) != "200 INVITE" {
				t.Fatalf("got %s", summary(m))
			}
		}
		if d := time.Since(start); d != 32*time.Second {
			t.Errorf("BYE after %v", d)
		}
		r.told("invite anna 100 sdp", "ended no ack 0 remote")
	})
}

func TestAnEndBeforeTheACKWaitsForIt(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Accept([]byte(ourSDP), nil)
		d.End(sipua.End{})
		s.learn(p.expect("200 INVITE"))
		p.quiet(400 * time.Millisecond)
		p.send(s.request("ACK", "", ""))
		p.send(p.reply(p.expect("BYE"), 200, "", "", ""))
		r.told("invite anna 100 sdp", "ended bye 0")
	})
}

func TestABYEThatIsNeverAnsweredStillEndsTheDialogOnce(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		r.established(p, "c1", "")
		r.dialog().End(sipua.End{})
		for range 11 {
			p.expect("BYE")
		}
		time.Sleep(5 * time.Second)
		r.told("ended bye 408")
		p.quiet(time.Minute)
	})
}

func TestCrossingBYEsEndTheDialogOnce(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		r.dialog().End(sipua.End{})
		bye := p.expect("BYE")
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		p.send(p.reply(bye, 481, "", "", ""))
		r.told("ended bye 0")
	})
}

func TestRequestsWithAWrongTagAreAnswered481(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		wrong := *s
		wrong.remote = "<sip:100@127.0.0.1>;tag=nobody"
		p.send(wrong.request("BYE", "", ""))
		p.expect("481 BYE")
		wrong = *s
		wrong.local = "<sip:anna@127.0.0.1>;tag=nobody"
		wrong.cseq += 5
		p.send(wrong.request("BYE", "", ""))
		p.expect("481 BYE")
		r.told()
	})
}

func TestALowerCSeqIsAnswered500(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		s.cseq = 10
		p.send(s.request("OPTIONS", "", ""))
		p.expect("200 OPTIONS")
		s.cseq = 4
		p.send(s.request("INFO", "", ""))
		p.expect("500 INFO")
		r.told()
	})
}

func TestDigitsByINFOAreHandedUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		info := s.request("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n")
		p.send(info)
		p.send(info)
		p.expect("200 INFO", "200 INFO")
		r.told("info application/dtmf-relay Signal=5\r\nDuration=160\r\n")
		r.dialog().SendInfo("application/dtmf-relay", []byte("Signal=7\r\n"))
		m := p.expect("INFO")
		if string(m.Body()) != "Signal=7\r\n" {
			t.Errorf("INFO has %q", m.Body())
		}
		p.send(p.reply(m, 481, "", "", ""))
		p.expect("BYE")
		r.told("ended lost 481 remote")
	})
}

func TestAnsweringAnInviteWithoutAnOffer(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", ""))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Progress(183, "", []byte(ourSDP), nil)
		if m := p.expect("183 INVITE"); len(m.Body()) != 0 {
			t.Error("an offer in an unreliable response")
		}
		d.Accept([]byte(ourSDP), nil)
		s.learn(p.expect("200 INVITE"))
		p.send(s.request("ACK", "", offerSDP))
		r.told("invite anna 100", "answered 200 sdp")
	})
}

func TestRequestsOutsideDialogs(t *testing.T) {
	for _, c := range []struct{ method, headers, want string }{
		{"OPTIONS", "", "200 OPTIONS"}, {"BYE", "", "481 BYE"}, {"MESSAGE", "", "405 MESSAGE"}, {"PUBLISH", "", "405 PUBLISH"},
		{"FROBNICATE", "", "501 FROBNICATE"}, {"INVITE", "Require: 100rel\r\n", "420 INVITE"}, {"REFER", "", "403 REFER"}, {"SUBSCRIBE", "Event: presence\r\n", "489 SUBSCRIBE"}, {"NOTIFY", "", "481 NOTIFY"},
	} {
		run(t, func(r *rig) {
			p := r.phone("127.0.0.1:6001")
			s := p.dial("c1")
			p.send(s.request(c.method, c.headers, ""))
			res := p.expect(c.want).(*sip.Response)
			if res.StatusCode == 420 && res.GetHeader("Unsupported").Value() != "100rel" {
				t.Errorf("420 without Unsupported:\n%s", res)
			}
			if (res.StatusCode == 405 || res.StatusCode == 200) && !strings.Contains(res.GetHeader("Allow").Value(), "UPDATE") {
				t.Errorf("no Allow:\n%s", res)
			}
			r.told()
		})
	}
}

func TestARequestThatHasNoHopsLeftIsAnswered483(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(strings.Replace(s.request("INVITE", "", offerSDP), "Max-Forwards: 70", "Max-Forwards: 0", 1))
		p.expect("483 INVITE")
		r.told()
	})
}

func TestDrainingRefusesNewCallsAndServesTheOthers(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		r.ua.Drain(30 * time.Second)
		other := p.dial("c2")
		p.send(other.request("INVITE", "", offerSDP))
		res := p.expect("503 INVITE").(*sip.Response)
		if res.GetHeader("Retry-After").Value() != "30" {
			t.Errorf("503 is\n%s", res)
		}
		p.send(p.dial("c3").request("OPTIONS", "", ""))
		if res := p.expect("503 OPTIONS").(*sip.Response); res.GetHeader("Retry-After").Value() != "30" {
			t.Errorf("503 is\n%s", res)
		}
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		r.told("ended bye 0 remote")
	})
}

func TestEveryDialogHasItsEndWhenTheUAStops(t *testing.T) {
	var r0 *rig
	run(t, func(r *rig) {
		r0 = r
		p := r.phone("127.0.0.1:6001")
		r.established(p, "c1", "")
		s := p.dial("c2")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.invite(p, "out-1")
		p.expect("INVITE")
		r.told("invite anna 100 sdp")
	})
	ends := 0
	for _, s := range r0.said {
		if strings.HasPrefix(s, "ended transport") {
			ends++
		}
	}
	if ends != 3 {
		t.Errorf("told %q, want three ends", r0.said)
	}
}

func TestAPanicOfTheHandlerEndsOnlyThatDialog(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		r.onInvite = func(d *sipua.Dialog, in sipua.Invite) { panic("bad handler") }
		other := p.dial("c2")
		p.send(other.request("INVITE", "", offerSDP))
		p.expect("100 INVITE", "500 INVITE")
		r.told("invite anna 100 sdp", "ended lost 500")
		p.send(s.request("BYE", "", ""))
		for m := p.get(time.Minute); summary(m) != "200 BYE"; m = p.get(time.Minute) {
			if summary(m) != "500 INVITE" {
				t.Fatalf("got %s", summary(m))
			}
		}
		r.told("ended bye 0 remote")
	})
}

func TestATakenPortIsAnErrorThatNamesIt(t *testing.T) {
	run(t, func(r *rig) {
		cfg := sipua.Config{Listen: []sipua.Listen{{Network: "udp", Addr: edgeAddr}}, ListenPacket: r.net.ListenPacket}
		if _, err := sipua.New(cfg, r, openDirectory{}); err == nil || !strings.Contains(err.Error(), edgeAddr) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestOrderIsKeptPerCallID(t *testing.T) {
	run(t, func(r *rig) {
		r.onInvite = func(d *sipua.Dialog, _ sipua.Invite) { d.Accept([]byte(ourSDP), nil) }
		p := r.phone("127.0.0.1:6001")
		for i := range 200 {
			s := p.dial(fmt.Sprint("order-", i))
			p.send(s.request("INVITE", "", offerSDP))
			p.expect("100 INVITE")
			s.learn(p.expect("200 INVITE"))
			p.send(s.request("ACK", "", "")) // back to back: a swap would be a BYE before its ACK
			p.send(s.request("BYE", "", ""))
			p.expect("200 BYE")
			r.told("invite anna 100 sdp", "answered 200", "ended bye 0 remote")
		}
		p.quiet(time.Minute)
	})
}
