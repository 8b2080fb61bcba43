package sipua_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua"
)

func TestAnOutboundCallRingsIsAnsweredAndHungUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d := r.invite(p, "out-1")
		m := p.expect("INVITE").(*sip.Request)
		if m.From().Value() != `"Edge" <sip:100@127.0.0.1>;tag=`+d.ID() || string(m.Body()) != ourSDP || m.MaxForwards() == nil {
			t.Errorf("INVITE is\n%s", m)
		}
		p.send(p.reply(m, 100, "", "", ""))
		p.send(p.reply(m, 180, "b", "", ""))
		p.send(p.reply(m, 200, "b", "Record-Route: <sip:127.0.0.1:7001;lr>\r\n", offerSDP))
		ack := p.expect("ACK").(*sip.Request)
		if ack.Recipient.String() != "sip:bob@127.0.0.1:7001" || ack.Route() == nil || tag(ack.To().Params) != "b" {
			t.Errorf("ACK is\n%s", ack)
		}
		r.told("progress 180", "answered 200 sdp")
		d.End(sipua.End{})
		p.send(p.reply(p.expect("BYE"), 200, "", "", ""))
		r.told("ended bye 0")
	})
}

func tag(params sip.HeaderParams) string {
	v, _ := params.Get("tag")
	return v
}

func TestTheCalleeHangsUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		_, s := r.called(p, "out-1", "")
		p.send(s.request("BYE", "Reason: Q.850;cause=17\r\n", ""))
		p.expect("200 BYE")
		r.told("ended bye 0 remote")
	})
}

func TestARefusalIsAcknowledgedAndEndsTheCall(t *testing.T) {
	var end sipua.EndCause
	run(t, func(r *rig) {
		r.onDialog = func(_ *sipua.Dialog, ev sipua.DialogEvent) { end = ev.End }
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		m := p.expect("INVITE")
		busy := p.reply(m, 486, "b", "Reason: Q.850;cause=17;text=\"busy\"\r\n", "")
		p.send(busy)
		ack := p.expect("ACK").(*sip.Request)
		if ack.Via().Value() != m.Via().Value() || tag(ack.To().Params) != "b" {
			t.Errorf("ACK is\n%s", ack)
		}
		p.send(busy)
		p.expect("ACK")
		r.told("ended refused 486 remote")
	})
	if end.Phrase != "Some Phrase" || end.Q850 != 17 || !strings.Contains(end.Reason, "busy") {
		t.Errorf("cause is %+v", end)
	}
}

// forsake ends a call to a phone that is silent as yet.
func (r *rig) forsake(p *phone) *sip.Request {
	r.t.Helper()
	d := r.invite(p, "out-1")
	m := p.expect("INVITE").(*sip.Request)
	d.End(sipua.End{Reason: `SIP;cause=200;text="Call completed elsewhere"`})
	p.quiet(400 * time.Millisecond)
	r.told("ended cancel 0")
	return m
}

func TestACancelWaitsForAProvisionalResponseAndTheCallDoesNot(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		m := r.forsake(p)
		p.send(p.reply(m, 180, "b", "", ""))
		cancel := p.expect("CANCEL").(*sip.Request)
		if cancel.Via().Value() != m.Via().Value() || !strings.Contains(cancel.GetHeader("Reason").Value(), "elsewhere") {
			t.Errorf("CANCEL is\n%s", cancel)
		}
		p.send(p.reply(m, 180, "b", "", "")) // crosses it
		p.send(p.reply(cancel, 200, "b", "", ""))
		p.send(p.reply(m, 487, "b", "", ""))
		p.expect("ACK")
		p.quiet(time.Minute)
	})
}

func TestAnAnswerToACallThatWasGivenUpInSilenceIsHungUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		m := r.forsake(p)
		p.expect("INVITE") // the phone had lost it
		p.send(p.reply(m, 200, "b", "", offerSDP))
		p.expect("ACK")
		bye := p.expect("BYE").(*sip.Request)
		if !strings.Contains(bye.GetHeader("Reason").Value(), "elsewhere") || tag(bye.To().Params) != "b" {
			t.Errorf("BYE is\n%s", bye)
		}
		p.send(p.reply(bye, 200, "", "", ""))
		p.quiet(time.Minute)
	})
}

func TestAPhoneThatRingsForEverAfterItWasGivenUpIsForgotten(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		m := r.forsake(p)
		p.send(p.reply(m, 180, "b", "", ""))
		p.send(p.reply(p.expect("CANCEL"), 200, "b", "", ""))
		for range 10 {
			p.send(p.reply(m, 180, "b", "", ""))
			p.quiet(5 * time.Second)
		}
		p.send(p.reply(m, 486, "b", "", "")) // to a transaction that nobody knows
		p.quiet(time.Minute)
	})
}

func TestA200ThatCrossesOurCancelIsAcknowledgedAndHungUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d := r.invite(p, "out-1")
		m := p.expect("INVITE")
		p.send(p.reply(m, 180, "b", "", ""))
		r.told("progress 180")
		d.End(sipua.End{})
		cancel := p.expect("CANCEL")
		p.send(p.reply(m, 200, "b", "", offerSDP))
		p.send(p.reply(cancel, 200, "b", "", ""))
		p.expect("ACK")
		p.send(p.reply(p.expect("BYE"), 200, "", "", ""))
		r.told("ended cancel 200")
	})
}

func TestACancelThatNothingFollowsEndsTheCall(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d := r.invite(p, "out-1")
		m := p.expect("INVITE")
		p.send(p.reply(m, 180, "b", "", ""))
		r.told("progress 180")
		d.End(sipua.End{})
		p.send(p.reply(p.expect("CANCEL"), 200, "b", "", ""))
		time.Sleep(33 * time.Second)
		r.told("ended cancel 0")
	})
}

func TestACalleeThatIsSilentTimesOutAfter32Seconds(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		for range 7 { // at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s
			p.expect("INVITE")
		}
		p.quiet(time.Minute)
		r.told("ended timeout 408")
	})
}

func TestACalleeThatRingsForEverIsCancelled(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		m := p.expect("INVITE")
		p.send(p.reply(m, 180, "b", "", ""))
		time.Sleep(179 * time.Second)
		p.quiet(500 * time.Millisecond)
		p.expect("CANCEL")
		p.send(p.reply(m, 487, "b", "", ""))
		p.expect("ACK")
		r.told("progress 180", "ended timeout 487")
	})
}

func TestTheSecond200OfAForkIsAcknowledgedAndHungUp(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d := r.invite(p, "out-1")
		m := p.expect("INVITE")
		p.send(p.reply(m, 183, "x", "", offerSDP))
		p.send(p.reply(m, 183, "y", "", offerSDP))
		p.send(p.reply(m, 200, "x", "", offerSDP))
		if ack := p.expect("ACK").(*sip.Request); tag(ack.To().Params) != "x" {
			t.Errorf("ACK is\n%s", ack)
		}
		r.told("progress 183 sdp", "progress 183 sdp forked", "answered 200 sdp forked")
		time.Sleep(10 * time.Second) // the client transaction is gone
		p.send(p.reply(m, 200, "y", "", offerSDP))
		if ack := p.expect("ACK").(*sip.Request); tag(ack.To().Params) != "y" {
			t.Errorf("ACK is\n%s", ack)
		}
		bye := p.expect("BYE").(*sip.Request)
		if tag(bye.To().Params) != "y" || bye.CSeq().SeqNo != 2 {
			t.Errorf("BYE is\n%s", bye)
		}
		p.send(p.reply(bye, 200, "", "", ""))
		r.told()
		d.End(sipua.End{})
		if bye = p.expect("BYE").(*sip.Request); tag(bye.To().Params) != "x" {
			t.Errorf("BYE is\n%s", bye)
		}
		p.send(p.reply(bye, 200, "", "", ""))
		r.told("ended bye 0")
	})
}

func TestARepeated200IsAcknowledgedAgain(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		m := p.expect("INVITE")
		ok := p.reply(m, 200, "b", "", offerSDP)
		for _, wait := range []time.Duration{0, time.Second, 20 * time.Second} {
			time.Sleep(wait)
			p.send(ok)
			p.expect("ACK")
		}
		r.told("answered 200 sdp")
	})
}

func TestAnInviteWithoutAnOfferIsAnsweredInTheACK(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@127.0.0.1:7001"})
		if err != nil {
			t.Fatal(err)
		}
		m := p.expect("INVITE")
		p.send(p.reply(m, 200, "b", "", offerSDP))
		p.quiet(100 * time.Millisecond)
		r.told("answered 200 sdp")
		d.AnswerOffer([]byte(ourSDP))
		if ack := p.expect("ACK"); string(ack.Body()) != ourSDP {
			t.Errorf("ACK is\n%s", ack)
		}
	})
}

func TestAnIntervalThatIsTooSmallIsRaised(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		m := p.expect("INVITE").(*sip.Request)
		p.send(p.reply(m, 422, "b", "Min-SE: 3600\r\n", ""))
		next := p.expect("ACK", "INVITE").(*sip.Request)
		if next.GetHeader("Session-Expires").Value() != "3600" || next.CSeq().SeqNo != 2 || next.Via().Value() == m.Via().Value() {
			t.Errorf("second INVITE is\n%s", next)
		}
		if tag(next.From().Params) != tag(m.From().Params) {
			t.Error("the From tag changed")
		}
		p.send(p.reply(next, 422, "b", "Min-SE: 7200\r\n", ""))
		p.expect("ACK")
		r.told("ended refused 422 remote")
	})
}

func TestAChallengeIsAnsweredWithTheGatewaysCredentials(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		_, err := r.ua.Invite(sipua.InviteRequest{
			CallID: "out-1", URI: "sip:+371@127.0.0.1:7001", Gateway: "demo/telia", SDP: []byte(ourSDP),
		})
		if err != nil {
			t.Fatal(err)
		}
		challenge := "WWW-Authenticate: Digest realm=\"telia\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n"
		p.send(p.reply(p.expect("INVITE"), 401, "c", challenge, ""))
		m := p.expect("ACK", "INVITE").(*sip.Request)
		if m.GetHeader("Authorization") == nil || m.CSeq().SeqNo != 2 {
			t.Fatalf("second INVITE is\n%s", m)
		}
		p.send(p.reply(m, 401, "c", challenge, ""))
		p.expect("ACK")
		r.told("ended refused 401 remote")
	})
}

func TestTheACKOfAnAnswerHasTheCredentialsOfItsInvite(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		d, err := r.ua.Invite(sipua.InviteRequest{
			CallID: "out-1", URI: "sip:+371@127.0.0.1:7001", Gateway: "demo/telia", SDP: []byte(ourSDP),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, challenged := range []bool{true, false, true} {
			m := p.expect("INVITE")
			if challenged {
				p.send(p.reply(m, 407, "c", "Proxy-Authenticate: Digest realm=\"telia\", nonce=\"n1\", qop=\"auth\"\r\n", ""))
				m = p.expect("ACK", "INVITE")
			}
			p.send(p.reply(m, 200, "c", "", offerSDP))
			ack, had := p.expect("ACK").(*sip.Request).GetHeader("Proxy-Authorization"), m.(*sip.Request).GetHeader("Proxy-Authorization")
			if (had != nil) != challenged || (ack == nil) != (had == nil) || ack != nil && ack.Value() != had.Value() {
				t.Errorf("INVITE has %v, its ACK %v", had, ack)
			}
			d.Reoffer([]byte(ourSDP))
		}
	})
}

func TestInviteRefusesBadInput(t *testing.T) {
	good := sipua.InviteRequest{CallID: "c", URI: "sip:bob@127.0.0.1:7001"}
	for name, change := range map[string]func(*sipua.InviteRequest){
		"line break in the name": func(q *sipua.InviteRequest) { q.FromName = "a\r\nX: y" },
		"line break in a header": func(q *sipua.InviteRequest) { q.Headers = []sipua.Header{{Name: "X-A", Value: "b\nX: y"}} },
		"a header of ours":       func(q *sipua.InviteRequest) { q.Headers = []sipua.Header{{Name: "via", Value: "b"}} },
		"a bad header name":      func(q *sipua.InviteRequest) { q.Headers = []sipua.Header{{Name: "X A", Value: "b"}} },
		"an at in the user":      func(q *sipua.InviteRequest) { q.FromUser = "a@b" },
		"no URI":                 func(q *sipua.InviteRequest) { q.URI = "" },
		"a line break in it":     func(q *sipua.InviteRequest) { q.URI = "sip:bob\r\n@127.0.0.1" },
		"no Call-ID":             func(q *sipua.InviteRequest) { q.CallID = "" },
	} {
		run(t, func(r *rig) {
			q := good
			change(&q)
			if _, err := r.ua.Invite(q); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
}

func TestAStreamThatCannotBeOpenedEndsTheCall(t *testing.T) {
	run(t, func(r *rig) {
		_, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@127.0.0.1:7001", Via: "tcp:127.0.0.1:7001"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		r.told("ended transport 503")
	})
}

func TestANameIsLookedUpAndTheNextAddressTriedAfter503(t *testing.T) {
	run(t, func(r *rig) {
		one, two := r.phone("127.0.0.1:5061"), r.phone("127.0.0.2:5061")
		if _, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@gw.test:5061", SDP: []byte(ourSDP)}); err != nil {
			t.Fatal(err)
		}
		one.send(one.reply(one.expect("INVITE"), 503, "b", "", ""))
		one.expect("ACK")
		m := two.expect("INVITE")
		two.send(two.reply(m, 404, "b", "", ""))
		two.expect("ACK")
		r.told("ended refused 404 remote")
	}, func(c *sipua.Config) {
		c.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "gw.test" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
		}
	})
}

func TestANameThatIsUnknownEndsTheCall(t *testing.T) {
	run(t, func(r *rig) {
		if _, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", URI: "sip:bob@gw.test"}); err != nil {
			t.Fatal(err)
		}
		r.told("ended transport 503")
	}, func(c *sipua.Config) {
		c.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such host") }
	})
}

func TestCallsSurviveLossInBothDirections(t *testing.T) {
	run(t, func(r *rig) {
		r.net.SetFate(func(p edgetest.Packet) []time.Duration { // every second packet of each direction is lost, others come twice
			if p.Number%2 == 1 {
				return nil
			}
			return []time.Duration{10 * time.Millisecond, 15 * time.Millisecond}
		})
		p := r.phone("127.0.0.1:7001")
		d := r.invite(p, "out-1")
		p.answerAll("b")
		time.Sleep(20 * time.Second)
		d.End(sipua.End{})
		time.Sleep(40 * time.Second)
		r.told("answered 200 sdp", "ended bye 0")
	})
}

// answerAll answers every request with 200 and repeats that for an INVITE until its ACK, as a phone does.
func (p *phone) answerAll(tag string) {
	go func() {
		var acked bool
		var ok string
		for wait := 500 * time.Millisecond; ; {
			m := p.get(wait)
			req, isRequest := m.(*sip.Request)
			switch {
			case p.closed():
				return
			case m == nil && ok != "" && !acked:
				p.trySend(ok)
				wait *= 2
			case isRequest && req.Method == sip.ACK:
				acked = true
			case isRequest && req.Method == sip.INVITE:
				ok = p.reply(m, 200, tag, "", offerSDP)
				p.trySend(ok)
			case isRequest:
				p.trySend(p.reply(m, 200, "", "", ""))
			}
		}
	}()
}

func TestClosedRecordRoutesAreReversedForTheCaller(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "out-1")
		m := p.expect("INVITE")
		p.send(p.reply(m, 200, "b", "Record-Route: <sip:10.0.0.9;lr>\r\nRecord-Route: <sip:127.0.0.1:7001;lr>\r\n", offerSDP))
		ack := p.expect("ACK").(*sip.Request)
		var routes []string
		for _, h := range ack.GetHeaders("Route") {
			routes = append(routes, h.Value())
		}
		if !slices.Equal(routes, []string{"<sip:127.0.0.1:7001;lr>", "<sip:10.0.0.9;lr>"}) {
			t.Errorf("routes are %q", routes)
		}
		r.told("answered 200 sdp")
	})
}

func TestARefusalIsAcknowledgedForAsLongAsItIsRepeated(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.invite(p, "c1")
		refusal := p.reply(p.expect("INVITE"), 486, "b", "", "")
		for range 6 { // every ACK is lost; copies come T2 apart, up to Timer H
			p.send(refusal)
			p.expect("ACK")
			time.Sleep(4 * time.Second)
		}
		r.told("ended refused 486 remote")
		time.Sleep(40 * time.Second)
		p.send(refusal)
		p.quiet(time.Second)
	})
}

func TestNobodyThereIsKnownWithinOurPatience(t *testing.T) {
	run(t, func(r *rig) {
		p, late := r.phone("127.0.0.1:7001"), r.phone("127.0.0.1:7002")
		begin := time.Now()
		ask := func(callID, via string) {
			if _, err := r.ua.Invite(sipua.InviteRequest{CallID: callID, URI: "sip:700@127.0.0.1", Via: via, FromUser: "100", SDP: []byte(ourSDP),
				Hops: 9, Patience: 3 * time.Second}); err != nil {
				t.Fatal(err)
			}
		}
		ask("out-1", "udp:127.0.0.1:7001")
		if m := p.expect("INVITE").(*sip.Request); m.MaxForwards().Val() != 9 {
			t.Errorf("INVITE is\n%s", m)
		}
		ask("out-2", "udp:127.0.0.1:7002")
		m := late.expect("INVITE")
		late.send(late.reply(m, 100, "", "", "")) // a sign of life
		time.Sleep(5 * time.Second)
		r.told("ended timeout 408")
		late.send(late.reply(m, 486, "b", "", ""))
		late.expect("ACK")
		r.told("ended refused 486 remote")
		if took := time.Since(begin); took > 6*time.Second {
			t.Errorf("after %v", took)
		}
	})
}
