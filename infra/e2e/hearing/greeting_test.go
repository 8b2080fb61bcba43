//go:build e2e

package hearing

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/tone"
)

// What people say when they answer, at home first, then at work.
var people = []string{
	"Hello?", "Yes?", "Hello.", "Hi, this is Anna.", "Anna speaking.", "Hello, who is this?", "Good morning.",
	"Jansons.", "Hello, Peter here.", "Yes, hello?",
	"Acme, good morning.", "Good afternoon, Acme support.", "Acme, this is Peter, how can I help?",
	"Good morning, Acme telephony, Anna speaking.", "Thank you for calling Acme, this is Anna, how may I help you today?",
}

// What machines say; a beep follows where one is given.
var machines = []struct {
	text string
	beep time.Duration
}{
	{"You have reached the voice mail of Peter Smith. Please leave a message after the beep.", 400 * time.Millisecond},
	{"Hi, this is Anna. I can't come to the phone right now. Leave me a message and I will call you back.", 250 * time.Millisecond},
	{"The person you are calling is not available. At the tone, please record your message. When you have finished recording, you may hang up.", 500 * time.Millisecond},
	{"Hi, Tom here, leave a message.", 300 * time.Millisecond},
	{"The number you have dialled is not in service. Please check the number and try again.", 0},
	{"Your call has been forwarded to an automatic voice message system.", 0},
	{"Hello! We are out of office now. Our office hours are from nine to five. Please call again.", 0},
	{"Please leave a message.", time.Second},
}

type score struct{ right, wrong, none int }

func (s *score) count(got []tone.Finding, want tone.What) (confidence float64, ok bool) {
	for _, f := range got {
		if f.What == tone.Human || f.What == tone.Machine {
			if ok = f.What == want; ok {
				s.right++
			} else {
				s.wrong++
			}
			return f.Confidence, ok
		}
	}
	s.none++
	return 0, false
}

func greet(s *studio, seed uint64, text int, of []string, beep time.Duration, noise float64) []tone.Finding {
	rnd := rand.New(rand.NewPCG(seed, 3))
	who := voices[int(seed)%len(voices)]
	mine := &sound{rnd: rnd}
	mine.pause(time.Duration(100+rnd.IntN(1200)) * time.Millisecond)
	mine.pcm = append(mine.pcm, s.say(who, of[text])...)
	if beep > 0 {
		mine.pause(time.Duration(200+rnd.IntN(800)) * time.Millisecond)
		mine.tone(600+float64(rnd.IntN(9))*100, beep)
	}
	mine.pause(4 * time.Second)
	mine.noisy(noise)
	return heard(mine.pcm, tone.Config{Greeting: true, Beep: true})
}

// panel is what came of all greetings by all voices.
type panel struct {
	people, machines score
	wrongBeeps       int // missed, or heard where none was
	corrected        int // machines taken for people until they beeped
}

func (p *panel) machine(got []tone.Finding, beeps bool) {
	_, right := p.machines.count(got, tone.Machine)
	heard := false
	for i, f := range got {
		heard = heard || f.What == tone.Beep
		if !right && i > 0 && f.What == tone.Machine {
			p.corrected++
		}
	}
	if heard != beeps {
		p.wrongBeeps++
	}
}

func TestPeopleAndMachines(t *testing.T) {
	s := open(t)
	var texts []string
	for _, m := range machines {
		texts = append(texts, m.text)
	}
	for _, noise := range []float64{-65, -50, -40, -30} {
		var p panel
		for v := range voices {
			for i := range people {
				p.people.count(greet(s, uint64(v), i, people, 0, noise), tone.Human)
			}
			for i, m := range machines {
				p.machine(greet(s, uint64(v), i, texts, m.beep, noise), m.beep > 0)
			}
		}
		t.Logf("noise of %.0f dBm0: people %+v, machines %+v (%d corrected by their beep), beeps wrong %d", noise, p.people, p.machines, p.corrected, p.wrongBeeps)
		if p.people.right < 160 || p.machines.right < 68 || p.wrongBeeps > 2 {
			t.Error("it was better")
		}
	}
}
