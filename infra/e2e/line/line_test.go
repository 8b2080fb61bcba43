//go:build e2e

// Package line proves what is heard over bad networks: real phones speak through a relay that loses, delays, swaps and
// repeats packets, and what was heard is compared with what was said.
package line

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

const (
	talk = 16 * time.Second
	rate = 8000
)

// net is a network and what must be heard through it at least, whatever else the machine does meanwhile.
type net struct {
	name string
	real.Network
	snr  float64 // dB
	hurt float64 // part of the segments
}

func jittery(loss float64) real.Network {
	return real.Network{Loss: loss, Jitter: 50 * time.Millisecond, Reordered: 0.02, Twice: 0.02, Drift: 300}
}

// The first four differ in loss alone.
var nets = []net{
	{"nothing lost", real.Network{}, 31, 0.04},
	{"1 % lost", real.Network{Loss: 0.01}, 31, 0.04},
	{"5 % lost", real.Network{Loss: 0.05}, 29, 0.05},
	{"10 % lost", real.Network{Loss: 0.10}, 26, 0.1},
	{"50 ms of jitter, 2 % behind the next, 2 % twice", jittery(0), 30, 0.03},
	{"that and 5 % lost", jittery(0.05), 27, 0.06},
	{"that and 10 % lost", jittery(0.10), 24, 0.1},
}

const house = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    numbers:
`

// hall is an offhook with a line through each network.
type hall struct {
	*real.Offhook
	t     *testing.T
	nets  []net
	lines []*real.Line
	said  [][]int16
}

// open starts it. In network n, user 10n speaks over the bad line and 20n hears; number 30n records a call from one to the
// other, number 40n is a conference and 50n takes a message. Number 600 takes three
// digits.
func open(t *testing.T, nets ...net) *hall { return openBuild(t, false, nets) }

func openBuild(t *testing.T, opus bool, nets []net) *hall {
	t.Helper()
	var config strings.Builder
	config.WriteString(house)
	config.WriteString("      \"600\": {answer: [{verb: gather, max_digits: 3, timeout: 20s}, {verb: emit, type: digits, data: {got: \"{digits}\"}}]}\n")
	for i := range nets {
		fmt.Fprintf(&config, "      \"30%[1]d\": {answer: [{verb: record, background: true, channels: 2}, {verb: dial, to: {user: \"20%[1]d\"}}]}\n", i)
		fmt.Fprintf(&config, "      \"50%[1]d\": {answer: [{verb: answer}, {verb: record, silence: 60s}]}\n", i)
		fmt.Fprintf(&config, "      \"40%[1]d\": {answer: [{verb: conference, room: room%[1]d, beep: none}]}\n", i)
	}
	config.WriteString("    users:\n")
	for i := range nets {
		fmt.Fprintf(&config, "      \"10%[1]d\": {password: demo}\n      \"20%[1]d\": {password: demo}\n", i)
	}
	h := &hall{t: t, nets: nets, Offhook: real.StartOffhook(t, real.OffhookOptions{Config: config.String(), Opus: opus})}
	for i, n := range nets {
		n.Seed = uint64(i)
		h.lines = append(h.lines, real.NewLine(t, h.Offhook, n.Network))
		h.said = append(h.said, real.Voice(uint64(i), talk+10*time.Second))
	}
	return h
}

func (h *hall) speaker(i int) *real.Baresip {
	h.t.Helper()
	return real.NewBaresip(h.t, real.BaresipOptions{User: fmt.Sprint("10", i), Password: "demo", Server: h.SIP, Proxy: h.lines[i].SIP, Says: h.said[i]})
}

// listener hears, and is silent.
func (h *hall) listener(i int) *real.Baresip {
	h.t.Helper()
	return real.NewBaresip(h.t, real.BaresipOptions{User: fmt.Sprint("20", i), Password: "demo", Server: h.SIP, Says: make([]int16, 60*rate), Auto: true, Conceals: true})
}

func (h *hall) dial(p *real.Baresip, number string, i int) {
	h.t.Helper()
	p.Do(h.t, "dial", fmt.Sprint("sip:", number, i, "@", h.SIP))
	p.Wait(h.t, "CALL_ESTABLISHED")
}

// over hangs up and waits for the end of all calls.
func (h *hall) over(all []*real.Baresip) {
	h.t.Helper()
	for _, p := range all {
		p.Do(h.t, "hangup", "")
	}
	real.Eventually(h.t, "no call is left", func() bool { return h.LiveCalls(h.t) == 0 })
}

// judge compares what was heard with what was said in a network.
func (h *hall) judge(what string, i int, heard []int16) {
	h.t.Helper()
	n := h.nets[i]
	q := real.Compare(h.said[i][:int(talk.Seconds()-1)*rate], heard)
	h.t.Logf("%s, %s: %v", n.name, what, q)
	if q.SNR < n.snr || q.Hurt > n.hurt {
		h.t.Errorf("%s, %s: want %.0f dB, %.1f %% hurt", n.name, what, n.snr, 100*n.hurt)
	}
}

// recorded is the sound of the caller in the recording of a call.
func (h *hall) recorded(call string) (pcm []int16) {
	h.t.Helper()
	real.Eventually(h.t, "the recording of "+call, func() bool {
		for _, e := range h.Recent(h.t, "recording.stored") {
			if where, _ := e.Data["location"].(string); e.Subject == call {
				pcm = real.ReadWAV(h.t, filepath.Join(h.Data, "recordings", where))
				return true
			}
		}
		return false
	})
	return pcm
}

// ended gives the final event of each network's call; its caller or the number that it called names it.
func (h *hall) ended(of func(e real.Event) string) map[string]real.Event {
	h.t.Helper()
	all := map[string]real.Event{}
	real.Eventually(h.t, "the final events", func() bool {
		for _, e := range h.Recent(h.t, "call.hangup") {
			all[of(e)] = e
		}
		return len(all) == len(h.nets)
	})
	return all
}

func from(e real.Event) string { return fmt.Sprint(e.Data["from"]) }

// Two phones that are connected are relayed as it comes: the phone that hears makes up what is lost. The recording beside it
// has offhook's own buffer and concealment.
func TestACallIsHeardAndRecordedOverBadNetworks(t *testing.T) {
	h := open(t, nets...)
	var speakers, listeners []*real.Baresip
	for i := range nets {
		speakers, listeners = append(speakers, h.speaker(i)), append(listeners, h.listener(i))
	}
	for i, p := range speakers {
		h.dial(p, "30", i)
	}
	<-time.After(talk)
	h.over(speakers)
	calls := h.ended(from)
	var opinions []float64
	for i := range nets {
		call := calls[fmt.Sprint("10", i)]
		h.judge("relayed", i, listeners[i].Heard(t))
		h.judge("recorded", i, h.recorded(call.Subject))
		opinions = append(opinions, opinion(t, call))
	}
	t.Logf("MOS of the bad line in the final event: %v", opinions)
	for i := range 3 {
		if opinions[i+1] >= opinions[i] {
			t.Errorf("MOS of %s is %.2f, of %s %.2f", nets[i].name, opinions[i], nets[i+1].name, opinions[i+1])
		}
	}
	if opinions[4] > opinions[0] || opinions[5] >= opinions[4] || opinions[6] >= opinions[5] || opinions[6] < 1 {
		t.Errorf("MOS with jitter as well: %v", opinions[4:])
	}
}

// opinion is the MOS of a call's first leg.
func opinion(t *testing.T, e real.Event) float64 {
	t.Helper()
	legs, _ := e.Data["legs"].([]any)
	if len(legs) == 0 {
		t.Fatalf("no legs in %v", e.Data)
	}
	first, _ := legs[0].(map[string]any)
	media, _ := first["media"].(map[string]any)
	mos, _ := media["mos"].(float64)
	return mos
}

// A third party that says nothing makes it a mix.
func TestAConferenceIsHeardOverBadNetworks(t *testing.T) {
	h := open(t, nets...)
	var speakers, listeners []*real.Baresip
	for i := range nets {
		speakers, listeners = append(speakers, h.speaker(i)), append(listeners, h.listener(i))
		silent := real.CallerScript().Invite(real.OfferBoth).Answered().Ack().Pause(talk + 20*time.Second).Bye()
		real.Sipp(t, real.SippOptions{Scenario: silent.XML(), Target: h.SIP, Service: fmt.Sprint("40", i), Calls: 1})
	}
	for i, p := range listeners {
		h.dial(p, "40", i)
	}
	for i, p := range speakers {
		h.dial(p, "40", i)
	}
	<-time.After(talk)
	for i, p := range listeners {
		h.judge("in a conference", i, p.Heard(t))
	}
	for _, p := range append(speakers, listeners...) {
		p.Do(t, "hangup", "")
	}
}

// Another phone, sipp, which sends its sound from a file by a clock of its own.
func TestAMessageOfSippIsRecordedOverBadNetworks(t *testing.T) {
	h := open(t, nets...)
	for i := range nets {
		file := filepath.Join(t.TempDir(), "say.ulaw")
		real.WriteULaw(t, file, h.said[i])
		say := real.CallerScript().Invite(real.OfferBoth).Answered().Ack().Speak(file, 1).Pause(talk).Bye()
		real.Sipp(t, real.SippOptions{Scenario: say.XML(), Target: h.lines[i].SIP, Service: fmt.Sprint("50", i), Calls: 1, Args: []string{"-mp", fmt.Sprint(real.Port(t, 4))}})
	}
	real.Eventually(t, "the calls begin", func() bool { return h.LiveCalls(t) == len(nets) })
	<-time.After(talk - 5*time.Second)
	real.Eventually(t, "no call is left", func() bool { return h.LiveCalls(t) == 0 })
	calls := h.ended(func(e real.Event) string { return fmt.Sprint(e.Data["to"]) })
	for i := range nets {
		h.judge("recorded", i, h.recorded(calls[fmt.Sprint("50", i)].Subject))
	}
}
