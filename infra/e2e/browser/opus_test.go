//go:build e2e

package browser

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// A build with Opus: the browser speaks it with everybody, and everything else is as it is without.
func TestJsSIPSpeaksOpus(t *testing.T) {
	t.Parallel()
	r := openBuild(t, real.Port(t, 5), true)
	r.run(t, "with a desk phone, transcoded", func(r *rig) { r.opus(transcoded, "OPUS PCMU") })
	r.run(t, "called by a desk phone", func(r *rig) { r.opus(pageIsCalled, "PCMU OPUS") })
	r.run(t, "with a page, as it comes", opusToOpus)
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

// opusToOpus: two pages hear each other, with hold and its music between.
func opusToOpus(r *rig) {
	began := time.Now()
	p, q := r.phone("jssip", "105"), r.phone("jssip", "106")
	q.Run(r.t, "say(1300)", nil)
	p.do("call", uri("106"))
	q.wait("incoming")
	q.do("accept")
	q.wait("answered")
	p.wait("answered")
	r.hear("talking", map[ear][]int{p: {second}, q: {microphone}})
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
