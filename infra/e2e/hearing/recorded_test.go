//go:build e2e

package hearing

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/tone"
	"github.com/offhook/offhook/infra/e2e/real"
)

// Recorded voices and music: the prompts of a PBX, by five speakers in five languages, and its music on hold.
const (
	recordedVoices = "/usr/share/asterisk/sounds"
	recordedMusic  = "/usr/share/asterisk/moh"
)

// noVoice are recordings in which nobody speaks.
var noVoice = regexp.MustCompile(`/(beep.*|.*-2tone|tt-monkeys|confbridge-(join|leave))\.wav$|/silence/`)

func speakers(t *testing.T) []string {
	all, _ := filepath.Glob(recordedVoices + "/*_*_*")
	if len(all) < 5 {
		t.Fatal("the recorded voices are missing: make e2e installs them")
	}
	return all
}

// recordings are the files below a folder.
func recordings(t *testing.T, folder string) (all []string) {
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".wav" && !noVoice.MatchString(path) {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d recordings in %s: %v", len(all), folder, err)
	}
	return all
}

// counts is what was found in how much sound.
type counts struct {
	found  map[tone.What]int
	length time.Duration
}

func (c *counts) hear(t *testing.T, pcm []int16, what string) {
	found := heard(pcm, tone.Config{Digits: true, Fax: true, Beep: true, BusyTone: true})
	c.length += time.Duration(len(pcm)) * time.Second / rate
	for _, f := range found {
		c.found[f.What]++
		t.Logf("%s: %d %s %.0f Hz %v at %v", what, f.What, f.Key, f.Hz, f.Duration, f.After)
	}
}

// few fails the test when more was found than these recordings once had.
func (c *counts) few(t *testing.T, of string) {
	if n := len(c.found); n > 1 || c.length < 15*time.Minute {
		t.Errorf("%d kinds of tones in %v", n, c.length)
	}
	t.Logf("in %v of recorded %s: %d digits, %d faxes, %d beeps, %d busy tones", c.length.Round(time.Second), of,
		c.found[tone.Digit], c.found[tone.Fax], c.found[tone.Beep], c.found[tone.BusyTone])
}

func TestRecordedVoicesAreTakenForNothingElse(t *testing.T) {
	c := counts{found: map[tone.What]int{}}
	for _, who := range speakers(t) {
		for i, path := range recordings(t, who) {
			mine := &sound{rnd: rand.New(rand.NewPCG(uint64(i), 1)), pcm: real.ReadWAV(t, path)}
			mine.pause(300 * time.Millisecond)
			mine.noisy(-55)
			c.hear(t, mine.pcm, path)
		}
	}
	c.few(t, "speech")
}

func TestRecordedMusicIsTakenForNothingElse(t *testing.T) {
	c := counts{found: map[tone.What]int{}}
	for _, path := range recordings(t, recordedMusic) {
		c.hear(t, real.ReadWAV(t, path), path)
	}
	c.few(t, "music")
}

// recordedMachines are what a PBX plays to callers, put together as it does; the last one beeps where it says so.
var recordedMachines = [][]string{
	{"vm-theperson", "digits/1", "digits/0", "digits/4", "vm-isunavail", "vm-intro", "beep"},
	{"vm-theperson", "digits/2", "digits/7", "digits/9", "vm-isonphone", "vm-intro", "beep"},
	{"vm-nobodyavail", "vm-intro", "beep"}, {"vm-nobodyavail"}, {"vm-intro", "beep"}, {"check-number-dial-again"}, {"cannot-complete-as-dialed"},
	{"ss-noservice"}, {"number-not-answering"}, {"tt-allbusy"}, {"im-sorry", "vm-mailboxfull"},
}

// recordedPeople are the short things among the prompts that a person could say.
var recordedPeople = []string{"hello", "hello-world", "sorry", "im-sorry", "one-moment-please", "goodbye", "number", "telephone-number", "digits/1", "phonetic/a_p"}

func TestRecordedPeopleAndMachines(t *testing.T) {
	for _, noise := range []float64{-65, -50, -40, -30} {
		var p panel
		for v, who := range speakers(t) {
			for i, name := range recordedPeople {
				if pcm := played(t, who, name); pcm != nil {
					p.people.count(greeted(pcm, uint64(100*v+i), noise), tone.Human)
				}
			}
			for i, parts := range recordedMachines {
				if pcm := played(t, who, parts...); pcm != nil {
					before := p.machines.right
					p.machine(greeted(pcm, uint64(1000*v+i), noise), parts[len(parts)-1] == "beep")
					if p.machines.right == before {
						t.Logf("%s %v (%v) is taken for a person", filepath.Base(who), parts, time.Duration(len(pcm))*time.Second/rate)
					}
				}
			}
		}
		t.Logf("noise of %.0f dBm0: people %+v, machines %+v (%d corrected by their beep), beeps wrong %d", noise, p.people, p.machines, p.corrected, p.wrongBeeps)
		if p.people.right < 41 || p.machines.right < 36 || p.wrongBeeps > 1 {
			t.Error("it was better")
		}
	}
}

// played is what a PBX makes of recordings; nil: this speaker has not all of them.
func played(t *testing.T, who string, parts ...string) (pcm []int16) {
	for _, p := range parts {
		path := filepath.Join(who, p+".wav")
		if _, err := os.Stat(path); err != nil {
			return nil
		}
		pcm = append(pcm, real.ReadWAV(t, path)...)
	}
	return pcm
}

func greeted(pcm []int16, seed uint64, noise float64) []tone.Finding {
	mine := &sound{rnd: rand.New(rand.NewPCG(seed, 7))}
	mine.pause(time.Duration(100+mine.rnd.IntN(1200)) * time.Millisecond)
	mine.pcm = append(mine.pcm, pcm...)
	mine.pause(4 * time.Second)
	mine.noisy(noise)
	return heard(mine.pcm, tone.Config{Greeting: true, Beep: true})
}
