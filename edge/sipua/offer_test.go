package sipua_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestAReinviteIsHandedUpAndAnswered(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.told("offer sdp")
		r.dialog().AnswerOffer([]byte(ourSDP))
		if m := p.expect("200 INVITE"); string(m.Body()) != ourSDP {
			t.Errorf("200 is\n%s", m)
		}
		p.send(s.request("ACK", "", ""))
		p.quiet(time.Minute)
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		r.dialog().RefuseOffer(488)
		p.expect("488 INVITE")
		p.send(s.requestAs("ACK", s.cseq, "z9hG4bK-c1-3-INVITE", "", ""))
		r.told("offer sdp")
		p.send(s.request("BYE", "", ""))
		p.expect("200 BYE")
		r.told("ended bye 0 remote")
	})
}

func TestAReinviteWithoutAnOfferGetsOursAndTheACKHasTheAnswer(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("INVITE", "", ""))
		p.expect("100 INVITE")
		r.told("offer")
		r.dialog().AnswerOffer([]byte(ourSDP))
		if m := p.expect("200 INVITE"); string(m.Body()) != ourSDP {
			t.Errorf("200 is\n%s", m)
		}
		p.send(s.request("ACK", "", offerSDP))
		r.told("offer answered 200 sdp")
	})
}

func TestAnOfferNobodyAnswersIsRefused(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("UPDATE", "", offerSDP))
		p.expect("500 UPDATE")
		r.told("offer sdp")
	})
}

func TestUpdateInAConfirmedDialog(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		update := s.request("UPDATE", "", offerSDP)
		p.send(update)
		r.told("offer sdp")
		p.send(update)
		p.quiet(time.Second)
		r.dialog().AnswerOffer([]byte(ourSDP))
		if m := p.expect("200 UPDATE"); string(m.Body()) != ourSDP || m.(*sip.Response).Contact() == nil {
			t.Errorf("200 is\n%s", m)
		}
		p.send(s.request("UPDATE", "", ""))
		p.expect("200 UPDATE")
		r.told()
	})
}

func TestUpdateBeforeTheAnswer(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Progress(183, "", []byte(ourSDP), nil)
		s.learn(p.expect("183 INVITE"))
		p.send(s.request("UPDATE", "", ""))
		p.expect("200 UPDATE")
		p.send(s.request("UPDATE", "", offerSDP)) // the first offer has no final answer yet
		if res := p.expect("500 UPDATE").(*sip.Response); res.GetHeader("Retry-After") == nil {
			t.Errorf("500 is\n%s", res)
		}
		s.cseq = 1
		d.Accept([]byte(ourSDP), nil)
		p.expect("200 INVITE")
		p.send(s.requestAs("ACK", 1, "z9hG4bKack", "", ""))
		r.told("invite anna 100 sdp", "answered 200")
	})
}

func TestOurReinviteIsAnsweredAndRefused(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, _ := r.called(p, "out-1", "")
		d.Reoffer([]byte("v=0\r\nhold"))
		m := p.expect("INVITE").(*sip.Request)
		if string(m.Body()) != "v=0\r\nhold" || m.CSeq().SeqNo != 2 || tag(m.To().Params) != "b" {
			t.Errorf("re-INVITE is\n%s", m)
		}
		p.send(p.reply(m, 200, "", "", offerSDP))
		p.expect("ACK")
		r.told("offer answered 200 sdp")
		d.Reoffer([]byte(ourSDP))
		m = p.expect("INVITE").(*sip.Request)
		p.send(p.reply(m, 488, "", "", ""))
		p.expect("ACK")
		r.told("offer answered 488")
	})
}

func TestOnlyTheNewestOfferWaitsForTheOneUnderWay(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, _ := r.called(p, "out-1", "")
		d.Reoffer([]byte("one"))
		d.Reoffer([]byte("two"))
		d.Reoffer([]byte("three"))
		m := p.expect("INVITE")
		p.quiet(400 * time.Millisecond)
		p.send(p.reply(m, 200, "", "", offerSDP))
		m = p.expect("ACK", "INVITE")
		if string(m.Body()) != "three" {
			t.Errorf("second offer is %q", m.Body())
		}
		p.send(p.reply(m, 200, "", "", offerSDP))
		p.expect("ACK")
		r.told("offer answered 200 sdp", "offer answered 200 sdp")
	})
}

func TestGlareIsMetWith491AndTriedAgain(t *testing.T) {
	for _, c := range []struct {
		outbound    bool
		least, most time.Duration
	}{{true, 2100 * time.Millisecond, 4 * time.Second}, {false, 0, 2 * time.Second}} {
		run(t, func(r *rig) {
			p := r.phone("127.0.0.1:7001")
			var s *side
			if c.outbound {
				_, s = r.called(p, "out-1", "")
			} else {
				s = r.established(p, "c1", "")
			}
			r.dialog().Reoffer([]byte("hold"))
			ours := p.expect("INVITE")
			p.send(s.request("INVITE", "", offerSDP))
			p.expect("491 INVITE")
			p.send(s.requestAs("ACK", s.cseq, "z9hG4bK-"+s.callID+"-"+strconv.Itoa(s.cseq)+"-INVITE", "", ""))
			p.send(p.reply(ours, 491, "", "", ""))
			p.expect("ACK")
			start := time.Now()
			again := p.expect("INVITE").(*sip.Request)
			if wait := time.Since(start); wait < c.least || wait > c.most {
				t.Errorf("tried again after %v, want %v to %v", wait, c.least, c.most)
			}
			p.send(p.reply(again, 200, "", "", offerSDP))
			p.expect("ACK")
			r.told("offer answered 200 sdp")
		})
	}
}

func TestASecondReinviteWhileOneWaitsIsAnswered500(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		p.send(s.request("INVITE", "", offerSDP))
		if res := p.expect("500 INVITE").(*sip.Response); res.GetHeader("Retry-After") == nil {
			t.Errorf("500 is\n%s", res)
		}
		r.told("offer sdp")
	})
}

func TestAReinviteCanBeCancelled(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		p.send(s.requestAs("CANCEL", s.cseq, "z9hG4bK-c1-2-INVITE", "", ""))
		p.expect("200 CANCEL", "487 INVITE")
		p.send(s.requestAs("ACK", s.cseq, "z9hG4bK-c1-2-INVITE", "", ""))
		r.told("offer sdp")
		p.quiet(time.Minute)
	})
}

func TestAnOfferOfOursGoesOutOnceTheirsIsCancelledOrForgotten(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := r.established(p, "c1", "")
		for _, cancelled := range []bool{true, false} {
			p.send(s.request("INVITE", "", offerSDP))
			p.expect("100 INVITE")
			r.dialog().Reoffer([]byte(ourSDP))
			branch := fmt.Sprintf("z9hG4bK-c1-%d-INVITE", s.cseq)
			if cancelled {
				p.send(s.requestAs("CANCEL", s.cseq, branch, "", ""))
				p.expect("200 CANCEL", "487 INVITE")
			} else {
				p.expect("500 INVITE")
			}
			p.send(s.requestAs("ACK", s.cseq, branch, "", ""))
			p.send(p.reply(p.expect("INVITE"), 200, "", "", offerSDP))
			p.expect("ACK")
		}
	})
}

func TestAReinviteThatIsNotAnsweredEndsTheDialog(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, _ := r.called(p, "out-1", "")
		d.Reoffer([]byte("hold"))
		time.Sleep(33 * time.Second)
		r.told("ended lost 408 remote")
	})
}

func TestAskingTheOtherSideForItsOffer(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, _ := r.called(p, "out-1", "")
		d.Reoffer(nil)
		m := p.expect("INVITE")
		if len(m.Body()) != 0 {
			t.Errorf("re-INVITE is\n%s", m)
		}
		ok := p.reply(m, 200, "", "", offerSDP)
		p.send(ok)
		r.told("offer sdp")
		d.AnswerOffer([]byte(ourSDP))
		if ack := p.expect("ACK"); string(ack.Body()) != ourSDP {
			t.Errorf("ACK is\n%s", ack)
		}
		p.send(ok)
		if ack := p.expect("ACK"); string(ack.Body()) != ourSDP {
			t.Errorf("repeated ACK is\n%s", ack)
		}
	})
}

func TestAnOfferThatWaitsForTheACKIsMadeAfterIt(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "", offerSDP))
		p.expect("100 INVITE")
		d := r.dialog()
		d.Reoffer([]byte("hold"))
		d.Accept([]byte(ourSDP), nil)
		s.learn(p.expect("200 INVITE"))
		p.quiet(300 * time.Millisecond)
		p.send(s.request("ACK", "", ""))
		p.send(p.reply(p.expect("INVITE"), 200, "", "", offerSDP))
		p.expect("ACK")
		r.told("invite anna 100 sdp", "answered 200", "offer answered 200 sdp")
	})
}

func TestARepeated200ToOurReinviteIsAcknowledgedAgain(t *testing.T) {
	for _, outbound := range []bool{true, false} {
		run(t, func(r *rig) {
			p := r.phone("127.0.0.1:7001")
			if outbound {
				r.called(p, "out-1", "")
			} else {
				r.established(p, "c1", "")
			}
			r.dialog().Reoffer([]byte("hold"))
			ok := p.reply(p.expect("INVITE"), 200, "", "", offerSDP)
			for _, wait := range []time.Duration{0, time.Second, 15 * time.Second} { // the last one after the transaction
				time.Sleep(wait)
				p.send(ok)
				p.expect("ACK")
			}
			p.quiet(time.Minute)
			r.told("offer answered 200 sdp")
		})
	}
}
