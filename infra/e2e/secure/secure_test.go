//go:build e2e

// Package secure proves encrypted and checked sound with phones that were not written here: baresip with SDES and with
// DTLS, linphone with ICE. What each hears is told by the tones in what it recorded, after its own decryption.
package secure

import (
	"fmt"
	"strings"
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

const house = `
tenants:
  demo:
    users:
      "101": {name: Keys, password: demo-101, encryption: sdes}
      "102": {name: Handshake, password: demo-102, encryption: dtls}
      "103": {name: Plain, password: demo-103}
      "104": {name: Checked, password: demo-104}
      "105": {name: Strict, password: demo-105, encryption: none}
    trunks: {local: {allow: [127.0.0.0/8]}}
    numbers:
      "10": {answer: [{verb: answer}, {verb: pause, for: 5s}]}
`

// party is a phone with what it says.
type party interface {
	call(uri string)
	take()
	hangUp()
	forget() // what it has heard
	heard() []int16
	tone() int
	name() string
}

type baresip struct {
	*real.Baresip
	t  *testing.T
	hz int
}

func (b baresip) call(uri string) { b.Do(b.t, "dial", uri) }
func (b baresip) take()           { b.Answer(b.t) }
func (b baresip) hangUp()         { b.Do(b.t, "hangup", "") }
func (b baresip) heard() []int16  { return b.Heard(b.t) }
func (b baresip) forget()         { b.Forget(b.t) }
func (b baresip) tone() int       { return b.hz }
func (b baresip) name() string    { return b.User }

type linphone struct {
	*real.Linphone
	t  *testing.T
	hz int
}

func (l linphone) call(uri string) { l.Do("call " + uri) }
func (l linphone) take() {
	real.Eventually(l.t, "linphone rings", func() bool { return l.Said("Receiving new incoming call") })
	l.Do("answer")
}
func (l linphone) hangUp()        { l.Do("terminate") }
func (l linphone) heard() []int16 { return l.Heard(l.t) }
func (l linphone) forget()        { l.Forget(l.t) }
func (l linphone) tone() int      { return l.hz }
func (l linphone) name() string   { return l.User }

type street struct {
	*real.Offhook
	t *testing.T
}

func open(t *testing.T) *street {
	t.Helper()
	return &street{real.StartOffhook(t, real.OffhookOptions{Config: house}), t}
}

func (s *street) baresip(user string, hz int, encryption, nat string) party {
	s.t.Helper()
	return baresip{real.NewBaresip(s.t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: s.SIP, Tone: hz, Encryption: encryption, NAT: nat}), s.t, hz}
}

func (s *street) linphone(user string, hz int, encryption string) party {
	s.t.Helper()
	return linphone{real.NewLinphone(s.t, s.Offhook, real.LinphoneOptions{User: user, Password: "demo-" + user, Tone: hz, Encryption: encryption, ICE: true}), s.t, hz}
}

// talk has one call the other; it ends when both have heard a second of the other's tone. encryptions are those of the two
// legs, by the final event.
func (s *street) talk(from, to party, encryptions ...string) {
	s.t.Helper()
	seen := len(s.Recent(s.t, "call.hangup"))
	from.forget()
	to.forget()
	from.call("sip:" + to.name() + "@" + s.SIP)
	to.take()
	for _, pair := range [][2]party{{from, to}, {to, from}} {
		real.Eventually(s.t, fmt.Sprintf("%s hears %s", pair[0].name(), pair[1].name()), func() bool {
			windows, _ := real.Hears(pair[0].heard(), pair[1].tone())
			return windows >= 20
		})
	}
	from.hangUp()
	real.Eventually(s.t, "the call's last event", func() bool { return len(s.Recent(s.t, "call.hangup")) > seen })
	end := s.Recent(s.t, "call.hangup")
	if got := encryptionsOf(end); got != strings.Join(encryptions, " ") {
		s.t.Errorf("%s to %s: legs are %s, want %v", from.name(), to.name(), got, encryptions)
	}
}

// encryptionsOf the legs of the newest call.
func encryptionsOf(ends []real.Event) string {
	newest := ends[0]
	for _, e := range ends {
		if e.Time.After(newest.Time) {
			newest = e
		}
	}
	var all []string
	legs, _ := newest.Data["legs"].([]any)
	for _, l := range legs {
		leg, _ := l.(map[string]any)
		media, _ := leg["media"].(map[string]any)
		all = append(all, fmt.Sprint(media["encryption"]))
	}
	return strings.Join(all, " ")
}

func TestBaresipWithSDESCallsAndIsCalled(t *testing.T) {
	s := open(t)
	keys, plain := s.baresip("101", 600, "srtp-mand", ""), s.baresip("103", 440, "", "")
	s.talk(keys, plain, "sdes", "none")
	s.talk(plain, keys, "none", "sdes")
}

func TestBaresipWithDTLSCallsAndIsCalled(t *testing.T) {
	s := open(t)
	hands, plain := s.baresip("102", 1000, "dtls_srtp", ""), s.baresip("103", 440, "", "")
	s.talk(hands, plain, "dtls", "none")
	s.talk(plain, hands, "none", "dtls")
}

// It has ICE only where its own offer asks for it.
func TestBaresipWithICEAndDTLSCalls(t *testing.T) {
	s := open(t)
	checked, plain := s.baresip("102", 1000, "dtls_srtp", "ice"), s.baresip("103", 440, "", "")
	s.talk(checked, plain, "dtls", "none")
}

func TestTwoWaysOfEncryptionMeet(t *testing.T) {
	s := open(t)
	keys, hands := s.baresip("101", 600, "srtp-mand", ""), s.baresip("102", 1000, "dtls_srtp", "")
	s.talk(keys, hands, "sdes", "dtls")
	s.talk(hands, keys, "dtls", "sdes")
}

func TestLinphoneWithICECallsAndIsCalled(t *testing.T) {
	for encryption, want := range map[string]string{"": "none", "srtp": "sdes", "dtls": "dtls"} {
		t.Run("encryption "+want, func(t *testing.T) {
			s := open(t)
			user := map[string]string{"": "104", "srtp": "101", "dtls": "102"}[encryption]
			checked, plain := s.linphone(user, 1300, encryption), s.baresip("103", 440, "", "")
			s.talk(checked, plain, want, "none")
			s.talk(plain, checked, "none", want)
		})
	}
}

// Who must not be encrypted is refused, and told why.
func TestEncryptionThatIsNotAllowedIsRefused(t *testing.T) {
	s := open(t)
	strict := s.baresip("105", 600, "srtp-mand", "")
	strict.call("sip:10@" + s.SIP)
	strict.(baresip).Wait(t, "CALL_CLOSED")
	real.Eventually(t, "the call's last event", func() bool { return len(s.Recent(t, "call.hangup")) == 1 })
	cause, _ := s.Recent(t, "call.hangup")[0].Data["cause"].(map[string]any)
	if cause["reason"] != "no_encryption" || cause["sip"] != 488.0 {
		t.Errorf("ended with %v", cause)
	}
}
