package verb

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/offhook/offhook/schemas/tree"
)

// UnmarshalJSON reads an array of verbs, told apart by "verb". It reads shapes; schemas/check judges them.
func (d *Document) UnmarshalJSON(raw []byte) error { return unmarshal(raw, d, (*decoder).document) }

// MarshalJSON writes the URL or the document.
func (d Do) MarshalJSON() ([]byte, error) {
	if d.URL != "" {
		return json.Marshal(d.URL)
	}
	return json.Marshal(d.Document)
}

// UnmarshalJSON reads a string or an array.
func (d *Do) UnmarshalJSON(raw []byte) error { return unmarshal(raw, d, (*decoder).do) }

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
func (d *Duration) UnmarshalJSON(raw []byte) error { return unmarshal(raw, d, (*decoder).duration) }

func unmarshal[T any](raw []byte, into *T, read func(*decoder, tree.Value) T) error {
	var t tree.Tree
	if err := t.Parse(string(raw)); err != nil {
		return err
	}
	var d decoder
	*into = read(&d, t.Root())
	return d.err
}

// MarshalJSON writes one string as itself, more as a list.
func (s Strings) MarshalJSON() ([]byte, error) { return marshalOneOrList([]string(s)) }

// UnmarshalJSON reads a string or a list.
func (s *Strings) UnmarshalJSON(raw []byte) error { return unmarshal(raw, s, (*decoder).strs) }

// MarshalJSON writes one target as itself, more as a list.
func (t Targets) MarshalJSON() ([]byte, error) { return marshalOneOrList([]Target(t)) }

// UnmarshalJSON reads a target or a list.
func (t *Targets) UnmarshalJSON(raw []byte) error { return unmarshal(raw, t, (*decoder).targets) }

// MarshalJSON writes one audio as itself, more as a list.
func (a Audios) MarshalJSON() ([]byte, error) { return marshalOneOrList([]Audio(a)) }

// UnmarshalJSON reads an audio or a list.
func (a *Audios) UnmarshalJSON(raw []byte) error { return unmarshal(raw, a, (*decoder).audios) }

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
func (a *Audio) UnmarshalJSON(raw []byte) error { return unmarshal(raw, a, (*decoder).audio) }

func marshalOneOrList[T any](list []T) ([]byte, error) {
	if len(list) == 1 {
		return json.Marshal(list[0])
	}
	return json.Marshal(list)
}
