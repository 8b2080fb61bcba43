package tone

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
)

const second = time.Second

var everything = Config{Digits: true, Fax: true, Greeting: true, Beep: true, BusyTone: true, Silence: 2 * second}

// hear gives what is found, in words.
func hear(cfg Config, l *line) string {
	var found []string
	d := New(cfg, func(f Finding) {
		name := [...]string{Digit: "digit", Fax: "fax", Beep: "beep", BusyTone: "busy", Silence: "silence", Human: "human", Machine: "machine"}
		found = append(found, fmt.Sprintf("%s%s@%.1f", name[f.What], f.Key, f.After.Seconds()))
	})
	for _, f := range l.frames(g711.ALaw) {
		d.Hear(f)
	}
	return strings.Join(found, " ")
}

// talk is a stand-in for a voice: harmonics that wander, in syllables.
func (l *line) talk(d time.Duration) *line {
	for end := len(l.pcm) + count(d); len(l.pcm) < end; {
		base := 100 + 80*l.rnd.Float64()
		l.sines(min(140*ms, time.Duration(end-len(l.pcm))*second/Rate), -22, base, 2*base, 3*base, 4*base, 5*base, 9*base).
			silence(min(40*ms, time.Duration(max(end-len(l.pcm), 0))*second/Rate))
	}
	return l
}

func TestFax(t *testing.T) {
	fax := Config{Fax: true}
	for name, c := range map[string]struct {
		line *line
		want string
	}{
		"calls":           {newLine(1).silence(second).sines(500*ms, -15, 1100).silence(3 * second), "fax@1.5"},
		"calls, 38 Hz up": {newLine(1).silence(second).sines(500*ms, -15, 1138).silence(3 * second).noise(-40), "fax@1.5"},
		"calls, short":    {newLine(1).silence(second).sines(430*ms, -30, 1062).silence(3 * second), "fax@1.5"},
		"once is enough": {newLine(1).sines(500*ms, -15, 1100).silence(3*second).sines(500*ms, -15, 1100).silence(second),
			"fax@0.5"},
		"answers":          {newLine(1).silence(200*ms).sines(3*second, -12, 2100).silence(second), "fax@1.2"},
		"answers in noise": {newLine(1).silence(200*ms).sines(3*second, -12, 2100).silence(second).noise(-30), "fax@1.2"},
		"a long tone":      {newLine(1).sines(2*second, -15, 1100).silence(second), ""},
		"a short one":      {newLine(1).sines(200*ms, -15, 1100).silence(second), ""},
		"another":          {newLine(1).sines(500*ms, -15, 1200).silence(second), ""},
		"talk follows":     {newLine(1).sines(500*ms, -22, 1100).talk(3 * second), ""},
		"talk":             {newLine(1).talk(20 * second), ""},
		"a modem's 2225":   {newLine(1).sines(3*second, -12, 2225).silence(second), ""},
	} {
		if got := hear(fax, c.line); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A CED whose phase turns round every 450 ms (ITU-T V.25, with echo cancellers).
func TestFaxThatTurnsItsPhase(t *testing.T) {
	l := newLine(4).silence(300 * ms)
	for range 6 {
		l.sines(450*ms, -12, 2100)
	}
	if got := hear(Config{Fax: true}, l); got != "fax@1.3" {
		t.Error(got)
	}
}

func TestBusyTones(t *testing.T) {
	cadence := func(on, off time.Duration, n int, hz ...float64) *line {
		l := newLine(5).silence(700 * ms)
		for range n {
			l.sines(on, -20, hz...).silence(off)
		}
		return l
	}
	for name, c := range map[string]struct {
		line *line
		want bool
	}{
		"busy in Europe":        {cadence(500*ms, 500*ms, 5, 425), true},
		"congestion in Europe":  {cadence(200*ms, 200*ms, 8, 425), true},
		"busy in Britain":       {cadence(375*ms, 375*ms, 6, 400), true},
		"busy in America":       {cadence(500*ms, 500*ms, 5, 480, 620), true},
		"congestion in America": {cadence(250*ms, 250*ms, 8, 480, 620), true},
		"in noise":              {cadence(500*ms, 500*ms, 5, 425).noise(-45), true},
		"ringback":              {cadence(time.Second, 4*second, 3, 425), false},
		"uneven":                {cadence(500*ms, 200*ms, 8, 425), false},
		"dial tone":             {newLine(1).sines(5*second, -20, 425), false},
		"American dial tone":    {newLine(1).sines(5*second, -20, 350, 440), false},
		"talk":                  {newLine(6).talk(30 * second), false},
	} {
		if got := hear(Config{BusyTone: true}, c.line); (got != "") != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestBeepIsToldWhenItIsOver(t *testing.T) {
	for hz, want := range map[float64]string{425: "", 500: "beep@1.4", 1000: "beep@1.4", 1400: "beep@1.4", 2000: "beep@1.4", 2400: ""} {
		if got := hear(Config{Beep: true}, newLine(7).silence(second).sines(400*ms, -15, hz).silence(second).noise(-45)); got != want {
			t.Errorf("%v Hz: %q, want %q", hz, got, want)
		}
	}
	if got := hear(Config{Beep: true}, newLine(7).key('5', 400*ms, -15, 0, 0).silence(second)); got != "" {
		t.Errorf("a digit: %q", got)
	}
}

func TestWhoAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		line *line
		want string
	}{
		"a word":          {newLine(1).silence(500 * ms).talk(700 * ms).silence(2 * second), "human@2.0"},
		"and again":       {newLine(1).silence(500 * ms).talk(700 * ms).silence(2 * second).talk(second).silence(2 * second), "human@2.0"},
		"a greeting":      {newLine(1).silence(500 * ms).talk(8 * second).silence(second), "machine@4.0"},
		"a short, a beep": {newLine(1).talk(2*second).silence(400*ms).sines(300*ms, -15, 1000).silence(second), "machine@2.7"},
		"a beep, later": {newLine(1).talk(2*second).silence(1500*ms).sines(300*ms, -15, 1000).silence(second),
			"human@2.7 machine@3.8"},
		"nobody":      {newLine(1).silence(8 * second), ""},
		"a bad line":  {newLine(1).silence(second).talk(second).silence(3 * second).noise(-38), "human@2.8"},
		"only noise":  {newLine(1).silence(8 * second).noise(-35), ""},
		"it rings on": {newLine(1).sines(second, -18, 425).silence(4 * second), ""},
	} {
		if got := hear(Config{Greeting: true}, c.line); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSilenceIsToldOnceEachTime(t *testing.T) {
	l := newLine(8).talk(second).silence(5 * second).talk(second).silence(3 * second).noise(-50)
	if got := hear(Config{Silence: 2 * second}, l); got != "silence@3.0 silence@9.0" {
		t.Error(got)
	}
}

func TestAllAtOnce(t *testing.T) {
	l := newLine(9).silence(300*ms).key('4', 80*ms, -10, 0, 0).key('2', 80*ms, -10, 0, 0).silence(300*ms).
		talk(5*second).silence(500*ms).sines(500*ms, -15, 900).silence(3 * second)
	if got := hear(everything, l); got != "digit4@0.4 digit2@0.5 machine@3.9 beep@6.8 silence@7.8" {
		t.Error(got)
	}
}

func TestHearingAllocatesNothing(t *testing.T) {
	d := New(everything, func(Finding) {})
	frames := newLine(1).talk(second).key('1', second, -10, 0, 0).frames(g711.ULaw)
	n := testing.AllocsPerRun(100, func() {
		for _, f := range frames {
			d.Hear(f)
		}
	})
	if n != 0 {
		t.Error(n)
	}
}

func BenchmarkHear(b *testing.B) {
	for name, cfg := range map[string]Config{"digits": {Digits: true}, "greeting": {Greeting: true, Fax: true}, "everything": everything} {
		frames := newLine(1).talk(10 * second).frames(g711.ULaw)
		b.Run(name, func(b *testing.B) {
			d := New(cfg, func(Finding) {})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d.Hear(frames[i%len(frames)])
			}
		})
	}
}

func FuzzHear(f *testing.F) {
	f.Add([]byte{0, 128, 255, 127})
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := New(everything, func(Finding) {})
		var pcm [Size]int16
		for n := 0; len(b) > 0 && n < 200; n++ {
			for i := range pcm {
				pcm[i] = int16(b[i%len(b)]) << 8
			}
			d.Hear(pcm[:])
			b = b[1:]
		}
	})
}
