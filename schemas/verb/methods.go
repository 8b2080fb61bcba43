package verb

import "encoding/json"

// VerbName is "answer".
func (v *Answer) VerbName() string { return "answer" }

// VerbID is the author's id.
func (v *Answer) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Answer) MarshalJSON() ([]byte, error) {
	type plain Answer
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"answer", (*plain)(v)})
}

func (v *Answer) fill(f *filler) Verb {
	c := *v
	return &c
}

// VerbName is "reject".
func (v *Reject) VerbName() string { return "reject" }

// VerbID is the author's id.
func (v *Reject) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Reject) MarshalJSON() ([]byte, error) {
	type plain Reject
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"reject", (*plain)(v)})
}

func (v *Reject) fill(f *filler) Verb {
	c := *v
	c.Reason = f.str(v.Reason)
	return &c
}

// VerbName is "ring".
func (v *Ring) VerbName() string { return "ring" }

// VerbID is the author's id.
func (v *Ring) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Ring) MarshalJSON() ([]byte, error) {
	type plain Ring
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"ring", (*plain)(v)})
}

func (v *Ring) fill(f *filler) Verb {
	c := *v
	return &c
}

// VerbName is "play".
func (v *Play) VerbName() string { return "play" }

// VerbID is the author's id.
func (v *Play) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Play) MarshalJSON() ([]byte, error) {
	type plain Play
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"play", (*plain)(v)})
}

func (v *Play) fill(f *filler) Verb {
	c := *v
	c.Audio = f.audios(v.Audio)
	return &c
}

// VerbName is "say".
func (v *Say) VerbName() string { return "say" }

// VerbID is the author's id.
func (v *Say) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Say) MarshalJSON() ([]byte, error) {
	type plain Say
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"say", (*plain)(v)})
}

func (v *Say) fill(f *filler) Verb {
	c := *v
	c.Text = f.str(v.Text)
	c.Voice = f.str(v.Voice)
	c.Language = f.str(v.Language)
	c.Engine = f.str(v.Engine)
	return &c
}

// VerbName is "pause".
func (v *Pause) VerbName() string { return "pause" }

// VerbID is the author's id.
func (v *Pause) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Pause) MarshalJSON() ([]byte, error) {
	type plain Pause
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"pause", (*plain)(v)})
}

func (v *Pause) fill(f *filler) Verb {
	c := *v
	return &c
}

// VerbName is "gather".
func (v *Gather) VerbName() string { return "gather" }

// VerbID is the author's id.
func (v *Gather) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Gather) MarshalJSON() ([]byte, error) {
	type plain Gather
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"gather", (*plain)(v)})
}

func (v *Gather) fill(f *filler) Verb {
	c := *v
	c.FinishOn = f.str(v.FinishOn)
	c.On = f.doMap(v.On)
	c.Next = f.doPtr(v.Next)
	return &c
}

func (v *Target) fill(f *filler) Target {
	c := *v
	c.User = f.str(v.User)
	c.Number = f.str(v.Number)
	c.Gateway = f.str(v.Gateway)
	c.SIP = f.str(v.SIP)
	c.CallerID = f.str(v.CallerID)
	c.CallerName = f.str(v.CallerName)
	c.Headers = f.strMap(v.Headers)
	c.On = f.doMap(v.On)
	return c
}

// VerbName is "dial".
func (v *Dial) VerbName() string { return "dial" }

// VerbID is the author's id.
func (v *Dial) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Dial) MarshalJSON() ([]byte, error) {
	type plain Dial
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"dial", (*plain)(v)})
}

func (v *Dial) fill(f *filler) Verb {
	c := *v
	c.To = f.targets(v.To)
	c.Ring = f.str(v.Ring)
	c.CallerID = f.str(v.CallerID)
	c.CallerName = f.str(v.CallerName)
	c.Headers = f.strMap(v.Headers)
	c.Ringback = f.audioPtr(v.Ringback)
	c.On = f.doMap(v.On)
	c.Next = f.doPtr(v.Next)
	return &c
}

// VerbName is "redirect".
func (v *Redirect) VerbName() string { return "redirect" }

// VerbID is the author's id.
func (v *Redirect) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Redirect) MarshalJSON() ([]byte, error) {
	type plain Redirect
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"redirect", (*plain)(v)})
}

func (v *Redirect) fill(f *filler) Verb {
	c := *v
	c.To = f.url(v.To)
	return &c
}

// VerbName is "on".
func (v *On) VerbName() string { return "on" }

// VerbID is the author's id.
func (v *On) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *On) MarshalJSON() ([]byte, error) {
	type plain On
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"on", (*plain)(v)})
}

func (v *On) fill(f *filler) Verb {
	c := *v
	c.Event = f.str(v.Event)
	c.Do = f.do(v.Do)
	return &c
}

// VerbName is "off".
func (v *Off) VerbName() string { return "off" }

// VerbID is the author's id.
func (v *Off) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Off) MarshalJSON() ([]byte, error) {
	type plain Off
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"off", (*plain)(v)})
}

func (v *Off) fill(f *filler) Verb {
	c := *v
	c.Event = f.str(v.Event)
	return &c
}

// VerbName is "parallel".
func (v *Parallel) VerbName() string { return "parallel" }

// VerbID is the author's id.
func (v *Parallel) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Parallel) MarshalJSON() ([]byte, error) {
	type plain Parallel
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"parallel", (*plain)(v)})
}

func (v *Parallel) fill(f *filler) Verb {
	c := *v
	return &c
}

// VerbName is "emit".
func (v *Emit) VerbName() string { return "emit" }

// VerbID is the author's id.
func (v *Emit) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Emit) MarshalJSON() ([]byte, error) {
	type plain Emit
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"emit", (*plain)(v)})
}

func (v *Emit) fill(f *filler) Verb {
	c := *v
	c.Type = f.str(v.Type)
	c.Data = f.anyMap(v.Data)
	return &c
}

// VerbName is "email".
func (v *Email) VerbName() string { return "email" }

// VerbID is the author's id.
func (v *Email) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Email) MarshalJSON() ([]byte, error) {
	type plain Email
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"email", (*plain)(v)})
}

func (v *Email) fill(f *filler) Verb {
	c := *v
	c.To = f.strs(v.To)
	c.Subject = f.str(v.Subject)
	c.Text = f.str(v.Text)
	c.HTML = f.str(v.HTML)
	c.Attach = f.strs(v.Attach)
	return &c
}

// VerbName is "set".
func (v *Set) VerbName() string { return "set" }

// VerbID is the author's id.
func (v *Set) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Set) MarshalJSON() ([]byte, error) {
	type plain Set
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"set", (*plain)(v)})
}

func (v *Set) fill(f *filler) Verb {
	c := *v
	c.Vars = f.anyMap(v.Vars)
	return &c
}

// VerbName is "log".
func (v *Log) VerbName() string { return "log" }

// VerbID is the author's id.
func (v *Log) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Log) MarshalJSON() ([]byte, error) {
	type plain Log
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"log", (*plain)(v)})
}

func (v *Log) fill(f *filler) Verb {
	c := *v
	c.Text = f.str(v.Text)
	c.Level = f.str(v.Level)
	return &c
}

// VerbName is "hangup".
func (v *Hangup) VerbName() string { return "hangup" }

// VerbID is the author's id.
func (v *Hangup) VerbID() string { return v.ID }

// MarshalJSON puts "verb" first.
func (v *Hangup) MarshalJSON() ([]byte, error) {
	type plain Hangup
	return json.Marshal(struct {
		Verb string `json:"verb"`
		*plain
	}{"hangup", (*plain)(v)})
}

func (v *Hangup) fill(f *filler) Verb {
	c := *v
	c.Cause = f.str(v.Cause)
	c.Reason = f.str(v.Reason)
	return &c
}

var byName = map[string]func() Verb{
	"answer":   func() Verb { return new(Answer) },
	"reject":   func() Verb { return new(Reject) },
	"ring":     func() Verb { return new(Ring) },
	"play":     func() Verb { return new(Play) },
	"say":      func() Verb { return new(Say) },
	"pause":    func() Verb { return new(Pause) },
	"gather":   func() Verb { return new(Gather) },
	"dial":     func() Verb { return new(Dial) },
	"redirect": func() Verb { return new(Redirect) },
	"on":       func() Verb { return new(On) },
	"off":      func() Verb { return new(Off) },
	"parallel": func() Verb { return new(Parallel) },
	"emit":     func() Verb { return new(Emit) },
	"email":    func() Verb { return new(Email) },
	"set":      func() Verb { return new(Set) },
	"log":      func() Verb { return new(Log) },
	"hangup":   func() Verb { return new(Hangup) },
}
