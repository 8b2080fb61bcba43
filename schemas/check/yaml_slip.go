package check

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/offhook/offhook/schemas/event"
)

// yamlSlip is a text that is no YAML: the parser's word for it, the line that it names, and the text's lines. What the
// slip most likely was is judged by the line; values are not shown, for they may be secrets.
type yamlSlip struct {
	said  string
	line  int // from 1
	lines []string
}

// slips are the words of the parser, and what an author is told instead. One that gives nothing leaves it to the next.
var slips = []struct {
	said string
	tell func(yamlSlip) event.Fault
}{
	{"cannot start any token", always("spaces at the beginning of a line", "a tab", "YAML is indented by spaces")},
	{"of double-quoted text", always(`a closing "`, "none to the end of the text", "the quote that is open begins in this line")},
	{"of single-quoted text", always("a closing '", "none to the end of the text", "the quote that is open begins in this line")},
	{"already defined at", yamlSlip.repeated},
	{"is a reserved character", yamlSlip.reserved},
	{"unknown escape character", always(`an escape such as \n or \"`, "another behind a backslash", `in "..." a backslash is written \\`)},
	{"',' or ']' must", unclosed("[", "]")},
	{"',' or '}' must", unclosed("{", "}")},
	{"end token '}'", unclosed("{", "}")},
	{"non-map value", always("a property, as the lines above", "an entry of a list (-)", "is it indented like the list that it belongs to?")},
	{"unexpected key name", yamlSlip.colonless},
	{"pre-defined", always("nothing behind a value", "something more", "a value with quotes in it stands in quotes as a whole")},
	{"mapping value is not allowed", yamlSlip.colons},
	{"not allowed in this context", yamlSlip.colonless},
	{"not allowed in this context", yamlSlip.indented},
}

// inWords is what an author is told of a slip: in our words where it is one of the usual ones, else in the parser's.
func (s yamlSlip) inWords() event.Fault {
	for _, known := range slips {
		if !strings.Contains(s.said, known.said) {
			continue
		}
		if f := known.tell(s); f.Expected != "" {
			f.Code, f.Line = cmp.Or(f.Code, "bad_yaml"), cmp.Or(f.Line, s.line)
			return f
		}
	}
	return event.Fault{Code: "bad_yaml", Line: s.line, Expected: "YAML", Found: s.said}
}

func always(expected, found, hint string) func(yamlSlip) event.Fault {
	return func(yamlSlip) event.Fault { return event.Fault{Expected: expected, Found: found, Hint: hint} }
}

// begins is how a line begins: its indentation, the dashes of a list, a word that may be a name, what follows that.
var begins = regexp.MustCompile(`^( *)((?:- +)*)("[^"]*"|'[^']*'|[^\s:#]+|)(.?.?)`)

// start is a line's beginning.
type start struct {
	indent int // of the line
	within int // of the name, behind dashes
	name   string
	named  bool // a colon, and a space or nothing, follows the name
	colon  bool
}

func (s yamlSlip) start(line int) start {
	if line < 1 || line > len(s.lines) {
		return start{}
	}
	m := begins.FindStringSubmatch(s.lines[line-1])
	name, behind := strings.Trim(m[3], `"'`), strings.TrimRight(m[4], "\r")
	return start{len(m[1]), len(m[1]) + len(m[2]), name, name != "" && (behind == ":" || behind == ": "), strings.HasPrefix(behind, ":")}
}

func (s yamlSlip) repeated() event.Fault {
	name, at, _ := strings.Cut(strings.TrimPrefix(s.said, "mapping key "), " already defined at [")
	line, _, _ := strings.Cut(at, ":")
	return event.Fault{Code: "repeated_property", Expected: "each property once", Found: clip(name) + " again",
		Hint: "it is already in line " + line + "; take one of them out"}
}

func (s yamlSlip) reserved() event.Fault {
	sign, _, _ := strings.Cut(strings.TrimPrefix(s.said, "'"), "'")
	return event.Fault{Expected: "a value", Found: sign, Hint: "a value that begins with " + sign + " stands in quotes"}
}

func unclosed(open, end string) func(yamlSlip) event.Fault {
	return always(`"," or a closing "`+end+`"`, "neither", "is every "+open+" above closed?")
}

// colonless: a name without a colon and a space behind it.
func (s yamlSlip) colonless() event.Fault {
	at := s.start(s.line)
	if at.name == "" || at.named {
		return event.Fault{}
	}
	found := strconv.Quote(clip(at.name)) + " without a colon"
	if at.colon {
		found = strconv.Quote(clip(at.name)) + " and a colon without a space behind it"
	}
	return event.Fault{Expected: `a name, a colon and a space, such as "name: value"`, Found: found}
}

// colons: a second name in the line, or the next line is indented as if this one had no value.
func (s yamlSlip) colons() event.Fault {
	next := s.line + 1
	for next <= len(s.lines) && blank(s.lines[next-1]) {
		next++
	}
	if below := s.start(next); below.name != "" && below.indent > s.start(s.line).indent {
		return s.indentation(next)
	}
	return event.Fault{Expected: "one value behind the colon", Found: "a second colon", Hint: `a value with ": " in it stands in quotes`}
}

func (s yamlSlip) indented() event.Fault { return s.indentation(s.line) }

// indentation: a line begins where no line above it leaves a place for a property; nothing where one does.
func (s yamlSlip) indentation(line int) event.Fault {
	at, places := s.start(line), s.places(line)
	if at.name == "" || slices.Contains(places, at.indent) {
		return event.Fault{}
	}
	words := make([]string, len(places))
	for i, n := range places {
		words[i] = strconv.Itoa(n)
	}
	return event.Fault{Line: line, Expected: "the indentation of a line above: " + strings.Join(words, " or ") + " spaces",
		Found: fmt.Sprintf("%q behind %d", clip(at.name), at.indent)}
}

// places are the indentations of the properties above a line that are still open.
func (s yamlSlip) places(line int) (open []int) {
	for n := 1; n < line; n++ {
		at := s.start(n)
		if !at.named || blank(s.lines[n-1]) {
			continue
		}
		open = slices.DeleteFunc(open, func(place int) bool { return place >= at.indent })
		open = append(open, at.within)
	}
	return open
}

func blank(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "#")
}
