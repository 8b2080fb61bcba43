// Package ssml reads the part of SSML 1.1 that say takes: speak, p, s, break, prosody rate, say-as and sub. It makes texts
// with pauses and rates of it, which any engine can be given. It speaks nothing.
package ssml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/words"
)

// Bounds of a text.
const (
	maxDepth    = 16
	maxElements = 200
	maxPause    = 10 * time.Second
	maxPauses   = time.Minute // in all
	minRate     = 0.2
	maxRate     = 2.0
)

// Piece is something to say, or a pause.
type Piece struct {
	Text  string        // empty: a pause
	Rate  float64       // 1 is the voice's own
	Pause time.Duration // of a pause
}

// Error is why a text is none that is taken, and where.
type Error struct {
	Line, Column int
	What, Hint   string
}

func (e *Error) Error() string {
	text := fmt.Sprintf("line %d, character %d: %s", e.Line, e.Column, e.What)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

// Is tells whether a text is meant as SSML: it begins with <speak.
func Is(text string) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "<speak")
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "> \t\r\n/"))
}

// Parse gives what there is to say. The error is an *Error.
func Parse(text string) ([]Piece, error) {
	p := parser{d: xml.NewDecoder(strings.NewReader(text))}
	p.at.line, p.at.column = 1, 1
	for {
		p.at.line, p.at.column = p.d.InputPos()
		token, err := p.d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, p.broken(err)
		}
		if err := p.take(token); err != nil {
			return nil, err
		}
	}
	p.gap = 0 // nothing is said after it
	p.silence()
	return p.out, nil
}

// parser collects pieces.
type parser struct {
	d        *xml.Decoder
	at       struct{ line, column int }
	open     []element
	elements int
	over     bool // </speak> was met
	text     strings.Builder
	gap      time.Duration // that is due before the next text
	pause    time.Duration // that is due in any case
	pauses   time.Duration // of that kind, so far
	out      []Piece
}

// element is one that is open.
type element struct {
	name string
	rate float64
	as   string // of say-as
	mute bool   // within sub: its alias is said
	gap  time.Duration
}

func (p *parser) fail(what, hint string) error {
	return &Error{Line: p.at.line, Column: p.at.column, What: what, Hint: hint}
}

func (p *parser) broken(err error) error {
	line, column := p.d.InputPos()
	var syntax *xml.SyntaxError
	what, hint := err.Error(), ""
	if errors.As(err, &syntax) {
		what = syntax.Msg
	}
	if strings.Contains(what, "entity") {
		hint = "write &amp; for & and &lt; for <"
	}
	return &Error{Line: line, Column: column, What: what, Hint: hint}
}

func (p *parser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.end()
	case xml.CharData:
		return p.chars(string(t))
	case xml.Comment:
		return nil
	}
	return p.fail("only elements and text are taken here", "leave out <? ... ?> and <! ... >")
}

func (p *parser) chars(text string) error {
	if len(p.open) == 0 {
		if strings.TrimSpace(text) != "" {
			return p.fail("text outside of <speak>", "")
		}
		return nil
	}
	top := p.open[len(p.open)-1]
	if !top.mute {
		p.text.WriteString(as(top.as, text))
	}
	return nil
}

func (p *parser) top() element {
	if len(p.open) == 0 {
		return element{rate: 1}
	}
	return p.open[len(p.open)-1]
}

func (p *parser) start(t xml.StartElement) error {
	name := t.Name.Local
	if p.elements++; p.elements > maxElements || len(p.open) == maxDepth {
		return p.fail(fmt.Sprintf("more than %d elements, or more than %d in each other", maxElements, maxDepth), "")
	}
	switch {
	case p.over:
		return p.fail("something after </speak>", "")
	case (len(p.open) == 0) != (name == "speak"):
		return p.fail("<speak> is the outermost element, once", "")
	}
	read := elements[name]
	if read == nil {
		return p.fail(fmt.Sprintf("<%s> is not known here; there are %s", name, words.Quoted(names)), words.DidYouMean(name, names))
	}
	e := p.top()
	e.name, e.gap = name, 0
	if err := read(p, &e, attributes(t.Attr)); err != nil {
		return err
	}
	p.open = append(p.open, e)
	return nil
}

func (p *parser) end() error {
	e := p.top()
	if e.name != "say-as" && e.name != "sub" { // these are part of a text
		p.say()
	}
	p.gap = max(p.gap, e.gap)
	p.open = p.open[:len(p.open)-1]
	p.over = len(p.open) == 0
	return nil
}

// say ends a piece of text.
func (p *parser) say() {
	text := strings.Join(strings.Fields(p.text.String()), " ")
	p.text.Reset()
	if text == "" {
		return
	}
	p.silence()
	rate := p.top().rate
	if n := len(p.out); n > 0 && p.out[n-1].Text != "" && p.out[n-1].Rate == rate {
		p.out[n-1].Text += " " + text
		return
	}
	p.out = append(p.out, Piece{Text: text, Rate: rate})
}

// silence makes the pause that is due; of gaps at one place the longest counts.
func (p *parser) silence() {
	if len(p.out) == 0 {
		p.gap = 0
	}
	if d := max(p.gap, p.pause); d > 0 {
		p.out = append(p.out, Piece{Pause: d})
	}
	p.gap, p.pause = 0, 0
}

type attrs map[string]string

func attributes(list []xml.Attr) attrs {
	a := attrs{}
	for _, x := range list {
		a[x.Name.Local] = x.Value
	}
	return a
}

// only judges the names of attributes.
func (p *parser) only(a attrs, element string, known ...string) error {
	for name := range a {
		if !slices.Contains(known, name) {
			return p.fail(fmt.Sprintf("<%s> takes %s, not %q", element, words.Quoted(known), name), words.DidYouMean(name, known))
		}
	}
	return nil
}

// Write gives pieces as plain SSML for engines that read it.
func Write(pieces []Piece) string {
	var b bytes.Buffer
	b.WriteString("<speak>")
	for _, p := range pieces {
		switch {
		case p.Text == "":
			fmt.Fprintf(&b, `<break time="%dms"/>`, p.Pause.Milliseconds())
		case p.Rate != 1:
			fmt.Fprintf(&b, `<prosody rate="%.0f%%">`, p.Rate*100)
			_ = xml.EscapeText(&b, []byte(p.Text)) // a Buffer takes all
			b.WriteString("</prosody>")
		default:
			_ = xml.EscapeText(&b, []byte(p.Text))
		}
	}
	b.WriteString("</speak>")
	return b.String()
}
