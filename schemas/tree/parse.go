package tree

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep lists and objects may nest.
const MaxDepth = 64

// Parse reads one JSON text (RFC 8259, UTF-8) into t. Strings without escapes share source's memory.
// The error is a *SyntaxError.
func (t *Tree) Parse(source string) error {
	if len(source) > math.MaxInt32 {
		return &SyntaxError{Line: 1, Expected: "a text below 2 GB", Found: "more"}
	}
	t.nodes, t.keys, t.source, t.byLine = t.nodes[:0], t.keys[:0], source, false
	p := parser{tree: t, s: source}
	if err := p.text(); err != nil {
		err.Pointer = p.pointer()
		return err
	}
	return nil
}

// parser is a recursive descent over s; i is the place reached.
type parser struct {
	tree  *Tree
	s     string
	i     int
	depth int
	open  [MaxDepth + 1]int32 // the lists and objects around i
}

func (p *parser) text() *SyntaxError {
	if !utf8.ValidString(p.s) {
		return p.invalidUTF8()
	}
	p.space()
	if err := p.value(""); err != nil {
		return err
	}
	if p.space(); p.i < len(p.s) {
		return p.fail("the end of the text")
	}
	return nil
}

func (p *parser) invalidUTF8() *SyntaxError {
	for p.i < len(p.s) {
		r, size := utf8.DecodeRuneInString(p.s[p.i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		p.i += size
	}
	return &SyntaxError{Line: lineAt(p.s, p.i), Expected: "UTF-8 text", Found: "byte 0x" + strconv.FormatUint(uint64(p.s[p.i]), 16)}
}

// pointer is that of the innermost value begun but not finished.
func (p *parser) pointer() string {
	if len(p.tree.nodes) == 0 {
		return ""
	}
	for _, at := range p.open[1 : p.depth+1] {
		p.tree.nodes[at].next = math.MaxInt32
	}
	at := 0
	if p.depth > 0 {
		at = int(p.open[p.depth])
	}
	return Value{p.tree, int32(at)}.Pointer()
}

func (p *parser) fail(expected string) *SyntaxError {
	found := "the end of the text"
	if p.i < len(p.s) {
		word := p.s[p.i:min(p.i+24, len(p.s))]
		if cut := strings.IndexAny(word[1:], " \t\r\n,]}:"); cut >= 0 {
			word = word[:cut+1]
		}
		found = strconv.Quote(strings.ToValidUTF8(word, ""))
		found = found[1 : len(found)-1]
	}
	return &SyntaxError{Line: lineAt(p.s, p.i), Expected: expected, Found: found}
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// skip passes c with the space behind it; false when something else stands here.
func (p *parser) skip(c byte) bool {
	if p.i >= len(p.s) || p.s[p.i] != c {
		return false
	}
	p.i++
	p.space()
	return true
}

func (p *parser) value(key string) *SyntaxError {
	at := len(p.tree.nodes)
	p.tree.nodes = append(p.tree.nodes, node{key: key, pos: int32(p.i)})
	kind, text, err := p.content(int32(at))
	if err != nil {
		return err
	}
	n := &p.tree.nodes[at]
	n.kind, n.text, n.end, n.next = kind, text, int32(p.i), int32(len(p.tree.nodes))
	return nil
}

func (p *parser) content(at int32) (Kind, string, *SyntaxError) {
	if p.i >= len(p.s) {
		return Null, "", p.fail("a value")
	}
	switch c := p.s[p.i]; {
	case c == '"':
		text, err := p.str()
		return String, text, err
	case c == '{':
		return Object, "", p.nested(at, Object)
	case c == '[':
		return Array, "", p.nested(at, Array)
	case c == '-' || c >= '0' && c <= '9':
		text, err := p.number()
		return Number, text, err
	}
	return p.word()
}

func (p *parser) word() (Kind, string, *SyntaxError) {
	rest := p.s[p.i:]
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(rest, word) {
			p.i += len(word)
			if word == "null" {
				return Null, "", nil
			}
			return Bool, word, nil
		}
	}
	return Null, "", p.fail("a value")
}

func (p *parser) nested(at int32, kind Kind) *SyntaxError {
	if p.depth == MaxDepth {
		err := p.fail("at most " + strconv.Itoa(MaxDepth) + " lists and objects in one another")
		err.TooDeep = true
		return err
	}
	p.depth++
	p.open[p.depth] = at
	p.tree.nodes[at].kind = kind
	p.i++
	p.space()
	var err *SyntaxError
	if kind == Object {
		err = p.members(at)
	} else {
		err = p.items()
	}
	if err == nil {
		p.depth--
	}
	return err
}

func (p *parser) items() *SyntaxError {
	if p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		return nil
	}
	for {
		if err := p.value(""); err != nil {
			return err
		}
		p.space()
		if p.i < len(p.s) && p.s[p.i] == ']' {
			p.i++
			return nil
		}
		if !p.skip(',') {
			return p.fail("a comma or ]")
		}
	}
}

func (p *parser) members(at int32) *SyntaxError {
	if p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		return nil
	}
	for {
		if err := p.member(at); err != nil {
			return err
		}
		p.space()
		if p.i < len(p.s) && p.s[p.i] == '}' {
			p.i++
			return nil
		}
		if !p.skip(',') {
			return p.fail("a comma or }")
		}
	}
}

func (p *parser) member(at int32) *SyntaxError {
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return p.fail("a property name in quotes")
	}
	key, err := p.str()
	if err != nil {
		return err
	}
	p.space()
	if !p.skip(':') {
		return p.fail("a colon")
	}
	first, this := at+1, int32(len(p.tree.nodes))
	if err := p.value(key); err != nil {
		return err
	}
	p.noteRepeated(first, this, key)
	return nil
}

// wide is the number of properties from which on repeated names are not looked for pair by pair.
const wide = 64

func (p *parser) noteRepeated(first, this int32, key string) {
	nodes := p.tree.nodes
	for at, n := first, 0; at < this && n < wide; at, n = nodes[at].next, n+1 {
		if nodes[at].key == key {
			p.tree.keys = append(p.tree.keys, Value{p.tree, this})
			return
		}
	}
}

func (p *parser) number() (string, *SyntaxError) {
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	whole := p.i
	if n := p.digits(); n == 0 || n > 1 && p.s[whole] == '0' {
		p.i = start
		return "", p.fail("a number")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if p.digits() == 0 {
			return "", p.fail("a digit")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		if p.i++; p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if p.digits() == 0 {
			return "", p.fail("a digit")
		}
	}
	return p.s[start:p.i], nil
}

func (p *parser) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i]-'0' < 10 {
		p.i++
	}
	return p.i - start
}

// str reads the string that begins here.
func (p *parser) str() (string, *SyntaxError) {
	start := p.i + 1
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			return p.s[start:i], nil
		case c == '\\':
			return p.escaped(start, i)
		case c < 0x20:
			p.i = i
			return "", p.fail("the string's closing quote (line breaks are written \\n)")
		}
	}
	p.i = len(p.s)
	return "", p.fail("the string's closing quote")
}

func (p *parser) escaped(start, i int) (string, *SyntaxError) {
	b := append(make([]byte, 0, i-start+32), p.s[start:i]...)
	for p.i = i; p.i < len(p.s); {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return string(b), nil
		case c < 0x20:
			return "", p.fail("the string's closing quote (line breaks are written \\n)")
		case c != '\\':
			b = append(b, c)
			p.i++
		default:
			var ok bool
			if b, ok = p.escape(b); !ok {
				return "", p.fail(`an escape such as \n or \u00e4`)
			}
		}
	}
	return "", p.fail("the string's closing quote")
}

const (
	escapeNames  = `"\/bfnrt`
	escapeValues = "\"\\/\b\f\n\r\t"
)

func (p *parser) escape(b []byte) ([]byte, bool) {
	if p.i+1 >= len(p.s) {
		return b, false
	}
	if k := strings.IndexByte(escapeNames, p.s[p.i+1]); k >= 0 {
		p.i += 2
		return append(b, escapeValues[k]), true
	}
	r, ok := p.unicode(p.i)
	if !ok {
		return b, false
	}
	p.i += 6
	if utf16.IsSurrogate(r) {
		low, ok := p.unicode(p.i)
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			p.i += 6
		} else {
			r = utf8.RuneError
		}
	}
	return utf8.AppendRune(b, r), true
}

// unicode reads \uXXXX at i.
func (p *parser) unicode(i int) (rune, bool) {
	if i+6 > len(p.s) || p.s[i] != '\\' || p.s[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[i+2:i+6], 16, 32)
	return rune(n), err == nil
}
