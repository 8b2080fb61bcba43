package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/offhook/offhook/edge/sipua"
)

// house is a directory with the users anna and bob, who have passwords.
type house struct{ openDirectory }

func (house) Password(_, name string) (string, string, bool) {
	return "pw-" + name, "", house{}.IsUser("", name)
}
func (house) IsUser(_, name string) bool { return name == "anna" || name == "bob" }

func inHouse(t *testing.T, test func(*rig)) { runIn(t, house{}, test) }

// watcher is a phone's SUBSCRIBE to the lamp of a user.
func (p *phone) watcher(callID, user string) *side {
	return &side{p: p, callID: callID, local: "<sip:anna@demo.test>;tag=" + callID + "-w", remote: "<sip:" + user + "@demo.test>", target: "sip:" + user + "@127.0.0.1"}
}

const lampEvent = "Event: message-summary\r\nExpires: "

// proved sends a request again with the password, as the challenge wants it.
func (s *side) proved(method, headers, user string) sip.Message {
	t := s.p.r.t
	t.Helper()
	s.p.send(s.request(method, headers, ""))
	m := s.p.expect("401 " + method).(*sip.Response)
	c, err := digest.ParseChallenge(m.GetHeader("WWW-Authenticate").Value())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: method, URI: s.target, Username: user, Password: "pw-" + user, Count: 1, Cnonce: "c"})
	if err != nil {
		t.Fatal(err)
	}
	s.p.send(s.request(method, headers+"Authorization: "+cred.String()+"\r\n", ""))
	return s.p.get(time.Minute)
}

// registers anna's phone.
func (p *phone) registers() {
	p.r.t.Helper()
	s := &side{p: p, callID: "reg-" + p.addr, local: "<sip:anna@demo.test>;tag=r", remote: "<sip:anna@demo.test>", target: "sip:demo.test"}
	if m := s.proved("REGISTER", "Expires: 3600\r\n", "anna"); summary(m) != "200 REGISTER" {
		p.r.t.Fatalf("not registered: %v", m)
	}
}

// watches subscribes anna's registered phone and takes the first NOTIFY.
func (p *phone) watches(callID, lamp string) *side {
	p.r.t.Helper()
	s := p.watcher(callID, "anna")
	p.send(s.request("SUBSCRIBE", lampEvent+"600\r\n", ""))
	s.learn(p.expect("200 SUBSCRIBE"))
	p.lamp(lamp, "active;expires=600")
	return s
}

// lamp takes a NOTIFY that must tell these counts, and answers it.
func (p *phone) lamp(counts, state string) *sip.Request {
	p.r.t.Helper()
	m := p.expect("NOTIFY").(*sip.Request)
	waiting := "yes"
	if strings.HasPrefix(counts, "0/") {
		waiting = "no"
	}
	want := fmt.Sprintf("Messages-Waiting: %s\r\nMessage-Account: sip:anna@127.0.0.1\r\nVoice-Message: %s (0/0)\r\n", waiting, counts)
	if got := string(m.Body()); got != want {
		p.r.t.Errorf("the NOTIFY says\n%swant\n%s", got, want)
	}
	for name, want := range map[string]string{"Event": "message-summary", "Subscription-State": state, "Content-Type": "application/simple-message-summary"} {
		if got := m.GetHeader(name).Value(); got != want {
			p.r.t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	p.send(p.reply(m, 200, "", "", ""))
	return m
}

func (r *rig) lights(n, old int) { r.ua.SetMessages("demo", "anna", sipua.Messages{New: n, Old: old}) }

func TestAPhoneWithThePasswordWatchesItsUsersLamp(t *testing.T) {
	inHouse(t, func(r *rig) {
		r.lights(2, 1)
		p := r.phone("127.0.0.1:6001")
		s := p.watcher("w1", "anna")
		m := s.proved("SUBSCRIBE", lampEvent+"7200\r\n", "anna")
		if summary(m) != "200 SUBSCRIBE" || m.(*sip.Response).GetHeader("Expires").Value() != "3600" {
			t.Fatalf("%v", m)
		}
		p.lamp("2/1", "active;expires=3600")
		r.lights(3, 1)
		p.lamp("3/1", "active;expires=3600")
		r.lights(3, 1) // the same
		p.quiet(time.Second)
	})
}

func TestALampIsForItsOwnUserAlone(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		if m := p.watcher("w1", "anna").proved("SUBSCRIBE", lampEvent+"600\r\n", "bob"); summary(m) != "403 SUBSCRIBE" {
			t.Errorf("bob's password for anna's lamp: %v", m)
		}
		p.registers()
		p.send(p.watcher("w2", "bob").request("SUBSCRIBE", lampEvent+"600\r\n", "")) // anna's phone, bob's lamp
		p.expect("401 SUBSCRIBE")
		other := r.phone("127.0.0.1:6002")
		other.send(other.watcher("w3", "anna").request("SUBSCRIBE", lampEvent+"600\r\n", "")) // not registered here
		other.expect("401 SUBSCRIBE")
		other.send(other.watcher("w4", "anna").request("SUBSCRIBE", "Event: presence\r\nExpires: 600\r\n", ""))
		if m := other.expect("489 SUBSCRIBE").(*sip.Response); !strings.Contains(m.GetHeader("Allow-Events").Value(), "message-summary") {
			t.Errorf("%v", m)
		}
	})
}

func TestARegisteredPhoneWatchesItsLampWithoutAPassword(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		p.watches("w1", "0/0")
		r.lights(1, 0)
		p.lamp("1/0", "active;expires=600")
	})
}

func TestASubscriptionIsRefreshedAndEnds(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		s := p.watches("w1", "0/0")
		time.Sleep(500 * time.Second)
		p.send(s.request("SUBSCRIBE", lampEvent+"60\r\n", ""))
		p.expect("200 SUBSCRIBE")
		p.lamp("0/0", "active;expires=60")
		p.send(s.requestAs("SUBSCRIBE", 1, "z9hG4bK-old", lampEvent+"60\r\n", ""))
		p.expect("500 SUBSCRIBE") // RFC 3261 12.2.2
		p.send(s.request("SUBSCRIBE", lampEvent+"0\r\n", ""))
		p.expect("200 SUBSCRIBE")
		p.lamp("0/0", "terminated;reason=timeout")
		p.send(s.request("SUBSCRIBE", lampEvent+"60\r\n", ""))
		p.expect("481 SUBSCRIBE")
	})
}

func TestASubscriptionExpires(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		s := p.watches("w1", "0/0")
		p.quiet(599 * time.Second)
		p.lamp("0/0", "terminated;reason=timeout")
		p.send(s.request("SUBSCRIBE", lampEvent+"60\r\n", ""))
		p.expect("481 SUBSCRIBE")
	})
}

// A phone that fetches is told once (RFC 6665 4.4.3).
func TestALampIsFetchedOnce(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		p.send(p.watcher("w1", "anna").request("SUBSCRIBE", lampEvent+"0\r\n", ""))
		p.expect("200 SUBSCRIBE")
		p.lamp("0/0", "terminated;reason=timeout")
	})
}

func TestSubscribersOfALampAreBounded(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		first := p.watches("w0", "0/0")
		for i := range 9 {
			p.watches(fmt.Sprintf("more%d", i), "0/0")
		}
		p.send(p.watcher("full", "anna").request("SUBSCRIBE", lampEvent+"600\r\n", ""))
		p.expect("480 SUBSCRIBE")
		p.send(first.request("SUBSCRIBE", lampEvent+"0\r\n", ""))
		p.expect("200 SUBSCRIBE")
		p.lamp("0/0", "terminated;reason=timeout")
		p.watches("again", "0/0")
	})
}

func TestAPhoneWithoutASubscriptionIsToldOfItsLamp(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		r.lights(4, 2)
		m := p.lamp("4/2", "active")
		if got := m.Recipient.String(); got != "sip:anna@127.0.0.1:6001" {
			t.Errorf("sent to %s", got)
		}
		p.watches("w1", "4/2")
		r.lights(0, 6)
		p.lamp("0/6", "active;expires=600") // by the subscription
		p.quiet(time.Second)                // alone
	})
}

func TestAPhoneThatDoesNotKnowItsSubscriptionIsToldNoMore(t *testing.T) {
	inHouse(t, func(r *rig) {
		p := r.phone("127.0.0.1:6001")
		p.registers()
		p.watches("w1", "0/0")
		r.lights(1, 0)
		p.send(p.reply(p.expect("NOTIFY"), 481, "", "", ""))
		synctest.Wait()
		r.lights(2, 0)
		p.lamp("2/0", "active") // as any registered phone
	})
}

// A Contact that names somebody else would have us flood them.
func TestNotifiesGoWhereTheSubscribeCameFrom(t *testing.T) {
	inHouse(t, func(r *rig) {
		victim := r.phone("127.0.0.1:6666")
		p := r.phone("127.0.0.1:6001")
		p.registers()
		s := p.watcher("w1", "anna")
		p.send(strings.Replace(s.request("SUBSCRIBE", lampEvent+"600\r\n", ""), "Contact: <sip:anna@127.0.0.1:6001>", "Contact: <sip:anna@127.0.0.1:6666>", 1))
		p.expect("200 SUBSCRIBE")
		p.lamp("0/0", "active;expires=600")
		r.lights(1, 0)
		p.lamp("1/0", "active;expires=600")
		victim.quiet(time.Second)
	})
}
