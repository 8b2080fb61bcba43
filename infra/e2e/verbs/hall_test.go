//go:build e2e

// Package verbs proves every verb of a call with phones that were not written here: baresip and linphone say pure tones,
// and who hears whom is read off the wire.
package verbs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// The phones and what they say (Hz).
const (
	client = 440
	ilze   = 600
	juris  = 1000
	boss   = 1300
)

var tones = []int{client, ilze, juris, boss}

const house = `
tenants:
  demo:
    users:
      "101": {name: Ilze, password: demo-101}
      "105": {name: Juris, password: demo-105}
      "106": {name: Boss, password: demo-106, supervise: true}
      "300": {name: Anna, password: demo-300}
    trunks: {local: {allow: [127.0.0.0/8]}}
    asks: {allow_private: [127.0.0.0/8]}
    redirects: follow
    features: {blind: "*2", attended: "*3"}
    numbers:
`

// ear is a phone that hears.
type ear interface{ Ears() [2]int }

// hall is an offhook with phones around it and a tap on the wire.
type hall struct {
	*real.Offhook
	t       *testing.T
	wire    *real.Capture
	packets []real.Packet
	spans   []span
}

// span is a time in which what phones hear is judged.
type span struct {
	what     string
	from, to time.Time
	hear     map[ear][]int
}

// open starts offhook; numbers are lines of configuration such as `"10": {answer: [...]}`.
func open(t *testing.T, numbers ...string) *hall {
	t.Helper()
	config := house
	if len(numbers) == 0 {
		config = strings.TrimSuffix(config, "    numbers:\n")
	}
	for _, n := range numbers {
		config += "      " + n + "\n"
	}
	sip := real.Port(t, 3)
	config = strings.ReplaceAll(config, "{home}", fmt.Sprintf("127.0.0.1:%d", sip))
	h := &hall{t: t, Offhook: real.StartOffhook(t, real.OffhookOptions{Config: config, Port: sip})}
	h.wire = real.StartCapture(t, "udp portrange 10000-20000")
	return h
}

func (h *hall) phone(user string, hz int) *real.Baresip {
	h.t.Helper()
	return real.NewBaresip(h.t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: h.SIP, Tone: hz})
}

func (h *hall) linphone(user string, hz int, info bool) *real.Linphone {
	h.t.Helper()
	return real.NewLinphone(h.t, h.Offhook, real.LinphoneOptions{User: user, Password: "demo-" + user, Tone: hz, Info: info})
}

// uri of a number here.
func (h *hall) uri(number string) string { return "sip:" + number + "@" + h.SIP }

// listen lets the phones speak for a moment; afterwards each phone must have heard exactly these of the tones.
func (h *hall) listen(what string, hear map[ear][]int) {
	h.t.Helper()
	from := time.Now().Add(800 * time.Millisecond) // what was on its way before
	<-time.After(2 * time.Second)
	h.spans = append(h.spans, span{what, from, time.Now(), hear})
}

// judge ends the capture and looks at all that was listened to.
func (h *hall) judge() {
	h.t.Helper()
	h.packets = h.wire.Packets(h.t)
	for _, s := range h.spans {
		for phone, wanted := range s.hear {
			h.judgeOne(s, phone, wanted)
		}
	}
}

func (h *hall) judgeOne(s span, phone ear, wanted []int) {
	h.t.Helper()
	pcm := real.HeardAt(h.packets, phone.Ears(), s.from, s.to)
	for _, hz := range tones {
		got, all := real.Has(pcm, hz)
		must := contains(wanted, hz)
		if must && (all < 10 || got < all*7/10) || !must && got > 2 {
			h.t.Errorf("%s: %s hears %d Hz in %d of %d windows, wanted %v", s.what, name(phone), hz, got, all, wanted)
		}
	}
}

func contains(list []int, n int) bool {
	for _, x := range list {
		if x == n {
			return true
		}
	}
	return false
}

func name(phone ear) string {
	switch p := phone.(type) {
	case *real.Baresip:
		return p.User
	case *real.Linphone:
		return p.User
	}
	return "?"
}

// event waits for an event of a type and gives the newest.
func (h *hall) event(kind string) real.Event {
	h.t.Helper()
	return h.eventOf(kind, func(real.Event) bool { return true })
}

// eventOf waits for an event of a type with something about it.
func (h *hall) eventOf(kind string, is func(real.Event) bool) real.Event {
	h.t.Helper()
	var found real.Event
	real.Eventually(h.t, kind, func() bool {
		for _, e := range h.Recent(h.t, kind) {
			if is(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// with is for eventOf: a property has this value.
func with(name string, value any) func(real.Event) bool {
	return func(e real.Event) bool { return fmt.Sprint(e.Data[name]) == fmt.Sprint(value) }
}

// empty: all calls are over, each with one final event and no hole.
func (h *hall) empty() {
	h.t.Helper()
	real.Eventually(h.t, "no call is left", func() bool { return h.LiveCalls(h.t) == 0 })
	for _, e := range h.Recent(h.t, "call.ringing") {
		real.CheckTimeline(h.t, h.Ended(h.t, e.Subject))
	}
}

// talk brings two phones into a conversation.
func (h *hall) talk(from, to *real.Baresip) {
	h.t.Helper()
	from.Do(h.t, "dial", h.uri(to.User))
	to.Answer(h.t)
	from.Wait(h.t, "CALL_ESTABLISHED")
	h.event("call.bridged")
}
