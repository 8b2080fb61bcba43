//go:build e2e

// Package hearing measures what edge/media/tone takes speech for. The speech is made: by the built-in voices and by
// espeak-ng, read from this project's own pages, or recorded: the prompts of a PBX. No recordings of real calls were to be had.
package hearing

import (
	"context"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/media/tone"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
)

const rate = 8000

var part = flag.Int("part", 8, "each voice reads one sentence of so many")

// voices are speakers, by the engine that has them.
var voices = []speech.Request{
	{Engine: "flite", Voice: "slt"}, {Engine: "flite", Voice: "rms"}, {Engine: "flite", Voice: "awb"}, {Engine: "flite", Voice: "kal16"},
	{Engine: "espeak", Voice: "en-gb"}, {Engine: "espeak", Voice: "en-us+f3"}, {Engine: "espeak", Voice: "de+m3"},
	{Engine: "espeak", Voice: "fr+f2"}, {Engine: "espeak", Voice: "lv"}, {Engine: "espeak", Voice: "es+f4"},
	{Engine: "espeak", Voice: "it+m7"}, {Engine: "espeak", Voice: "en-us+whisper"},
}

// studio speaks. OFFHOOK_SPEECH names a folder that keeps what was spoken, for the next run.
type studio struct {
	t      *testing.T
	voices *speech.Voices
}

func open(t *testing.T) *studio {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Fatal("espeak-ng is missing: make e2e installs it")
	}
	v, err := speech.New(speech.Config{Folder: os.Getenv("OFFHOOK_SPEECH")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return &studio{t: t, voices: v}
}

func (s *studio) say(who speech.Request, text string) []int16 {
	s.t.Helper()
	who.Text = text
	said, err := s.voices.Speak(context.Background(), who)
	if err != nil {
		s.t.Fatalf("%s %s: %v", who.Engine, who.Voice, err)
	}
	return said.At(wav.Rate).Samples
}

// sound is what a party hears of a line, as it is put together.
type sound struct {
	pcm []int16
	rnd *rand.Rand
}

func (s *sound) pause(d time.Duration) {
	s.pcm = append(s.pcm, make([]int16, int(d.Seconds()*rate))...)
}

func (s *sound) tone(hz float64, d time.Duration) {
	for i := range int(d.Seconds() * rate) {
		s.pcm = append(s.pcm, int16(6000*math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
}

// noisy adds noise of a level in dBm0.
func (s *sound) noisy(dBm0 float64) {
	rms := 15748 * math.Pow(10, dBm0/20)
	for i, v := range s.pcm {
		s.pcm[i] = int16(min(max(float64(v)+rms*s.rnd.NormFloat64(), math.MinInt16), math.MaxInt16))
	}
}

// heard is what a detector finds in it, coded by G.711 as on a line.
func heard(pcm []int16, cfg tone.Config) (found []tone.Finding) {
	d := tone.New(cfg, func(f tone.Finding) { found = append(found, f) })
	var b [tone.Size]byte
	var f [tone.Size]int16
	for ; len(pcm) >= tone.Size; pcm = pcm[tone.Size:] {
		g711.ULaw.Encode(b[:], pcm[:tone.Size])
		g711.ULaw.Decode(f[:], b[:])
		d.Hear(f[:])
	}
	return found
}

// pages are sentences to read.
func pages(t *testing.T) (all []string) {
	for _, path := range []string{"../../../ARCHITECTURE.md", "../../../README.md", "../RELIABILITY.md"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`[^A-Za-z0-9.,:;?' ]+`).ReplaceAllString(string(b), " ")
		for _, s := range strings.Split(text, ". ") {
			if len(s) > 20 && len(s) < 600 {
				all = append(all, s+".")
			}
		}
	}
	return all
}

func TestSpeechIsTakenForNothingElse(t *testing.T) {
	s, text := open(t), pages(t)
	var mu sync.Mutex
	all := map[tone.What]int{}
	var length time.Duration
	t.Run("voices", func(t *testing.T) {
		for i, who := range voices {
			t.Run(who.Engine+"-"+who.Voice, func(t *testing.T) {
				t.Parallel()
				mine := &sound{rnd: rand.New(rand.NewPCG(uint64(i), 1))}
				for n, line := range text {
					if n%*part == i%*part {
						mine.pcm = append(mine.pcm, s.say(who, line)...)
						mine.pause(300 * time.Millisecond)
					}
				}
				mine.noisy(-55)
				found := heard(mine.pcm, tone.Config{Digits: true, Fax: true, Beep: true, BusyTone: true})
				mu.Lock()
				defer mu.Unlock()
				length += time.Duration(len(mine.pcm)) * time.Second / rate
				for _, f := range found {
					all[f.What]++
					t.Logf("%d %s %.0f Hz %v at %v", f.What, f.Key, f.Hz, f.Duration, f.After)
				}
			})
		}
	})
	t.Logf("in %v of speech: %d digits, %d faxes, %d beeps, %d busy tones", length.Round(time.Second),
		all[tone.Digit], all[tone.Fax], all[tone.Beep], all[tone.BusyTone])
	for _, of := range []tone.What{tone.Digit, tone.Fax, tone.BusyTone} {
		if all[of] > 1 {
			t.Errorf("%d of kind %d", all[of], of)
		}
	}
}
