// Package template replaces {name} in strings: "{{" and "}}" are braces. It knows no variables and no verbs.
package template

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Lookup gives a variable's value as it is put into a string; false: there is no such variable.
type Lookup = func(name string) (string, bool)

// UnknownError says that a placeholder names no variable.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return "unknown variable {" + e.Name + "}" }

// BraceError says that a brace opens no placeholder: a single brace is written twice.
type BraceError struct {
	Text   string
	Offset int // of the brace in Text, in bytes
}

func (e *BraceError) Error() string {
	return fmt.Sprintf("brace at byte %d of %q opens no {name}; write {{ for a brace", e.Offset, e.Text)
}

// Encode makes a value fit where it is put; before is what was written so far.
type Encode = func(value, before string) string

// AsIs puts values in unchanged.
func AsIs(value, _ string) string { return value }

// ForURL percent-encodes a value by where in the URL it stands; at the beginning it is put in unchanged, for there it is
// the URL or its base.
func ForURL(value, before string) string {
	switch {
	case before == "":
		return value
	case strings.ContainsAny(before, "?#"):
		return url.QueryEscape(value)
	}
	return url.PathEscape(value)
}

// ForHTML escapes a value, so that what a caller named himself is text in a mail and nothing more.
func ForHTML(value, _ string) string { return html.EscapeString(value) }

// ForXML escapes a value as text of an XML document, and leaves out what no such document may have (XML 1.0 2.2).
func ForXML(value, _ string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, value))
}

// HasBraces is true when s may hold a placeholder.
func HasBraces(s string) bool {
	return strings.IndexByte(s, '{') >= 0 || strings.IndexByte(s, '}') >= 0
}

// Expand replaces every {name} in s. It goes on after an error, so that lookup sees every name, and gives the first:
// an *UnknownError or a *BraceError.
func Expand(s string, lookup Lookup, encode Encode) (string, error) {
	if !HasBraces(s) {
		return s, nil
	}
	e := expander{s: s, lookup: lookup, encode: encode}
	for i := 0; i < len(s); {
		next := strings.IndexAny(s[i:], "{}")
		if next < 0 {
			e.out.WriteString(s[i:])
			break
		}
		e.out.WriteString(s[i : i+next])
		i = e.brace(i + next)
	}
	return e.out.String(), e.err
}

type expander struct {
	s      string
	lookup Lookup
	encode Encode
	out    strings.Builder
	err    error
}

func (e *expander) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// brace handles the brace at i and gives the place after it.
func (e *expander) brace(i int) int {
	s := e.s
	if i+1 < len(s) && s[i+1] == s[i] {
		e.out.WriteByte(s[i])
		return i + 2
	}
	end := nameEnd(s, i+1)
	if s[i] == '}' || end == i+1 || end == len(s) || s[end] != '}' {
		e.fail(&BraceError{Text: s, Offset: i})
		e.out.WriteByte(s[i])
		return i + 1
	}
	name := s[i+1 : end]
	value, ok := e.lookup(name)
	if !ok {
		e.fail(&UnknownError{Name: name})
	}
	e.out.WriteString(e.encode(value, e.out.String()))
	return end + 1
}

// nameEnd is where the name that begins at i ends; i itself when none does.
func nameEnd(s string, i int) int {
	start := i
	for i < len(s) && (isLetter(s[i]) || i > start && isNameRest(s[i])) {
		i++
	}
	return i
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isNameRest(c byte) bool { return c >= '0' && c <= '9' || c == '.' || c == '-' }
