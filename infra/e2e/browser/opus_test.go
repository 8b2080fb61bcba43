//go:build e2e

package browser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/infra/e2e/real"
)

// A build with Opus: the browser speaks it with everybody, and everything else is as it is without.
func TestJsSIPSpeaksOpus(t *testing.T) {
	t.Parallel()
	r := openBuild(t, real.Port(t, 5), true)
	r.run(t, "with a desk phone, transcoded", func(r *rig) { r.opus(transcoded, "OPUS PCMU") })
	r.run(t, "called by a desk phone", func(r *rig) { r.opus(pageIsCalled, "PCMU OPUS") })
	r.run(t, "with a page, as it comes", opusToOpus)
	r.run(t, "with a desk phone of Opus, as it comes", deskOfOpus)
	r.run(t, "hears a script", func(r *rig) { r.opus(hearsAScript, "OPUS") })
	r.run(t, "presses digits", func(r *rig) { r.opus(presses, "OPUS") })
}

// opus runs a case and looks at the codecs of its legs.
func (r *rig) opus(test func(*rig, string), codecs string) {
	r.t.Helper()
	began := time.Now()
	test(r, "jssip")
	if got := legCodecs(r.event("call.hangup", began)); got != codecs {
		r.t.Errorf("the legs spoke %s, wanted %s", got, codecs)
	}
}

func legCodecs(e real.Event) string {
	var data struct {
		Legs []struct{ Media struct{ Codec string } }
	}
	raw, _ := json.Marshal(e.Data)
	_ = json.Unmarshal(raw, &data)
	var names []string
	for _, l := range data.Legs {
		names = append(names, l.Media.Codec)
	}
	return strings.Join(names, " ")
}

// speaksOpus asks the browser itself.
func (p *page) speaksOpus() {
	p.r.t.Helper()
	var codecs map[string]string
	p.r.eventually(p.Name+" speaks and hears Opus", func() bool {
		p.Run(p.r.t, "phone.codecs()", &codecs)
		return codecs["inbound-rtp"] == "audio/opus" && codecs["outbound-rtp"] == "audio/opus"
	})
}

// transcoded: a page in Opus and a desk phone in PCMU hear each other, and hold.
func transcoded(r *rig, library string) {
	p, d := talk(r, library)
	r.hear("talking", map[ear][]int{p: {desk}, d: {microphone}})
	p.speaksOpus()
	holds(r, p, d)
	p.do("hangup")
	d.wait("CALL_CLOSED")
	p.wait("ended")
}

// deskOfOpus: what a page and a baresip code reaches the other untouched.
func deskOfOpus(r *rig) {
	began, p := time.Now(), r.phone("jssip", "105")
	d := &phone{real.NewBaresip(r.t, real.BaresipOptions{User: "101", Password: "demo-101", Server: r.SIP, Tone: desk, Opus: true, Auto: true}), r}
	p.do("call", uri("101"))
	p.wait("answered")
	r.hear("talking", map[ear][]int{p: {desk}})
	<-time.After(2 * time.Second)
	p.do("hangup")
	d.wait("CALL_CLOSED")
	p.wait("ended")
	if got := legCodecs(r.event("call.hangup", began)); got != "OPUS OPUS" {
		r.t.Errorf("the legs spoke %s", got)
	}
	pcm := wav.Resample(d.Heard(r.t), 48000, 8000)
	if wrong := judge(pcm[max(len(pcm)-8000, 0):], []int{microphone}); wrong != "" {
		r.t.Errorf("the desk %s", wrong)
	}
}

// opusToOpus: two pages hear each other, with hold and its music between.
func opusToOpus(r *rig) {
	began := time.Now()
	p, q := pagesTalk(r, "jssip", "jssip")
	p.speaksOpus()
	q.speaksOpus()
	q.do("hold")
	r.hear("the called one holds", map[ear][]int{p: {}, q: {}})
	r.music("the called one holds", p)
	q.do("resume")
	r.hear("back", map[ear][]int{p: {second}, q: {microphone}})
	q.do("hangup")
	p.wait("ended")
	if got := legCodecs(r.event("call.hangup", began)); got != "OPUS OPUS" {
		r.t.Errorf("the legs spoke %s", got)
	}
}
