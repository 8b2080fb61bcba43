//go:build e2e

package browser

import (
	"fmt"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// What is said (Hz).
const (
	microphone = 440 // the browser
	desk       = 1000
	second     = 1300 // a second page
	whistle    = 1700 // a script
)

var tones = []int{microphone, desk, second, whistle}

// ear hears the last second.
type ear interface{ heard() []int16 }

// phone on a desk: baresip over UDP, heard on the wire.
type phone struct {
	*real.Baresip
	r *rig
}

func (r *rig) desk(user string) *phone {
	r.t.Helper()
	return &phone{real.NewBaresip(r.t, real.BaresipOptions{User: user, Password: "demo-" + user, Server: r.SIP, Tone: desk}), r}
}

func (p *phone) heard() []int16 {
	now := time.Now()
	return real.HeardAt(p.r.tap.Packets(), p.Ears(), now.Add(-time.Second), now)
}

func (p *phone) do(command, params string) {
	p.r.t.Helper()
	p.Do(p.r.t, command, params)
}

func (p *phone) wait(kind string) real.BaresipEvent {
	p.r.t.Helper()
	return p.Wait(p.r.t, kind)
}

// hear waits until everybody has heard exactly these of the tones for a second.
func (r *rig) hear(what string, all map[ear][]int) {
	r.t.Helper()
	var last []string
	for began := time.Now(); time.Since(began) < real.Patience; <-time.After(100 * time.Millisecond) {
		last = last[:0]
		for who, wanted := range all {
			if wrong := judge(who.heard(), wanted); wrong != "" {
				last = append(last, fmt.Sprintf("%s %s, wanted %v", name(who), wrong, wanted))
			}
		}
		if len(last) == 0 {
			return
		}
	}
	r.t.Fatalf("%s: %s", what, strings.Join(last, "; "))
}

// music waits until somebody hears some sound, whatever it is.
func (r *rig) music(what string, who ear) {
	r.t.Helper()
	r.eventually(what+" and "+name(who)+" hears music", func() bool {
		loud, all := real.Loud(who.heard())
		return all > 0 && loud > all/2
	})
}

// judge says what is wrong with a second of sound. In 20 windows a lost packet or two may be.
func judge(pcm []int16, wanted []int) string {
	var wrong []string
	for _, hz := range tones {
		must := false
		for _, w := range wanted {
			must = must || w == hz
		}
		if got, all := real.Has(pcm, hz); must && got < 16 || !must && got > 0 {
			wrong = append(wrong, fmt.Sprintf("hears %d Hz in %d of %d windows", hz, got, all))
		}
	}
	return strings.Join(wrong, ", ")
}

func name(who ear) string {
	switch p := who.(type) {
	case *phone:
		return p.User
	case *page:
		return p.Name
	}
	return "?"
}
