package tone

import "time"

// People say a few words and wait; machines go on, and beep.
const (
	longGreeting = 150 // frames: 3 s
	afterWords   = 40  // frames of silence after which a person waits for an answer: 0.8 s
	surest       = 75  // frames under longGreeting at which the confidence ends to grow
	goesOn       = 25  // frames over longGreeting after which its end is not waited for
	beepSure     = 0.95
)

// greeting decides once; but who was taken for a person and then beeps is a machine.
type greeting struct{ told What }

func (g *greeting) hear(v *voice, beeped bool) (Finding, bool) {
	long := v.greeting()
	f := Finding{Duration: time.Duration(long) * frameTime, Confidence: sure(long)}
	switch {
	case g.told == Machine:
		return Finding{}, false
	case beeped:
		f.What, f.Confidence = Machine, beepSure
	case g.told != 0 || long == 0:
		return Finding{}, false
	case long >= longGreeting+goesOn, v.quiet >= afterWords && long >= longGreeting:
		f.What = Machine
	case v.quiet >= afterWords:
		f.What = Human
	default:
		return Finding{}, false
	}
	g.told = f.What
	return f, true
}

// sure grows with the distance from the length that could be either.
func sure(long int) float64 {
	if far := longGreeting - long; far > 0 {
		return 0.5 + 0.45*float64(min(far, surest))/surest
	}
	return 0.5 + 0.35*float64(min(long-longGreeting, goesOn))/goesOn
}
