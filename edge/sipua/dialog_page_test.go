package sipua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sipua"
)

// talks brings anna's page into a call that the edge makes.
func (r *rig) talks() (p *page, ph *phone, reg *side, d *sipua.Dialog) {
	p, ph = r.page(), &phone{r: r, addr: "127.0.0.1:6001"}
	reg = ph.dial("reg")
	reg.target, reg.remote = "sip:demo.test", "<sip:anna@demo.test>"
	p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
	p.expect("200 REGISTER")
	b := r.ua.Bindings("demo", "anna")[0]
	d, err := r.ua.Invite(sipua.InviteRequest{CallID: "out-1", Tenant: "demo", User: "anna", URI: b.Contact, Via: b.Via, Flow: b.Flow, SDP: []byte(ourSDP)})
	if err != nil {
		r.t.Fatal(err)
	}
	p.send(strings.Replace(ph.reply(p.expect("INVITE"), 200, "b", "", offerSDP), "sip:bob@127.0.0.1:6001", b.Contact, 1))
	p.expect("ACK")
	r.told("answered 200 sdp")
	return p, ph, reg, d
}

// comesBack registers it over a new WebSocket after a while.
func (r *rig) comesBack(reg *side, after time.Duration) *page {
	time.Sleep(after)
	p := r.page()
	p.proven(reg, "REGISTER", "Expires: 600\r\n", "")
	p.expect("200 REGISTER")
	return p
}

func TestRequestsWaitForAPageThatIsAway(t *testing.T) {
	runWS(t, func(r *rig) {
		p, ph, reg, d := r.talks()
		_ = p.conn.CloseNow()
		r.told("adrift 0")
		d.SendInfo("application/dtmf-relay", []byte("Signal=5"))
		d.Reoffer([]byte(ourSDP))
		p = r.comesBack(reg, 20*time.Second)
		info := p.expect("INFO")
		if string(info.Body()) != "Signal=5" {
			t.Errorf("%s", info)
		}
		p.send(ph.reply(info, 200, "", "", ""))
		p.send(ph.reply(p.expect("INVITE"), 200, "", "", offerSDP))
		p.expect("ACK")
		r.told("offer answered 200 sdp")
		d.End(sipua.End{})
		p.send(ph.reply(p.expect("BYE"), 200, "", "", ""))
		r.told("ended bye 0")
	})
}

// The call is over at once, and the page learns of it when it is back.
func TestAPageThatWasAwayAtTheEndIsToldOfIt(t *testing.T) {
	runWS(t, func(r *rig) {
		p, ph, reg, d := r.talks()
		_ = p.conn.CloseNow()
		r.told("adrift 0")
		d.End(sipua.End{})
		r.told("ended bye 0")
		p = r.comesBack(reg, 10*time.Second)
		p.send(ph.reply(p.expect("BYE"), 200, "", "", ""))
		time.Sleep(time.Minute)
		r.told()
	})
}

// What was on its way when the WebSocket closed goes again, unless the page must not do it twice.
func TestARequestWithoutAnswerGoesAgainToAPageThatIsBack(t *testing.T) {
	for name, late := range map[string]bool{"after it was gone": false, "before that was seen": true} {
		t.Run(name, func(t *testing.T) {
			runWS(t, func(r *rig) {
				p, ph, reg, d := r.talks()
				d.Reoffer([]byte(ourSDP))
				first := p.expect("INVITE")
				d.SendInfo("application/dtmf-relay", []byte("Signal=5"))
				p.expect("INFO")
				d.Refer("sip:102@demo.test", "")
				p.expect("REFER")
				if late {
					old := p
					p = r.comesBack(reg, time.Second)
					_ = old.conn.CloseNow()
				} else {
					_ = p.conn.CloseNow()
					p = r.comesBack(reg, time.Second)
				}
				again := p.expect("INVITE")
				if again.CSeq().SeqNo <= first.CSeq().SeqNo || again.Via().Params.String() == first.Via().Params.String() {
					t.Errorf("it is no new request:\n%s", again)
				}
				p.send(ph.reply(again, 200, "", "", offerSDP))
				p.expect("ACK")
				r.told("adrift 0", "notified 408", "offer answered 200 sdp")
				d.End(sipua.End{})
				p.send(ph.reply(p.expect("BYE"), 200, "", "", ""))
				r.told("ended bye 0")
			})
		})
	}
}

func TestAPageIsNotWaitedForForEver(t *testing.T) {
	runWS(t, func(r *rig) {
		p, _, reg, d := r.talks()
		_ = p.conn.CloseNow()
		r.told("adrift 0")
		for range 100 { // more than are kept, and none ends the call
			d.SendInfo("application/dtmf-relay", []byte("Signal=5"))
		}
		time.Sleep(40 * time.Second)
		r.told()
		d.Reoffer([]byte(ourSDP))
		time.Sleep(31 * time.Second)
		r.told()
		time.Sleep(2 * time.Second)
		r.told("ended lost 408 remote")
		p = r.comesBack(reg, time.Second)
		_ = p.conn.CloseNow()
	})
}
