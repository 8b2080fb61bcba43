package tone

import "time"

// Config says what a Detector listens for.
type Config struct {
	Digits   bool
	Fax      bool
	Greeting bool // Human or Machine, once
	Beep     bool
	BusyTone bool
	Silence  time.Duration // 0: not
}

// Detector listens to one party.
type Detector struct {
	cfg   Config
	tell  func(Finding)
	heard int // frames

	digits Digits
	tone   steady
	voice  voice
	fax    fax
	busy   busy
	greet  greeting
	still  bool // this silence was told
}

// New begins one. tell is called from Hear.
func New(cfg Config, tell func(Finding)) *Detector { return &Detector{cfg: cfg, tell: tell} }

// Hear takes the next frame of 160 samples; others are left out.
func (d *Detector) Hear(pcm []int16) {
	if len(pcm) != Size {
		return
	}
	d.heard++
	if d.cfg.Digits {
		d.found(d.digits.Hear(pcm))
	}
	if d.cfg == (Config{Digits: d.cfg.Digits}) {
		return
	}
	s := measure(pcm)
	ended, over := d.tone.hear(s)
	if d.cfg.Fax {
		d.found(d.fax.hear(&d.tone, ended, over))
	}
	if d.cfg.BusyTone {
		d.found(d.busy.hear(s, pcm))
	}
	d.speech(s, ended, over)
}

// speech is what depends on who speaks and who does not.
func (d *Detector) speech(s sine, ended steady, over bool) {
	f, beeped := Finding{}, false
	if over && !(d.cfg.Fax && isCNG(&ended)) {
		f, beeped = beep(&ended)
	}
	d.voice.hear(s, d.tone.heard > 2)
	if d.cfg.Greeting {
		d.found(d.greet.hear(&d.voice, beeped))
	}
	if d.cfg.Beep {
		d.found(f, beeped)
	}
	if d.cfg.Silence > 0 {
		d.found(d.silence())
	}
}

// silence tells each silence once, when it has lasted long enough.
func (d *Detector) silence() (Finding, bool) {
	long := time.Duration(d.voice.quiet) * frameTime
	was := d.still
	d.still = long >= d.cfg.Silence
	return Finding{What: Silence, Duration: long, Confidence: 0.9}, d.still && !was
}

func (d *Detector) found(f Finding, ok bool) {
	if ok {
		f.After = time.Duration(d.heard) * frameTime
		d.tell(f)
	}
}
