package stream

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
)

// The frames for the server. All numbers are strings, as in Twilio's.

type mediaFormat struct {
	Encoding   string `json:"encoding"`
	SampleRate int    `json:"sampleRate"`
	Channels   int    `json:"channels"`
}

type startBody struct {
	Account string            `json:"accountSid"`
	Stream  string            `json:"streamSid"`
	Call    string            `json:"callSid"`
	Tracks  []string          `json:"tracks"`
	Format  mediaFormat       `json:"mediaFormat"`
	Params  map[string]string `json:"customParameters"`
}

type stopBody struct {
	Account string `json:"accountSid"`
	Call    string `json:"callSid"`
}

type markBody struct {
	Name string `json:"name"`
}

type digitBody struct {
	Track string `json:"track"`
	Digit string `json:"digit"`
}

// faultBody tells what was wrong with a frame of the server; Twilio has no such frame.
type faultBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type outgoing struct {
	Event    string     `json:"event"`
	Sequence string     `json:"sequenceNumber,omitempty"`
	Protocol string     `json:"protocol,omitempty"`
	Version  string     `json:"version,omitempty"`
	Start    *startBody `json:"start,omitempty"`
	Stop     *stopBody  `json:"stop,omitempty"`
	Mark     *markBody  `json:"mark,omitempty"`
	DTMF     *digitBody `json:"dtmf,omitempty"`
	Error    *faultBody `json:"error,omitempty"`
	Stream   string     `json:"streamSid,omitempty"`
}

// counters number what one connection sends.
type counters struct {
	sequence int64
	chunks   [2]int64 // by track
}

func (c *counters) next() string {
	c.sequence++
	return strconv.FormatInt(c.sequence, 10)
}

func (o outgoing) json() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return b
}

func (s Start) connected() []byte {
	return outgoing{Event: "connected", Protocol: "Call", Version: "1.0.0"}.json()
}

func (s Start) start(c *counters) []byte {
	params := s.Params
	if params == nil {
		params = map[string]string{}
	}
	return outgoing{Event: "start", Sequence: c.next(), Stream: s.ID, Start: &startBody{Account: s.Account, Stream: s.ID, Call: s.Call,
		Tracks: s.Tracks, Format: mediaFormat{"audio/x-mulaw", 8000, 1}, Params: params}}.json()
}

func (s Start) stop(c *counters) []byte {
	return outgoing{Event: "stop", Sequence: c.next(), Stream: s.ID, Stop: &stopBody{s.Account, s.Call}}.json()
}

func (s Start) control(c *counters, m control) []byte {
	o := outgoing{Event: m.kind, Sequence: c.next(), Stream: s.ID}
	switch m.kind {
	case "mark":
		o.Mark = &markBody{m.text}
	case "dtmf":
		o.DTMF = &digitBody{"inbound_track", m.text}
	case "error":
		o.Error = &faultBody{m.text, m.detail}
	}
	return o.json()
}

// media appends a frame of sound, without an allocation once b has room. Ids and names of tracks have nothing to escape.
func (s Start) media(b []byte, c *counters, f *frame) []byte {
	c.sequence++
	c.chunks[f.track]++
	b = append(b, `{"event":"media","sequenceNumber":"`...)
	b = strconv.AppendInt(b, c.sequence, 10)
	b = append(b, `","media":{"track":"`...)
	b = append(b, s.Tracks[f.track]...)
	b = append(b, `","chunk":"`...)
	b = strconv.AppendInt(b, c.chunks[f.track], 10)
	b = append(b, `","timestamp":"`...)
	b = strconv.AppendInt(b, f.at, 10)
	b = append(b, `","payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, f.code[:])
	b = append(b, `"},"streamSid":"`...)
	b = append(b, s.ID...)
	return append(b, `"}`...)
}

// incoming is a frame of the server. encoding/json reads base64 into bytes.
type incoming struct {
	Event string `json:"event"`
	Media *struct {
		Payload []byte `json:"payload"`
	} `json:"media"`
	Mark *markBody `json:"mark"`
}
