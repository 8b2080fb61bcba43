//go:build e2e

package verbs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// Tones that only G.722 carries, and what they would fold back to in 8 kHz.
const (
	clientHigh, clientFolded = 5000, 3000
	ilzeHigh, ilzeFolded     = 6000, 2000
)

var wideTones = []int{client, ilze, juris, clientHigh, clientFolded, ilzeHigh, ilzeFolded}

// wide is a phone that speaks G.722 alone.
func (h *hall) wide(user string, hz, high int) *real.Baresip {
	h.t.Helper()
	return real.NewBaresip(h.t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: h.SIP, Tone: hz, High: high})
}

// wideSpan lets the phones speak for a moment; then the wire is looked at: each phone hears exactly these tones, by its codec.
func (h *hall) wideSpan(hear map[ear][]int) {
	h.t.Helper()
	from := time.Now().Add(400 * time.Millisecond)
	<-time.After(2400 * time.Millisecond)
	to := time.Now()
	packets := h.wire.Packets(h.t)
	for phone, wanted := range hear {
		rate, pcm := 8000, real.HeardAt(packets, phone.Ears(), from, to)
		if speaksG722(phone) {
			rate, pcm = 16000, real.WideAt(packets, phone.Ears(), from, to)
		}
		if len(pcm) < rate {
			h.t.Errorf("%s hears %d samples at %d Hz", name(phone), len(pcm), rate)
		}
		for _, hz := range wideTones {
			share := real.StrengthAt(pcm, rate, hz)
			if must := contains(wanted, hz); must && share < 0.1 || !must && share > 0.001 {
				h.t.Errorf("%s hears %d Hz with %.4f of the power, wanted %v", name(phone), hz, share, wanted)
			}
		}
	}
}

func speaksG722(phone ear) bool {
	switch p := phone.(type) {
	case *real.Baresip:
		return p.Wide
	case *real.Linphone:
		return p.Wide
	}
	return false
}

func TestG722IsRelayedBetweenTwoPhonesThatHaveIt(t *testing.T) {
	h := open(t)
	a, b := h.wide("300", client, clientHigh), h.wide("101", ilze, ilzeHigh)
	h.talk(a, b)
	h.wideSpan(map[ear][]int{a: {ilze, ilzeHigh}, b: {client, clientHigh}})
	h.hangUp(a)
	h.bothLegs("G722", "G722")
}

func TestG722IsTranscodedForAPhoneThatHasItNot(t *testing.T) {
	h := open(t)
	a, b := h.wide("300", client, clientHigh), h.phone("105", juris)
	h.talk(a, b)
	h.wideSpan(map[ear][]int{a: {juris}, b: {client}})
	h.hangUp(a)
	h.bothLegs("G722", "PCMU")
}

func TestG722OfAnotherPhone(t *testing.T) {
	h := open(t)
	l := real.NewLinphone(t, h.Offhook, real.LinphoneOptions{User: "300", Password: "demo-300", Tone: client, High: clientHigh})
	b := h.wide("101", ilze, ilzeHigh)
	l.Do("call " + h.uri("101"))
	b.Wait(t, "CALL_INCOMING")
	b.Do(t, "accept", "")
	b.Wait(t, "CALL_ESTABLISHED")
	h.event("call.bridged")
	h.wideSpan(map[ear][]int{b: {client, clientHigh}, l: {ilze, ilzeHigh}})
	h.hangUp(b)
	h.bothLegs("G722", "G722")
}

func TestAConferenceOfBothRates(t *testing.T) {
	h := open(t, `"40": {answer: [{verb: conference, room: board, beep: none}]}`)
	a, b, c := h.wide("300", client, clientHigh), h.wide("101", ilze, ilzeHigh), h.phone("105", juris)
	for _, p := range []*real.Baresip{a, b, c} {
		p.Do(t, "dial", h.uri("40"))
		p.Wait(t, "CALL_ESTABLISHED")
	}
	h.eventOf("conference.joined", with("size", 3))
	h.wideSpan(map[ear][]int{a: {ilze, ilzeHigh, juris}, b: {client, clientHigh, juris}, c: {client, ilze}})
	h.hangUp(a, b, c)
	for p, high := range map[*real.Baresip]int{a: ilzeHigh, b: clientHigh} { // as the phones decoded it
		pcm := p.Heard(t)
		if share := real.StrengthAt(pcm[len(pcm)/2:], 16000, high); share < 0.1 {
			t.Errorf("%s decoded %d Hz with %.4f of the power", p.User, high, share)
		}
	}
}

// Each phone hears of a prompt what it can.
func TestAPromptOfBothRates(t *testing.T) {
	h := open(t, `"41": {answer: [{verb: answer}, {verb: play, audio: hd, from: 2s, loop: -1}]}`)
	folder := filepath.Join(h.Data, "audio", "demo")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	real.WriteTones(t, filepath.Join(folder, "hd.wav"), 16000, 6*time.Second, client, ilzeHigh)
	a, b := h.wide("300", juris, clientHigh), h.phone("105", juris)
	for _, p := range []*real.Baresip{a, b} {
		p.Do(t, "dial", h.uri("41"))
		p.Wait(t, "CALL_ESTABLISHED")
	}
	h.wideSpan(map[ear][]int{a: {client, ilzeHigh}, b: {client}})
	h.hangUp(a, b)
}

func (h *hall) hangUp(phones ...*real.Baresip) {
	h.t.Helper()
	for _, p := range phones {
		p.Do(h.t, "hangup", "")
	}
	h.empty()
}

// bothLegs checks the codecs of a call of two that is over.
func (h *hall) bothLegs(codecs ...string) {
	h.t.Helper()
	legs, _ := h.event("call.hangup").Data["legs"].([]any)
	if len(legs) != len(codecs) {
		h.t.Fatalf("legs are %v", legs)
	}
	for i, leg := range legs {
		if m, _ := leg.(map[string]any)["media"].(map[string]any); m["codec"] != codecs[i] {
			h.t.Errorf("leg %d has media %v, want %s", i, m, codecs[i])
		}
	}
}
