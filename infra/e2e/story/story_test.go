//go:build e2e

// Package story is the product's promise as one test, with real phones, a real SMTP server and a webhook in another language.
package story

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/kafka"
	"github.com/offhook/offhook/infra/e2e/real"
)

const tenants = `
tenants:
  demo:
    users:
      "101": {name: Ilze, password: demo-101}
      "105": {name: Juris, password: demo-105}
      "300": {name: Anna, password: demo-300}
    trunks: {local: {allow: [127.0.0.0/8]}}
    asks: {allow_private: [127.0.0.0/8]}
email: {smtp: "smtp://%s", from: pbx@acme.test}
`

func TestACallerReachesAnAgentAndTheSupervisorLearnsOfTheHold(t *testing.T) {
	mailbox := real.StartSMTP(t)
	hook := startWebhook(t)
	h := real.StartOffhook(t, real.OffhookOptions{Config: fmt.Sprintf(tenants, mailbox.Addr), Answer: "http://" + hook.addr + "/call"})
	story(t, h, h, mailbox)
}

// TestTheSameOnApacheKafkaWithFunctionsApart: an edge, the functions and the broker are processes of their own.
func TestTheSameOnApacheKafkaWithFunctionsApart(t *testing.T) {
	mailbox := real.StartSMTP(t)
	hook := startWebhook(t)
	b := kafka.Start(t)
	config := strings.Replace(fmt.Sprintf(tenants, mailbox.Addr), "    users:", "    answer: http://"+hook.addr+"/call\n    users:", 1)
	functions := real.StartFunctions(t, b.Address(), config, "email", "history")
	h := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: b.Address(), Config: config})
	real.Eventually(t, "the functions have their partitions", func() bool {
		res, err := http.Get("http://" + functions.HTTP + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	story(t, h.Offhook, functions, mailbox)
}

// story is told with phones at h; history has the history's pages.
func story(t *testing.T, h, history *real.Offhook, mailbox *real.SMTP) {
	t.Helper()
	phone := func(user string, tone int, transport string) *real.Baresip {
		return real.NewBaresip(t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: h.SIP, Tone: tone, Transport: transport})
	}
	agent, other, caller := phone("101", 600, "tcp"), phone("105", 1000, "udp"), phone("300", 440, "udp")
	wire := real.StartCapture(t, fmt.Sprintf("udp portrange %d-%d or udp dst port %d", h.RTP[0], h.RTP[1], other.SIP))

	caller.Do(t, "dial", "sip:200@"+h.SIP)
	caller.Wait(t, "CALL_ESTABLISHED")
	real.Eventually(t, "the prompt is playing", func() bool { return hasEvent(h.Recent(t, "verb.started"), "gather") })
	caller.Do(t, "sndcode", "1")

	agent.Wait(t, "CALL_INCOMING")
	other.Wait(t, "CALL_INCOMING")
	agent.Do(t, "accept", "")
	agent.Wait(t, "CALL_ESTABLISHED")
	other.Wait(t, "CALL_CLOSED")
	call := waitFor(t, h, "offhook.call.bridged").Subject
	bridged := speak(t)

	agent.Do(t, "hold", "")
	held := waitFor(t, h, "offhook.call.held")
	holding := speak(t)
	mail := waitMail(t, mailbox)
	late := mail.Time().Sub(held.Time)
	t.Logf("mail delivered %s after the hold", late)
	if late > 5*time.Second { // it takes some milliseconds; nothing on its way waits on purpose
		t.Errorf("the mail came %s after the re-INVITE", late)
	}
	if !strings.Contains(mail.Text, "User Ilze put on hold 300.") {
		t.Errorf("the mail says:\n%s", mail.Text)
	}

	agent.Do(t, "resume", "")
	waitFor(t, h, "offhook.call.resumed")
	again := speak(t)
	caller.Do(t, "hangup", "")
	agent.Wait(t, "CALL_CLOSED")

	checkEvents(t, h.Ended(t, call))
	checkHistory(t, history, call)
	packets := wire.Packets(t)
	mustBeCancelledAsElsewhere(t, packets, other.SIP)
	in := func(p *real.Baresip) [2]int { return [2]int{p.RTP, p.RTP + 9} }
	for name, s := range map[string]span{"bridged": bridged, "resumed": again} {
		mustHear(t, name+": the caller hears the agent", real.HeardAt(packets, in(caller), s.from, s.to), 600)
		mustHear(t, name+": the agent hears the caller", real.HeardAt(packets, in(agent), s.from, s.to), 440)
	}
	if t.Failed() {
		t.Logf("the phones' RTP ports: caller %v, agent %v; packets by destination: %v", in(caller), in(agent), real.Destinations(packets))
	}
	music := real.HeardAt(packets, in(caller), holding.from, holding.to)
	if got, _ := real.Hears(music, 600); got > 0 {
		t.Errorf("the held caller hears the agent in %d windows", got)
	}
	if loud, all := real.Loud(music); loud < all/2 || all == 0 {
		t.Errorf("the held caller hears music in %d of %d windows", loud, all)
	}
	if mails := mailbox.Mails(t); len(mails) != 1 {
		t.Errorf("%d mails, want exactly one", len(mails))
	}
}

// mustBeCancelledAsElsewhere: the phone that lost shows no missed call (RFC 3326).
func mustBeCancelledAsElsewhere(t *testing.T, packets []real.Packet, port int) {
	t.Helper()
	for _, p := range packets {
		if text := string(p.Payload); p.Dst == port && strings.HasPrefix(text, "CANCEL ") {
			if !strings.Contains(text, `Reason: SIP;cause=200;text="Call completed elsewhere"`) {
				t.Errorf("the CANCEL says:\n%s", text)
			}
			return
		}
	}
	t.Error("phone 105 got no CANCEL")
}

// span is a time in which what the phones hear is judged.
type span struct{ from, to time.Time }

// speak lets the phones speak for a moment: sound on the wire is measured over real time.
func speak(t *testing.T) span {
	t.Helper()
	from := time.Now().Add(800 * time.Millisecond) // what was on its way before
	<-time.After(2 * time.Second)
	return span{from, time.Now()}
}

func mustHear(t *testing.T, what string, pcm []int16, hz int) {
	t.Helper()
	if got, all := real.Hears(pcm, hz); all < 10 || got < all*8/10 {
		t.Errorf("%s: the tone of %d Hz in %d of %d windows", what, hz, got, all)
	}
}

func hasEvent(all []real.Event, verb string) bool {
	return slices.ContainsFunc(all, func(e real.Event) bool { return e.Data["verb"] == verb })
}

func waitFor(t *testing.T, h *real.Offhook, kind string) real.Event {
	t.Helper()
	var found real.Event
	real.Eventually(t, kind, func() bool {
		list := h.Recent(t, kind)
		if len(list) > 0 {
			found = list[len(list)-1]
		}
		return len(list) > 0
	})
	return found
}

func waitMail(t *testing.T, s *real.SMTP) real.Mail {
	t.Helper()
	var mails []real.Mail
	real.Eventually(t, "the supervisor's mail", func() bool { mails = s.Mails(t); return len(mails) > 0 })
	return mails[0]
}

func checkEvents(t *testing.T, all []real.Event) {
	t.Helper()
	real.CheckTimeline(t, all)
	var kinds []string
	for _, e := range all {
		kinds = append(kinds, strings.TrimPrefix(e.Type, "offhook."))
	}
	at := 0
	for _, want := range []string{"call.ringing", "ask.answered", "call.answered", "dtmf.received", "leg.ringing", "leg.answered",
		"call.bridged", "call.held", "email.requested", "call.resumed", "call.hangup"} {
		i := slices.Index(kinds[at:], want)
		if i < 0 {
			t.Fatalf("no %s after event %d in %v", want, at, kinds)
		}
		at += i
	}
}

func checkHistory(t *testing.T, h *real.Offhook, call string) {
	t.Helper()
	var answer struct{ Calls []map[string]any }
	real.Eventually(t, "the call in the history", func() bool {
		h.Get(t, "/history/calls?caller=300&agent=101", &answer)
		return len(answer.Calls) == 1
	})
	if id := answer.Calls[0]["id"]; id != call {
		t.Errorf("the history shows call %v, want %s", id, call)
	}
}

type webhook struct {
	*real.Process
	addr string
}

func startWebhook(t *testing.T) webhook {
	t.Helper()
	code, err := os.ReadFile("webhook.py")
	if err != nil {
		t.Fatal(err)
	}
	dir, port := t.TempDir(), real.Port(t, 1)
	if err := os.WriteFile(filepath.Join(dir, "webhook.py"), code, 0o644); err != nil {
		t.Fatal(err)
	}
	w := webhook{Process: real.Start(t, dir, "/usr/bin/python3", "webhook.py", strconv.Itoa(port)), addr: "127.0.0.1:" + strconv.Itoa(port)}
	w.Line(t, "listening")
	return w
}
