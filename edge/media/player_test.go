package media

import (
	"errors"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

// ends collects a player's events.
type ends struct {
	mu sync.Mutex
	ev []Event
	at []time.Time
}

func (e *ends) notify(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ev = append(e.ev, ev)
	e.at = append(e.at, time.Now())
}

func (e *ends) all() []Event {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ev
}

func TestPlayerKeepsTimeFor30Seconds(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		var over ends
		start := time.Now()
		p.end.Hear([]Heard{{From: r.eng.Play([]Source{prompt(1500)}, 0, over.notify)}})
		time.Sleep(31 * time.Second)
		got := p.hears()
		if len(got) != 1500 {
			r.Fatalf("%d packets, want 1500", len(got))
		}
		r.oneStream(got)
		for i, h := range got {
			if number(h) != i || h.at.Sub(got[0].at) != time.Duration(i)*20*time.Millisecond || h.Timestamp-got[0].Timestamp != uint32(i*160) || h.Marker != (i == 0) {
				r.Fatalf("packet %d: frame %d after %v, timestamp +%d", i, number(h), h.at.Sub(got[0].at), h.Timestamp-got[0].Timestamp)
			}
		}
		if wait := got[0].at.Sub(start); wait > 2*time.Millisecond {
			r.Errorf("began after %v", wait)
		}
		if ev := over.all(); len(ev) != 1 || ev[0].Kind != PlayEnded || ev[0].Err != nil {
			r.Fatalf("%v", ev)
		}
		if d := over.at[0].Sub(start); d < 30*time.Second || d > 30*time.Second+2*time.Millisecond {
			r.Errorf("ended after %v", d)
		}
	})
}

func TestPlayerRunsUnheard(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		var over ends
		player := r.eng.Play([]Source{prompt(100)}, 0, over.notify)
		time.Sleep(time.Second)
		p.end.Hear([]Heard{{From: player}})
		time.Sleep(2 * time.Second)
		got := p.hears()
		if len(got) != 50 || number(got[0]) != 50 {
			r.Errorf("%d packets from frame %d, want 50 from 50", len(got), number(got[0]))
		}
		if ev := over.all(); len(ev) != 1 {
			r.Errorf("%v", ev)
		}
	})
}

func TestSourcesOneAfterAnotherAndAgain(t *testing.T) {
	for loop, rounds := range map[int]int{0: 1, 1: 1, 3: 3} {
		inBubble(t, nil, func(r *rig) {
			p := r.phone(bothCodecs)
			var over ends
			p.end.Hear([]Heard{{From: r.eng.Play([]Source{prompt(2), prompt(0), prompt(3)}, loop, over.notify)}})
			time.Sleep(time.Second)
			got := p.hears()
			if len(got) != 5*rounds || len(over.all()) != 1 {
				r.Fatalf("loop %d: %d packets, %d ends", loop, len(got), len(over.all()))
			}
			for i, h := range got {
				if want := []int{0, 1, 0, 1, 2}[i%5]; number(h) != want {
					r.Errorf("loop %d packet %d: frame %d, want %d", loop, i, number(h), want)
				}
			}
		})
	}
}

func TestForEverIsUntilStop(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p, q := r.phone(onlyU), r.phone(onlyA)
		var over ends
		player := r.eng.Play([]Source{prompt(3)}, -1, over.notify)
		p.end.Hear([]Heard{{From: player}})
		q.end.Hear([]Heard{{From: player}})
		time.Sleep(10 * time.Second)
		player.Stop()
		player.Stop()
		time.Sleep(time.Second)
		a, b := p.hears(), q.hears()
		if len(a) != 500 || len(b) != 500 || a[0].Payload[4] != 0 || b[0].Payload[4] != 'A' {
			r.Errorf("%d and %d packets", len(a), len(b))
		}
		if ev := over.all(); len(ev) != 0 {
			r.Errorf("told %v after Stop", ev)
		}
	})
}

func TestSourcesWithoutAnythingEndAtOnce(t *testing.T) {
	for _, src := range [][]Source{nil, {prompt(0)}, {prompt(0), tune(0)}} {
		inBubble(t, nil, func(r *rig) {
			var over ends
			r.eng.Play(src, -1, over.notify)
			time.Sleep(100 * time.Millisecond)
			if ev := over.all(); len(ev) != 1 || ev[0].Err != nil {
				r.Errorf("%v", ev)
			}
		})
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Frame(n int) ([]int16, bool, error) {
	if n == 2 {
		return nil, true, errBroken
	}
	return make([]int16, frameSize), true, nil
}

func TestSourceThatFailsIsPassedOverAndToldAtTheEnd(t *testing.T) {
	for loop, want := range map[int]int{0: 11, 2: 22} {
		inBubble(t, nil, func(r *rig) {
			p := r.phone(bothCodecs)
			var over ends
			p.end.Hear([]Heard{{From: r.eng.Play([]Source{broken{}, prompt(9)}, loop, over.notify)}})
			time.Sleep(time.Second)
			ev := over.all()
			if len(ev) != 2 || ev[0].Kind != PlayFailed || ev[0].Source != 0 || ev[0].Instead || ev[1].Kind != PlayEnded || !errors.Is(ev[1].Err, errBroken) {
				r.Errorf("%v", ev)
			}
			if got := p.hears(); len(got) != want {
				r.Errorf("%d packets, want %d", len(got), want)
			}
		})
	}
}

func TestRoundInWhichEverythingFailsIsTheLast(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		var over ends
		p.end.Hear([]Heard{{From: r.eng.Play([]Source{broken{}, broken{}}, -1, over.notify)}})
		time.Sleep(time.Second)
		if ev := over.all(); len(ev) != 3 || ev[1].Source != 1 || !errors.Is(ev[2].Err, errBroken) {
			r.Errorf("%v", ev)
		}
		if got := p.hears(); len(got) != 4 {
			r.Errorf("%d packets, want 4", len(got))
		}
	})
}

// late is a source whose frames from the third on come after a second.
type late struct{ from time.Time }

func (l late) Frame(n int) ([]int16, bool, error) {
	if n >= 2 && time.Since(l.from) < time.Second {
		return nil, true, nil
	}
	return tune(5).Frame(n)
}

func TestSpeechThatIsNotReadyLosesNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		p.end.Hear([]Heard{{From: r.eng.Play([]Source{late{time.Now()}}, 0, nil)}})
		time.Sleep(2 * time.Second)
		got := p.hears()
		if len(got) != 5 || !got[2].Marker || got[2].at.Sub(got[1].at) < 900*time.Millisecond {
			r.Fatalf("%d packets", len(got))
		}
		for i, h := range got {
			if want := g711.ULaw.EncodeSample(int16(i + 1)); h.Payload[159] != want {
				r.Errorf("packet %d: %d, want frame %d", i, h.Payload[159], i)
			}
		}
		if off := int64(got[2].Timestamp-got[0].Timestamp)/8 - got[2].at.Sub(got[0].at).Milliseconds(); off != 0 {
			r.Errorf("timestamp is %d ms off", off)
		}
	})
}

// loud is full of one value.
type loud int16

func (v loud) Frame(n int) ([]int16, bool, error) {
	pcm := make([]int16, frameSize)
	for i := range pcm {
		pcm[i] = int16(v)
	}
	return pcm, n < 50, nil
}

func TestMixAddsAndClips(t *testing.T) {
	for _, c := range []struct {
		rows []Heard
		a    []int16
		want int16
	}{
		{[]Heard{{}, {}}, []int16{1000, 2000}, 3000},
		{[]Heard{{}, {}}, []int16{30000, 30000}, math.MaxInt16},
		{[]Heard{{}, {}}, []int16{-30000, -30000}, math.MinInt16},
		{[]Heard{{Gain: 0.5}}, []int16{8000}, 4000},
		{[]Heard{{Gain: 2}, {Gain: 0.25}}, []int16{1000, 4000}, 3000},
		{[]Heard{{Gain: -1}, {}}, []int16{1000, 500}, 500},
		{[]Heard{{Gain: math.NaN()}, {}}, []int16{1000, 500}, 500},
		{[]Heard{{Gain: math.Inf(1)}, {}}, []int16{100, 0}, 800},
	} {
		inBubble(t, nil, func(r *rig) {
			p := r.phone(onlyU)
			for i, v := range c.a {
				c.rows[i].From = r.eng.Play([]Source{loud(v)}, 0, nil)
			}
			p.end.Hear(c.rows)
			time.Sleep(200 * time.Millisecond)
			want := g711.ULaw.EncodeSample(c.want)
			if got := p.hears(); len(got) != 10 || got[5].Payload[80] != want {
				r.Errorf("%v: %d packets, %d, want %d", c, len(got), g711.ULaw.DecodeSample(got[5].Payload[80]), c.want)
			}
		})
	}
}

// Three parties, each hears the sum of the other two.
func TestThreeWayMix(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		all := []*phone{r.phone(onlyU), r.phone(onlyA), r.phone(onlyU)}
		for i, p := range all {
			p.end.Hear([]Heard{{From: all[(i+1)%3].end}, {From: all[(i+2)%3].end}})
		}
		level := []int16{1000, 4000, 9000}
		for range 25 {
			for i, p := range all {
				law := g711.Law(0)
				if p.pt == 8 {
					law = g711.ALaw
				}
				p.say(law.EncodeSample(level[i]))
			}
			time.Sleep(20 * time.Millisecond)
		}
		for i, p := range all {
			got := p.hears()
			r.oneStream(got)
			law := g711.Law(0)
			if p.pt == 8 {
				law = g711.ALaw
			}
			heard, want := int(law.DecodeSample(got[15].Payload[80])), int(level[(i+1)%3])+int(level[(i+2)%3])
			if d := heard - want; d > want/16 || d < -want/16 {
				r.Errorf("party %d hears %d, want about %d", i, heard, want)
			}
		}
	})
}

func TestMixOfNobodySendsNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.phone(onlyU), r.phone(onlyU), r.phone(onlyU)
		a.end.Hear([]Heard{{From: b.end}, {From: c.end}})
		b.talk(1, 10)
		first := a.hears()
		time.Sleep(time.Second)
		if got := a.hears(); len(first) == 0 || len(got) > 6 { // what waits, and 60 ms of fading
			r.Errorf("%d packets, then %d in silence", len(first), len(got))
		}
		b.ts += 8000
		b.talk(1, 10)
		if got := a.hears(); len(got) < 5 || !got[0].Marker {
			r.Errorf("%d packets when talk goes on", len(got))
		}
	})
}

func TestNothingToDoSleeps(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		bridge(a, b)
		player := r.eng.Play([]Source{prompt(5)}, -1, nil)
		a.end.Hear([]Heard{{From: player}, {From: b.end}})
		time.Sleep(time.Second)
		player.Stop()
		bridge(a, b)
		if r.eng.wheel.count != 0 {
			r.Errorf("%d on the wheel", r.eng.wheel.count)
		}
	})
}
