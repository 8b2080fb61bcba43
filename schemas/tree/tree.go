// Package tree is a parsed JSON or YAML text that remembers where every value stood, as one flat slice of nodes.
// It knows no schema, changes nothing, and reads YAML only through Builder.
package tree

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the JSON type of a value.
type Kind uint8

// Kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}

// String names the kind in words: "a list".
func (k Kind) String() string { return kindNames[k] }

// node is one value; its descendants follow it directly, up to next.
type node struct {
	text string // string: unescaped; number, bool: as written
	key  string // name of the property this value belongs to
	pos  int32  // byte offset in the source, or the line when Tree.byLine
	end  int32  // byte offset behind the value
	next int32  // index of the node behind this value and its descendants
	kind Kind
}

// Tree is a parsed text. The zero value is ready for Parse; a Tree may be used again, which ends its Values.
type Tree struct {
	nodes  []node
	source string
	byLine bool
	keys   []Value // properties given twice
}

// Value is one value in a Tree.
type Value struct {
	tree *Tree
	at   int32
}

// Root is the outermost value. The tree must hold a text.
func (t *Tree) Root() Value { return Value{t, 0} }

// Repeated lists the properties that stand a second time in their object; the reader of an object sees the last.
func (t *Tree) Repeated() []Value { return t.keys }

// Len is the number of values in the tree.
func (t *Tree) Len() int { return len(t.nodes) }

func (v Value) node() *node { return &v.tree.nodes[v.at] }

// Kind is the JSON type.
func (v Value) Kind() Kind { return v.node().kind }

// Text is a string's text, a number's digits, "true" or "false"; empty for others.
func (v Value) Text() string { return v.node().text }

// Key is the name of the property that the value belongs to; empty in arrays.
func (v Value) Key() string { return v.node().key }

// First is the first child. It is good only when In(v):
//
//	for c := v.First(); c.In(v); c = c.Next()
func (v Value) First() Value { return Value{v.tree, v.at + 1} }

// Next is the value behind this one; good only when In its parent.
func (v Value) Next() Value { return Value{v.tree, v.node().next} }

// In is true while v lies inside of parent.
func (v Value) In(parent Value) bool { return v.at < parent.node().next }

// Count is the number of children.
func (v Value) Count() int {
	n := 0
	for c := v.First(); c.In(v); c = c.Next() {
		n++
	}
	return n
}

// Get finds a property of an object, the last of that name.
func (v Value) Get(key string) (found Value, ok bool) {
	if v.Kind() != Object {
		return v, false
	}
	for c := v.First(); c.In(v); c = c.Next() {
		if c.Key() == key {
			found, ok = c, true
		}
	}
	return found, ok
}

// Line is the line of the source where the value begins, from 1.
func (v Value) Line() int {
	if v.tree.byLine {
		return int(v.node().pos)
	}
	return lineAt(v.tree.source, int(v.node().pos))
}

func lineAt(source string, pos int) int {
	return 1 + strings.Count(source[:min(pos, len(source))], "\n")
}

// Pointer is the JSON pointer (RFC 6901) of the value; "" for the root.
func (v Value) Pointer() string {
	var b strings.Builder
	for p := v.tree.Root(); p.at != v.at; {
		i := 0
		c := p.First()
		for c.node().next <= v.at {
			c = c.Next()
			i++
		}
		b.WriteByte('/')
		if p.Kind() == Object {
			b.WriteString(escapePointer(c.Key()))
		} else {
			b.WriteString(strconv.Itoa(i))
		}
		p = c
	}
	return b.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func escapePointer(key string) string { return pointerEscapes.Replace(key) }

// Integer reads a number without fraction ("1e2" and "1.0" too, as JSON Schema has it).
func (v Value) Integer() (int64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.Text(), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(v.Text(), 64)
	if err != nil || f != float64(int64(f)) || f >= 1<<53 || f <= -(1<<53) {
		return 0, false
	}
	return int64(f), true
}

// Float reads a number; false when it is none or too large.
func (v Value) Float() (float64, bool) {
	if v.Kind() != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Text(), 64)
	return f, err == nil
}

// Any is the value as encoding/json would decode it into an any.
func (v Value) Any() any {
	switch v.Kind() {
	case Bool:
		return v.Text() == "true"
	case Number:
		f, _ := v.Float()
		return f
	case String:
		return v.Text()
	case Array:
		out := make([]any, 0, v.Count())
		for c := v.First(); c.In(v); c = c.Next() {
			out = append(out, c.Any())
		}
		return out
	case Object:
		out := make(map[string]any, v.Count())
		for c := v.First(); c.In(v); c = c.Next() {
			out[c.Key()] = c.Any()
		}
		return out
	}
	return nil
}

// JSON is the value as JSON text: as it stood in a JSON source, written anew from any other.
func (v Value) JSON() string {
	if v.tree.byLine {
		return string(v.append(nil))
	}
	n := v.node()
	return v.tree.source[n.pos:n.end]
}

func (v Value) append(b []byte) []byte {
	switch v.Kind() {
	case Null:
		return append(b, "null"...)
	case String:
		return appendQuoted(b, v.Text())
	case Array, Object:
		return v.appendChildren(b)
	}
	return append(b, v.Text()...)
}

func (v Value) appendChildren(b []byte) []byte {
	brackets := "[]"
	if v.Kind() == Object {
		brackets = "{}"
	}
	b = append(b, brackets[0])
	for c := v.First(); c.In(v); c = c.Next() {
		if c.at > v.at+1 {
			b = append(b, ',')
		}
		if v.Kind() == Object {
			b = append(appendQuoted(b, c.Key()), ':')
		}
		b = c.append(b)
	}
	return append(b, brackets[1])
}

// Quote writes s as a JSON string.
func Quote(s string) string { return string(appendQuoted(nil, s)) }

const hexDigits = "0123456789abcdef"

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < 0x20 || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// SyntaxError is where and why a text could not be read.
type SyntaxError struct {
	Line     int // from 1
	Pointer  string
	Expected string // "a comma or ]"
	Found    string
	TooDeep  bool
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d: expected %s, found %s", e.Line, e.Expected, e.Found)
}
