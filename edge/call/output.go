package call

import (
	"time"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Output is one thing the shell has to do, in order. The concrete types are values in this file.
type Output interface{ Kind() string }

// LegRing tells the inbound leg that it rings: 180, or 183 with SDP when EarlyMedia.
type LegRing struct {
	Leg        int  `json:"leg"`
	EarlyMedia bool `json:"early_media,omitempty"`
}

// LegAnswer answers the inbound leg (200).
type LegAnswer struct {
	Leg int `json:"leg"`
}

// LegInvite starts an outbound leg.
type LegInvite struct {
	Leg         int               `json:"leg"`
	Destination Destination       `json:"destination"`
	CallerID    string            `json:"caller_id"`
	CallerName  string            `json:"caller_name,omitempty"`
	Anonymous   bool              `json:"anonymous,omitempty"` // RFC 3323, 3325
	Headers     map[string]string `json:"headers,omitempty"`
	Params      map[string]string `json:"params,omitempty"` // for another node
}

// LegEnd ends a leg in whatever way its state asks for: final response (Cause.SIP), CANCEL or BYE, with Reason from Cause.
// LegEnded follows in every case.
type LegEnd struct {
	Leg   int         `json:"leg"`
	Cause event.Cause `json:"cause"`
}

// SetMix declares who hears whom from now on. It replaces the whole mix of the call.
type SetMix struct {
	Mix Mix `json:"mix"`
}

// Mix is who hears whom: From is heard by To (a leg, a recording, a stream or a detection). From is a leg, a playback, a
// stream, or a loan, which stands for the voices that its leg hears where it was lent to: no playback, no whisper.
type Mix []Hear

// Hear is one row of a Mix.
type Hear struct {
	From int     `json:"from"`
	To   int     `json:"to"`
	Gain float64 `json:"gain,omitempty"` // linear; 0 means 1

	Channel int  `json:"channel,omitempty"` // To is a recording: 0 left or the only one, 1 right; a stream: the track
	Mute    bool `json:"mute,omitempty"`    // digits of From are not passed on: a feature code may begin with them
	Whisper bool `json:"whisper,omitempty"` // for this leg alone: recordings and streams of its own call do not hear it
}

// PlayStart starts a playback. It runs on its own clock from now, heard by whom the mix says.
type PlayStart struct {
	Play  int         `json:"play"`
	Audio verb.Audios `json:"audio"`           // played one after another
	Loop  int         `json:"loop,omitempty"`  // times; -1 for ever; 0 is 1
	Music string      `json:"music,omitempty"` // the tenant's music, Audio is empty: MusicHold or MusicParking

	From     time.Duration `json:"from,omitempty"`     // place in the sound where each round begins
	Until    time.Duration `json:"until,omitempty"`    // and where it ends; 0: its end
	Fallback *verb.Audio   `json:"fallback,omitempty"` // in the place of what cannot be had; default the tenant's
}

// Kinds of the tenant's music.
const (
	MusicHold    = "hold"
	MusicParking = "parking"
)

// PlayPause pauses a playback or lets it go on.
type PlayPause struct {
	Play   int  `json:"play"`
	Paused bool `json:"paused"`
}

// PlaySeek moves a playback to a place in its sound, or by To from where it is.
type PlaySeek struct {
	Play int           `json:"play"`
	To   time.Duration `json:"to"`
	By   bool          `json:"by,omitempty"`
}

// Prepare names speech that a strand will come to soon: it may be made meanwhile, or this ignored.
type Prepare struct {
	Audio verb.Audios `json:"audio"`
}

// PlayStop stops a playback.
type PlayStop struct {
	Play int `json:"play"`
}

// TimerStart starts a timer.
type TimerStart struct {
	Timer int           `json:"timer"`
	After time.Duration `json:"after"`
}

// TimerStop stops a timer.
type TimerStop struct {
	Timer int `json:"timer"`
}

// AskStart asks a webhook or function. To is absolute ("http://...", "fn:NAME"); "" asks for the tenant's fallback alone.
type AskStart struct {
	Ask     int     `json:"ask"`
	To      string  `json:"to"`
	Payload ask.Ask `json:"payload"`          // ID is set: "ask_" + the call's own part of its id + "." + ask number, so a replay gives the same one
	Notice  bool    `json:"notice,omitempty"` // the answer is ignored: no AskAnswered follows
}

// AskStop gives an ask up; no AskAnswered follows.
type AskStop struct {
	Ask int `json:"ask"`
}

// Resolve asks where a target can be reached; Resolved answers.
type Resolve struct {
	Resolve int         `json:"resolve"`
	Target  verb.Target `json:"target"`
	Tried   []string    `json:"tried,omitempty"` // users (user:101) and nodes (node:riga) that led here
	Moved   string      `json:"moved,omitempty"` // a called phone's 3xx said so, and is not trusted: RedirectsUsers, RedirectsFollow
}

// Publish is one event. Data is a pointer to a struct of schemas/event, Base filled.
type Publish struct {
	Type string `json:"type"` // without "offhook."
	Data any    `json:"data"`
}

// LogLine is a line for the call's log (the log verb and what an author must know).
type LogLine struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// LegDTMF sends digits to a leg; w is a pause of half a second.
type LegDTMF struct {
	Leg    int    `json:"leg"`
	Digits string `json:"digits"`
}

// LegRefer asks a leg's party to call a URI itself (REFER); LegNotified follows.
type LegRefer struct {
	Leg int    `json:"leg"`
	To  string `json:"to"`
}

// LegNotify tells a leg's party how what it asked for by REFER goes; 200 and above is the last.
type LegNotify struct {
	Leg    int    `json:"leg"`
	Code   int    `json:"code"`
	Phrase string `json:"phrase,omitempty"`
}

// RecordStart begins a recording; whose voice it takes are the rows of the mix whose To it is. RecordEnded follows.
type RecordStart struct {
	Record   int           `json:"record"`
	ID       string        `json:"id"`
	Name     string        `json:"name"` // of the file, without .wav
	Channels int           `json:"channels"`
	Wide     bool          `json:"wide,omitempty"` // 16 kHz
	Limit    time.Duration `json:"limit"`
	Silence  time.Duration `json:"silence,omitempty"`
}

// RecordPause pauses a recording or lets it go on.
type RecordPause struct {
	Record int  `json:"record"`
	Paused bool `json:"paused"`
}

// RecordStop ends a recording; RecordEnded follows.
type RecordStop struct {
	Record int `json:"record"`
}

// StreamStart connects a server that hears the rows of the mix whose To it is and, when it Talks, is heard by the rows
// whose From it is. StreamStarted follows when it is connected, StreamEnded in every case.
type StreamStart struct {
	Stream    int               `json:"stream"`
	ID        string            `json:"id"`
	To        string            `json:"to"`
	Talks     bool              `json:"talks,omitempty"`
	Tracks    []string          `json:"tracks"` // names of the channels of its rows
	Reconnect int               `json:"reconnect,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"` // of the handshake; never logged
}

// StreamDigit tells the server of a stream that its party pressed a key.
type StreamDigit struct {
	Stream int    `json:"stream"`
	Digit  string `json:"digit"`
}

// StreamStop ends a stream; StreamEnded follows.
type StreamStop struct {
	Stream int `json:"stream"`
}

// DetectStart begins to listen to whom the row of the mix whose To it is has as From; Detected tells what is found. Digits
// are brought as any Digit.
type DetectStart struct {
	Detect  int           `json:"detect"`
	What    []string      `json:"what"`
	Silence time.Duration `json:"silence,omitempty"`
}

// DetectStop ends it.
type DetectStop struct {
	Detect int `json:"detect"`
}

// Messages sets the message lamp of a user's phones (RFC 3842).
type Messages struct {
	User string `json:"user"`
	New  int    `json:"new"`
	Old  int    `json:"old"`
}

// Names declares what other calls find this one by. It replaces what it declared before.
type Names struct {
	Names []Name `json:"names"`
}

// Name is one name of a call: slot:NAME, queue:NAME, room:NAME, ringing:USER, talking:USER. Of several calls with the
// same name those with more priority come first, then the older ones.
type Name struct {
	Name     string `json:"name"`
	Priority int    `json:"priority,omitempty"`
}

// Send brings an input to another call of the tenant: call:ID or a Name. A room that is not there is made. A Lent that
// finds nobody comes back as LoanEnded with Refused and why not_found, a LoanTaken as LoanRecalled; all else is dropped.
// What one call sends to another arrives in order.
type Send struct {
	To string `json:"to"`
	In Input  `json:"in"`
}

// LegBorrow says that a leg number stands for a leg of another call, which that one has lent. This call decides what it
// hears, but for rows to it in the mix of its own call, which come first: what that plays to it.
type LegBorrow struct {
	Leg  int   `json:"leg"`
	From Place `json:"from"`
}

// LegReturn ends LegBorrow.
type LegReturn struct {
	Leg int `json:"leg"`
}

// Over is the last output of a call: nothing is held any more and call.hangup is out.
type Over struct{}

func (LegRing) Kind() string     { return "leg_ring" }
func (LegAnswer) Kind() string   { return "leg_answer" }
func (LegInvite) Kind() string   { return "leg_invite" }
func (LegEnd) Kind() string      { return "leg_end" }
func (SetMix) Kind() string      { return "set_mix" }
func (PlayStart) Kind() string   { return "play_start" }
func (Prepare) Kind() string     { return "prepare" }
func (PlayStop) Kind() string    { return "play_stop" }
func (PlayPause) Kind() string   { return "play_pause" }
func (PlaySeek) Kind() string    { return "play_seek" }
func (TimerStart) Kind() string  { return "timer_start" }
func (TimerStop) Kind() string   { return "timer_stop" }
func (AskStart) Kind() string    { return "ask_start" }
func (AskStop) Kind() string     { return "ask_stop" }
func (Resolve) Kind() string     { return "resolve" }
func (Publish) Kind() string     { return "publish" }
func (LogLine) Kind() string     { return "log_line" }
func (LegDTMF) Kind() string     { return "leg_dtmf" }
func (LegRefer) Kind() string    { return "leg_refer" }
func (LegNotify) Kind() string   { return "leg_notify" }
func (RecordStart) Kind() string { return "record_start" }
func (RecordPause) Kind() string { return "record_pause" }
func (RecordStop) Kind() string  { return "record_stop" }
func (StreamStart) Kind() string { return "stream_start" }
func (StreamDigit) Kind() string { return "stream_digit" }
func (StreamStop) Kind() string  { return "stream_stop" }
func (DetectStart) Kind() string { return "detect_start" }
func (DetectStop) Kind() string  { return "detect_stop" }
func (Messages) Kind() string    { return "messages" }
func (Names) Kind() string       { return "names" }
func (Send) Kind() string        { return "send" }
func (LegBorrow) Kind() string   { return "leg_borrow" }
func (LegReturn) Kind() string   { return "leg_return" }
func (Over) Kind() string        { return "over" }
