package sipua_test

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestASessionIntervalBelowOursIsRefused(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "Supported: timer\r\nSession-Expires: 60\r\n", offerSDP))
		if res := p.expect("422 INVITE").(*sip.Response); res.GetHeader("Min-SE").Value() != "90" {
			t.Errorf("422 is\n%s", res)
		}
		p.send(s.request("INVITE", "Supported: timer\r\nSession-Expires: 90\r\nMin-SE: 90\r\n", offerSDP))
		p.expect("100 INVITE")
		r.told("invite anna 100 sdp")
	})
}

func TestASessionTheCallerDoesNotRefreshExpires(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		s := p.dial("c1")
		p.send(s.request("INVITE", "Supported: timer\r\nx: 120;refresher=uac\r\n", offerSDP))
		p.expect("100 INVITE")
		r.dialog().Accept([]byte(ourSDP), nil)
		ok := s.learn(p.expect("200 INVITE"))
		if v := ok.GetHeader("Session-Expires").Value(); v != "120;refresher=uac" || ok.GetHeader("Require") == nil {
			t.Errorf("200 is\n%s", ok)
		}
		p.send(s.request("ACK", "", ""))
		r.told("invite anna 100 sdp", "answered 200")
		time.Sleep(80 * time.Second)
		p.send(s.request("UPDATE", "Supported: timer\r\nSession-Expires: 120;refresher=uac\r\n", ""))
		p.expect("200 UPDATE")
		start := time.Now()
		time.Sleep(time.Minute)
		p.expect("BYE")
		if d := time.Since(start); d != 88*time.Second { // 120 - 32
			t.Errorf("BYE %v after the last refresh", d)
		}
		r.told("ended expired 408 remote")
	})
}

func TestWeRefreshByUpdateWhereItIsAllowed(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.called(p, "out-1", "Allow: INVITE, UPDATE\r\nSession-Expires: 200;refresher=uac\r\n")
		for range 3 {
			start := time.Now()
			m := p.get(5 * time.Minute)
			if summary(m) != "UPDATE" || time.Since(start) != 100*time.Second {
				t.Fatalf("got %s after %v", summary(m), time.Since(start))
			}
			if v := m.(*sip.Request).GetHeader("Session-Expires").Value(); v != "200;refresher=uac" || len(m.Body()) != 0 {
				t.Errorf("UPDATE is\n%s", m)
			}
			p.send(p.reply(m, 200, "", "Session-Expires: 200;refresher=uac\r\n", ""))
		}
		r.told()
	})
}

func TestWeRefreshByReinviteElsewhere(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.called(p, "out-1", "Session-Expires: 200;refresher=uac\r\n")
		time.Sleep(100 * time.Second)
		m := p.expect("INVITE")
		if string(m.Body()) != ourSDP {
			t.Errorf("refresh is\n%s", m)
		}
		p.send(p.reply(m, 200, "", "Session-Expires: 200;refresher=uac\r\n", offerSDP))
		p.expect("ACK")
		r.told() // a refresh changes nothing
	})
}

func TestARefreshThatIsRefusedEndsTheSessionWhenItExpires(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.called(p, "out-1", "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n")
		time.Sleep(100 * time.Second)
		p.send(p.reply(p.expect("UPDATE"), 500, "", "", ""))
		time.Sleep(67 * time.Second)
		p.quiet(900 * time.Millisecond)
		p.expect("BYE") // 32 s before the end
		r.told("ended expired 408")
	})
}

func TestARefreshThatIsNotAnsweredEndsTheDialog(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:7001")
		r.called(p, "out-1", "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n")
		time.Sleep(100 * time.Second)
		p.send(p.reply(p.expect("UPDATE"), 481, "", "", ""))
		p.expect("BYE")
		r.told("ended lost 481 remote")
	})
}

func TestACallerThatKnowsNoSessionTimersGetsNone(t *testing.T) {
	run(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		r.established(p, "c1", "")
		p.quiet(3 * time.Hour)
		r.told()
	})
}
