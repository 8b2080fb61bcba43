package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/offhook/offhook/edge/ask"
	schema "github.com/offhook/offhook/schemas/ask"
)

// slow takes a second for every ask.
type slow struct{ *asker }

func (s slow) Ask(ctx context.Context, p ask.Policy, to string, q schema.Ask) ask.Answer {
	time.Sleep(time.Second)
	return s.asker.Ask(ctx, p, to, q)
}

// stages are the counts and sums of offhook_answer_seconds.
func (r *rig) stages() (count map[string]uint64, sum map[string]float64) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.node.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	count, sum = map[string]uint64{}, map[string]float64{}
	for _, f := range families {
		if f.GetName() != "offhook_answer_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			count[label(m)], sum[label(m)] = m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()
		}
	}
	return count, sum
}

func label(m *dto.Metric) string { return m.GetLabel()[0].GetValue() }

// timed makes a call with a script and a webhook that takes a second, and gives what was timed.
func (r *rig) timed(script, want string) (map[string]uint64, map[string]float64) {
	r.script(script)
	p := r.phone(6000)
	d := p.dial("200")
	d.invite(p.sdp("sendrecv", withoutDigits))
	p.expect("100 INVITE")
	if want == "200 INVITE" {
		d.learn(p.expect(want))
		d.request("ACK", "", "")
		d.request("BYE", "", "")
		p.expect("200 BYE")
	} else {
		p.expect(want)
		d.request("ACK", "", "")
	}
	return r.stages()
}

func TestTheScriptsTimeIsToldApartFromOurs(t *testing.T) {
	for name, tt := range map[string]struct{ script, final string }{
		"answered": {`[{"verb":"answer"},{"verb":"pause","for":"1h"}]`, "200 INVITE"},
		"refused":  {`[{"verb":"reject","status":486}]`, "486 INVITE"},
		"asked on": {`[{"verb":"redirect","to":"http://shop.test/"}]`, "200 INVITE"},
	} {
		t.Run(name, func(t *testing.T) {
			var s slow
			inBubble(t, func(c *setup) { s.asker = c.node.Asker.(*asker); c.node.Asker = s }, func(r *rig) {
				r.ask.set("http://shop.test/", `[{"verb":"answer"},{"verb":"pause","for":"1h"}]`)
				count, sum := r.timed(tt.script, tt.final)
				asks := 1.0
				if name == "asked on" {
					asks = 2
				}
				if count["own"] != 1 || count["ask"] != 1 || count["read"] != 1 || sum["ask"] != asks || sum["own"] != 0 {
					t.Errorf("%v %v", count, sum)
				}
			})
		})
	}
}

func TestACallThatPausesOrRingsFirstIsNotTimed(t *testing.T) {
	for _, script := range []string{
		`[{"verb":"pause","for":"2s"},{"verb":"answer"},{"verb":"pause","for":"1h"}]`,
		`[{"verb":"pause","for":"1s"},{"verb":"redirect","to":"http://shop.test/"}]`,
	} {
		inBubble(t, nil, func(r *rig) {
			r.ask.set("http://shop.test/", `[{"verb":"answer"},{"verb":"pause","for":"1h"}]`)
			if count, sum := r.timed(script, "200 INVITE"); count["own"] != 0 {
				t.Errorf("%s: %v %v", script, count, sum)
			}
		})
	}
}
