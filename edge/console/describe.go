package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/offhook/offhook/events"
)

// Line is one event in words, for the page and the terminal.
type Line struct {
	At   time.Time
	Call string // call id, empty for what belongs to no call
	Type string // without "offhook."
	Text string
	Bad  bool // something failed
	data map[string]any
}

// Describe puts an event into words.
func Describe(d events.Delivered) Line {
	l := Line{At: d.Time, Type: strings.TrimPrefix(d.Type, "offhook.")}
	if strings.HasPrefix(d.Subject, "call_") {
		l.Call = d.Subject
	}
	if json.Unmarshal(d.Data, &l.data) != nil {
		l.Text, l.Bad = "malformed data", true
		return l
	}
	l.Text = l.words()
	l.Bad = strings.HasSuffix(l.Type, ".failed")
	return l
}

// field is a value in words, empty when there is none.
func (l Line) field(path ...string) string {
	var v any = l.data
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return plain(v)
}

// plain is a value in one line. What callers and other sites sent stands in events: no control character of it may reach
// a terminal.
func plain(v any) string {
	if v == nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, fmt.Sprint(v))
}

func (l Line) words() string {
	switch family, _, _ := strings.Cut(l.Type, "."); family {
	case "call":
		return l.callWords()
	case "leg":
		return join(l.target(), prefixed("by ", l.field("verb_id")), l.sip(), l.cause(), l.took("duration_ms"), suffixed(l.field("hz"), " Hz"),
			prefixed("confidence ", l.field("confidence")))
	case "verb":
		return l.verbWords()
	case "ask":
		return l.askWords()
	case "dtmf":
		return join(l.field("digit"), "leg "+l.field("leg"), l.field("method"))
	case "email":
		return join("to "+strings.Trim(l.field("to"), "[]"), quoted(l.field("subject")))
	case "user":
		return join(l.field("user"), l.field("contact"), l.field("reason"), prefixed("new ", l.field("new")), prefixed("old ", l.field("old")))
	case "queue", "conference":
		return l.meetingWords()
	case "stream":
		return l.streamWords()
	case "recording":
		return l.recordingWords()
	case "audio":
		return join(l.field("verb"), l.field("audio"), l.field("error"))
	}
	return ""
}

// verbWords: the cause is told where neither the status nor the error says it.
func (l Line) verbWords() string {
	status, failure := l.field("result", "status"), l.field("result", "error")
	cause := l.field("result", "cause")
	if failure != "" || cause == status || cause == l.field("verb") {
		cause = ""
	}
	return join(l.field("verb"), status, quoted(l.field("result", "digits")), l.field("text"), strings.ReplaceAll(cause, "_", " "), failure)
}

// meetingWords: a call meets others in a place, or a supervisor.
func (l Line) meetingWords() string {
	place := prefixed("place ", l.field("position"))
	if place == "" {
		place = prefixed("now ", l.field("size"))
	}
	return join(l.field("name"), l.field("mode"), place, prefixed("by ", l.field("by")), strings.ReplaceAll(l.field("why"), "_", " "),
		prefixed("after ", l.took("waited_ms")), prefixed("with ", l.field("with_call")))
}

func (l Line) recordingWords() string {
	return join("of "+l.field("of"), prefixed("by ", l.field("verb_id")), l.took("duration_ms"), prefixed("ended by ", strings.ReplaceAll(l.field("why"), "_", " ")),
		l.field("location"), l.field("error"))
}

func (l Line) streamWords() string {
	why := l.field("why")
	if l.Type == "stream.failed" {
		why = "" // the error says it
	}
	return join(l.field("mode"), l.field("track"), "to "+l.field("to"), prefixed("by ", l.field("verb_id")), l.took("duration_ms"),
		prefixed("ended by ", strings.ReplaceAll(why, "_", " ")), prefixed("dropped ", l.field("dropped")), l.field("error"))
}

// took is a time in milliseconds in words, empty when there is none.
func (l Line) took(name string) string {
	ms, ok := l.data[name].(float64)
	if !ok {
		return ""
	}
	return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
}

// tags are all of them by name.
func (l Line) tags() string {
	tags, _ := l.data["tags"].(map[string]any)
	var words []string
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		words = append(words, plain(name)+"="+plain(tags[name]))
	}
	return join(words...)
}

func (l Line) callWords() string {
	switch l.Type {
	case "call.ringing":
		return join(l.field("from")+" → "+l.field("to"), prefixed("by trunk ", l.field("trunk")), prefixed("by user ", l.field("user")))
	case "call.hangup":
		return join("by "+l.field("by"), l.cause(), l.took("duration_ms"))
	case "call.parked", "call.unparked", "call.picked_up", "call.supervised":
		return l.meetingWords()
	case "call.transferred":
		return join(l.field("kind"), prefixed("to ", l.field("to")), prefixed("by ", l.field("by")), strings.ReplaceAll(l.field("status"), "_", " "), l.cause())
	case "call.tagged":
		return l.tags()
	case "call.bridged", "call.replaced", "call.held", "call.resumed":
		return join(prefixed("by ", l.field("by")), prefixed("agent ", join(l.field("agent_number"), l.field("agent_name"))))
	}
	return ""
}

func (l Line) askWords() string {
	source := l.field("source")
	if source == "url" {
		source = ""
	}
	text := join(l.field("reason"), l.field("url"), source, prefixed("status ", l.field("status")), l.field("took_ms")+" ms", l.field("code"), l.field("detail"))
	faults, _ := l.data["faults"].([]any)
	for _, f := range faults {
		m, _ := f.(map[string]any)
		text += fmt.Sprintf("\n    %s at %s (line %s): expected %s, found %s", plain(m["code"]), cmp.Or(plain(m["pointer"]), "/"), plain(m["line"]), plain(m["expected"]), plain(m["found"]))
		if hint := plain(m["hint"]); hint != "" {
			text += "; " + hint
		}
	}
	return text
}

func (l Line) target() string { return join("leg "+l.field("leg"), l.field("target")) }

func (l Line) sip() string { return join(l.field("sip", "code"), l.field("sip", "phrase")) }

func (l Line) cause() string { return strings.ReplaceAll(l.field("cause", "reason"), "_", " ") }

func suffixed(text, suffix string) string {
	if text == "" {
		return ""
	}
	return text + suffix
}

func join(parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return "“" + text + "”"
}
