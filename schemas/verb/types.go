package verb

// Answer accepts the inbound leg.
type Answer struct {
	ID string `json:"id,omitempty"`
}

// Reject refuses the unanswered inbound leg.
type Reject struct {
	ID     string `json:"id,omitempty"`
	Status int    `json:"status,omitempty"` // 400-699, default 486
	Reason string `json:"reason,omitempty"`
}

// Ring tells the caller that it rings; with EarlyMedia audio can be played before the answer (183).
type Ring struct {
	ID         string `json:"id,omitempty"`
	EarlyMedia bool   `json:"early_media,omitempty"`
}

// Play plays audio to the caller.
type Play struct {
	ID    string `json:"id,omitempty"`
	Audio Audios `json:"audio"`
	Loop  int    `json:"loop,omitempty"` // times, default 1; 0 is the default; -1 for ever
}

// Say speaks a text.
type Say struct {
	ID       string `json:"id,omitempty"`
	Text     string `json:"text"`
	Voice    string `json:"voice,omitempty"`
	Language string `json:"language,omitempty"`
	Engine   string `json:"engine,omitempty"`
}

// Pause waits.
type Pause struct {
	ID  string   `json:"id,omitempty"`
	For Duration `json:"for"`
}

// Gather collects digits.
type Gather struct {
	ID           string        `json:"id,omitempty"`
	MaxDigits    int           `json:"max_digits,omitempty"`
	MinDigits    int           `json:"min_digits,omitempty"`
	FinishOn     string        `json:"finish_on,omitempty"`
	Timeout      Duration      `json:"timeout,omitempty"`
	DigitTimeout Duration      `json:"digit_timeout,omitempty"`
	Prompt       Document      `json:"prompt,omitempty"`
	Tries        int           `json:"tries,omitempty"`
	On           map[string]Do `json:"on,omitempty"` // by digit string, no_input, bad_input
	Next         *Do           `json:"next,omitempty"`
}

// Target is one destination of a dial: exactly one of User, Number, SIP.
type Target struct {
	User       string            `json:"user,omitempty"`
	Number     string            `json:"number,omitempty"`
	Gateway    string            `json:"gateway,omitempty"`
	SIP        string            `json:"sip,omitempty"`
	CallerID   string            `json:"caller_id,omitempty"`
	CallerName string            `json:"caller_name,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	On         map[string]Do     `json:"on,omitempty"`
}

// Dial calls one or several targets and bridges the first that answers.
type Dial struct {
	ID         string            `json:"id,omitempty"`
	To         Targets           `json:"to"`
	Ring       string            `json:"ring,omitempty"` // all (default), in_order
	RingFor    Duration          `json:"ring_for,omitempty"`
	CallerID   string            `json:"caller_id,omitempty"`
	CallerName string            `json:"caller_name,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	TimeLimit  Duration          `json:"time_limit,omitempty"`
	Ringback   *Audio            `json:"ringback,omitempty"`
	Background bool              `json:"background,omitempty"`
	On         map[string]Do     `json:"on,omitempty"`
	Next       *Do               `json:"next,omitempty"`
}

// Redirect goes on with another document.
type Redirect struct {
	ID string `json:"id,omitempty"`
	To string `json:"to"` // URL or fn:NAME
}

// On starts a strand each time the event happens, until the call ends or Off.
type On struct {
	ID    string `json:"id,omitempty"`
	Event string `json:"event"`
	Do    Do     `json:"do"`
}

// Off ends an On.
type Off struct {
	ID    string `json:"id,omitempty"`
	Event string `json:"event"`
}

// Parallel starts strands beside this one.
type Parallel struct {
	ID string     `json:"id,omitempty"`
	Do []Document `json:"do"`
}

// Emit publishes custom.TYPE.
type Emit struct {
	ID   string         `json:"id,omitempty"`
	Type string         `json:"type"`
	Data map[string]any `json:"data,omitempty"`
}

// Email publishes email.requested.
type Email struct {
	ID      string  `json:"id,omitempty"`
	To      Strings `json:"to"`
	Subject string  `json:"subject,omitempty"`
	Text    string  `json:"text,omitempty"`
	HTML    string  `json:"html,omitempty"`
	Attach  Strings `json:"attach,omitempty"`
}

// Set merges variables into the call's.
type Set struct {
	ID   string         `json:"id,omitempty"`
	Vars map[string]any `json:"vars"`
}

// Log writes to the call's log.
type Log struct {
	ID    string `json:"id,omitempty"`
	Text  string `json:"text"`
	Level string `json:"level,omitempty"` // debug, info (default), warn, error
}

// Hangup ends the call.
type Hangup struct {
	ID     string `json:"id,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Reason string `json:"reason,omitempty"`
}
