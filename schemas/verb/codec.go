package verb

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// New gives an empty verb by its name, nil for an unknown one.
func New(name string) Verb {
	if f, ok := byName[name]; ok {
		return f()
	}
	return nil
}

// UnmarshalJSON reads an array of verbs, told apart by "verb". It reads shapes; schemas/check judges them.
func (d *Document) UnmarshalJSON(raw []byte) error {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return err
	}
	if items == nil {
		*d = nil
		return nil
	}
	out := make(Document, len(items))
	for i, item := range items {
		v, err := decodeVerb(item)
		if err != nil {
			return fmt.Errorf("verb %d: %w", i, err)
		}
		out[i] = v
	}
	*d = out
	return nil
}

func decodeVerb(raw []byte) (Verb, error) {
	var head struct {
		Verb string `json:"verb"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, err
	}
	v := New(head.Verb)
	if v == nil {
		return nil, fmt.Errorf("unknown verb %q", head.Verb)
	}
	return v, json.Unmarshal(raw, v)
}

// MarshalJSON writes the URL or the document.
func (d Do) MarshalJSON() ([]byte, error) {
	if d.URL != "" {
		return json.Marshal(d.URL)
	}
	return json.Marshal(d.Document)
}

// UnmarshalJSON reads a string or an array.
func (d *Do) UnmarshalJSON(raw []byte) error {
	if isString(raw) {
		d.Document = nil
		return json.Unmarshal(raw, &d.URL)
	}
	d.URL = ""
	return json.Unmarshal(raw, &d.Document)
}

// IsZero is true when nothing is named.
func (d Do) IsZero() bool { return d.URL == "" && d.Document == nil }

// ParseDuration reads "1m30s".
func ParseDuration(s string) (Duration, error) {
	d, err := time.ParseDuration(s)
	return Duration(d), err
}

// Seconds is n seconds; an error when it is no number or does not fit.
func Seconds(n float64) (Duration, error) {
	ns := n * float64(time.Second)
	if math.IsNaN(ns) || math.Abs(ns) >= math.MaxInt64 {
		return 0, fmt.Errorf("%v seconds do not fit a duration", n)
	}
	return Duration(math.Round(ns)), nil
}

// String is the form of time.Duration, "1m30s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes "1m30s".
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, d.String()), nil
}

// UnmarshalJSON reads "1m30s" or a number of seconds.
func (d *Duration) UnmarshalJSON(raw []byte) (err error) {
	if isString(raw) {
		var s string
		if err = json.Unmarshal(raw, &s); err == nil {
			*d, err = ParseDuration(s)
		}
		return err
	}
	var n float64
	if err = json.Unmarshal(raw, &n); err == nil {
		*d, err = Seconds(n)
	}
	return err
}

// MarshalJSON writes one string as itself, more as a list.
func (s Strings) MarshalJSON() ([]byte, error) { return marshalOneOrList([]string(s)) }

// UnmarshalJSON reads a string or a list.
func (s *Strings) UnmarshalJSON(raw []byte) error {
	return unmarshalOneOrList((*[]string)(s), raw)
}

// MarshalJSON writes one target as itself, more as a list.
func (t Targets) MarshalJSON() ([]byte, error) { return marshalOneOrList([]Target(t)) }

// UnmarshalJSON reads a target or a list.
func (t *Targets) UnmarshalJSON(raw []byte) error {
	return unmarshalOneOrList((*[]Target)(t), raw)
}

// MarshalJSON writes one audio as itself, more as a list.
func (a Audios) MarshalJSON() ([]byte, error) { return marshalOneOrList([]Audio(a)) }

// UnmarshalJSON reads an audio or a list.
func (a *Audios) UnmarshalJSON(raw []byte) error {
	return unmarshalOneOrList((*[]Audio)(a), raw)
}

// speech is the JSON form of in-line speech.
type speech struct {
	Say      string `json:"say"`
	Voice    string `json:"voice,omitempty"`
	Language string `json:"language,omitempty"`
	Engine   string `json:"engine,omitempty"`
}

// MarshalJSON writes the name, or {"say": "text"} with voice, language and engine where given.
func (a Audio) MarshalJSON() ([]byte, error) {
	if a.Say == nil {
		return json.Marshal(a.Name)
	}
	return json.Marshal(speech{a.Say.Text, a.Say.Voice, a.Say.Language, a.Say.Engine})
}

// UnmarshalJSON reads a string or {"say": "text"}.
func (a *Audio) UnmarshalJSON(raw []byte) error {
	*a = Audio{}
	if isString(raw) {
		return json.Unmarshal(raw, &a.Name)
	}
	var s speech
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	a.Say = &Say{Text: s.Say, Voice: s.Voice, Language: s.Language, Engine: s.Engine}
	return nil
}

func marshalOneOrList[T any](list []T) ([]byte, error) {
	if len(list) == 1 {
		return json.Marshal(list[0])
	}
	return json.Marshal(list)
}

func unmarshalOneOrList[T any](list *[]T, raw []byte) error {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, list)
	}
	if string(raw) == "null" {
		*list = nil
		return nil
	}
	*list = make([]T, 1)
	return json.Unmarshal(raw, &(*list)[0])
}

func isString(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '"'
}
