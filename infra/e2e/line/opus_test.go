//go:build e2e

package line

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/infra/e2e/real"
)

// opusNets are networks as in nets, with what must be heard of Opus through them. Opus codes what an ear makes of the sound
// and not its samples, so SNR is low and says little.
var opusNets = []net{
	{"nothing lost", real.Network{}, 9, 0.08},
	{"5 % lost", real.Network{Loss: 0.05}, 8.5, 0.1},
	{"10 % lost", real.Network{Loss: 0.10}, 8, 0.15},
	{"50 ms of jitter, 2 % behind the next, 2 % twice", jittery(0), 8, 0.08},
}

// A phone of Opus over a bad line and one of PCMU behind a good one: what is lost is repaired from the packet that follows,
// before it is relayed and before it is recorded; and the phone repairs what it hears in the same way. Both say the same.
func TestOpusIsHeardAndRecordedOverBadNetworks(t *testing.T) {
	h := openBuild(t, true, opusNets)
	var speakers, listeners []*real.Baresip
	for i := range h.nets {
		speakers = append(speakers, real.NewBaresip(t, real.BaresipOptions{User: fmt.Sprint("10", i), Password: "demo", Server: h.SIP, Proxy: h.lines[i].SIP, Says: h.said[i], Opus: true}))
		listeners = append(listeners, real.NewBaresip(t, real.BaresipOptions{User: fmt.Sprint("20", i), Password: "demo", Server: h.SIP, Says: h.said[i], Auto: true, Conceals: true}))
	}
	for i, p := range speakers {
		h.dial(p, "30", i)
	}
	<-time.After(talk)
	h.over(speakers)
	calls := h.ended(from)
	for i, n := range h.nets {
		q := real.Compare(h.said[i][:int(talk.Seconds()-1)*rate], wav.Resample(speakers[i].Heard(t), 48000, rate))
		if t.Logf("%s, heard in Opus: %v", n.name, q); q.Hurt > n.hurt || q.Silent > 0.05 {
			t.Errorf("%s, heard in Opus: want %.1f %% hurt", n.name, 100*n.hurt)
		}
	}
	h.digits(speakers[2], "360")
	for i := range h.nets {
		call := calls[fmt.Sprint("10", i)]
		if got := fmt.Sprint(call.Data["legs"]); !strings.Contains(got, "codec:OPUS") || !strings.Contains(got, "codec:PCMU") {
			t.Errorf("not Opus and PCMU: %s", got)
		}
		h.judge("relayed", i, listeners[i].Heard(t))
		h.judge("recorded", i, h.recorded(call.Subject))
		t.Logf("MOS %.2f", opinion(t, call))
	}
}

// digits: baresip's telephone-events have a clock of 8000 beside Opus too, and they come through a line that loses each tenth
// packet.
func (h *hall) digits(p *real.Baresip, keys string) {
	h.t.Helper()
	h.dial(p, "60", 0)
	<-time.After(time.Second)
	p.Press(h.t, keys)
	real.Eventually(h.t, "the script has the digits", func() bool {
		got := h.Recent(h.t, "custom.digits")
		return len(got) == 1 && strings.Contains(fmt.Sprint(got[0].Data["data"]), "got:"+keys)
	})
	h.over(nil)
}
