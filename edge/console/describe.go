package console

import (
	"encoding/json"
	"fmt"
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
		return join(l.target(), l.sip(), l.cause())
	case "verb":
		return join(l.field("verb"), l.field("result", "status"), quoted(l.field("result", "digits")), l.field("result", "error"))
	case "ask":
		return l.askWords()
	case "dtmf":
		return join(l.field("digit"), "leg "+l.field("leg"), l.field("method"))
	case "email":
		return join("to "+strings.Trim(l.field("to"), "[]"), quoted(l.field("subject")))
	case "user":
		return join(l.field("user"), l.field("contact"), l.field("reason"))
	}
	return ""
}

func (l Line) callWords() string {
	switch l.Type {
	case "call.ringing":
		return join(l.field("from")+" → "+l.field("to"), prefixed("by trunk ", l.field("trunk")), prefixed("by user ", l.field("user")))
	case "call.hangup":
		ms, _ := l.data["duration_ms"].(float64)
		return join("by "+l.field("by"), l.cause(), (time.Duration(ms) * time.Millisecond).Round(100*time.Millisecond).String())
	case "call.bridged", "call.held", "call.resumed":
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
		text += fmt.Sprintf("\n    %s at %s (line %s): expected %s, found %s", plain(m["code"]), plain(m["pointer"]), plain(m["line"]), plain(m["expected"]), plain(m["found"]))
		if hint := plain(m["hint"]); hint != "" {
			text += "; " + hint
		}
	}
	return text
}

func (l Line) target() string { return join("leg "+l.field("leg"), l.field("target")) }

func (l Line) sip() string { return join(l.field("sip", "code"), l.field("sip", "phrase")) }

func (l Line) cause() string { return strings.ReplaceAll(l.field("cause", "reason"), "_", " ") }

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
