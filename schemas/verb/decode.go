package verb

import (
	"fmt"

	"github.com/offhook/offhook/schemas/tree"
)

// Decode reads a document from a parsed text. It reads shapes only: properties that a verb does not have are passed
// over. The error says where and what the first wrong value is.
func Decode(v tree.Value) (Document, error) {
	var d decoder
	out := d.document(v)
	return out, d.err
}

// decoder keeps the first error; after one it goes on with zero values.
type decoder struct{ err error }

func (d *decoder) fail(v tree.Value, expected string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: expected %s, found %s", v.Pointer(), expected, v.Kind())
	}
}

// is tells whether v is of this kind; null is the zero value and no error.
func (d *decoder) is(v tree.Value, kind tree.Kind) bool {
	if v.Kind() == kind {
		return true
	}
	if v.Kind() != tree.Null {
		d.fail(v, kind.String())
	}
	return false
}

// first is the first property of an object; of anything else there is none.
func (d *decoder) first(v tree.Value) tree.Value {
	if d.is(v, tree.Object) {
		return v.First()
	}
	return v.Next()
}

func (d *decoder) document(v tree.Value) Document {
	if !d.is(v, tree.Array) {
		return nil
	}
	out := make(Document, 0, v.Count())
	for c := v.First(); c.In(v); c = c.Next() {
		out = append(out, d.verb(c))
	}
	return out
}

func (d *decoder) verb(v tree.Value) Verb {
	tag, _ := v.Get("verb")
	if v.Kind() != tree.Object || tag == v || tag == (tree.Value{}) || tag.Kind() != tree.String {
		d.fail(v, `an object with "verb"`)
		return nil
	}
	out := d.verbNamed(tag.Text(), v)
	if out == nil && d.err == nil {
		d.err = fmt.Errorf("%s: unknown verb %q", v.Pointer(), tag.Text())
	}
	return out
}

func (d *decoder) documents(v tree.Value) []Document { return list(d, v, d.document) }

func list[T any](d *decoder, v tree.Value, read func(tree.Value) T) []T {
	if !d.is(v, tree.Array) {
		return nil
	}
	out := make([]T, 0, v.Count())
	for c := v.First(); c.In(v); c = c.Next() {
		out = append(out, read(c))
	}
	return out
}

// oneOrList reads one value as a list of one.
func oneOrList[T any](d *decoder, v tree.Value, read func(tree.Value) T) []T {
	switch v.Kind() {
	case tree.Array:
		return list(d, v, read)
	case tree.Null:
		return nil
	}
	return []T{read(v)}
}

func mapOf[T any](d *decoder, v tree.Value, read func(tree.Value) T) map[string]T {
	if !d.is(v, tree.Object) {
		return nil
	}
	out := make(map[string]T, v.Count())
	for c := v.First(); c.In(v); c = c.Next() {
		out[c.Key()] = read(c)
	}
	return out
}

func pointer[T any](v tree.Value, read func(tree.Value) T) *T {
	if v.Kind() == tree.Null {
		return nil
	}
	x := read(v)
	return &x
}

func (d *decoder) str(v tree.Value) string {
	if d.is(v, tree.String) {
		return v.Text()
	}
	return ""
}

func (d *decoder) int(v tree.Value) int {
	if v.Kind() == tree.Null {
		return 0
	}
	n, ok := v.Integer()
	if !ok || int64(int(n)) != n {
		d.fail(v, "a whole number")
	}
	return int(n)
}

func (d *decoder) bool(v tree.Value) bool {
	return d.is(v, tree.Bool) && v.Text() == "true"
}

func (d *decoder) boolPtr(v tree.Value) *bool { return pointer(v, d.bool) }

func (d *decoder) duration(v tree.Value) (out Duration) {
	var err error
	switch v.Kind() {
	case tree.String:
		out, err = ParseDuration(v.Text())
	case tree.Null:
	default:
		n, ok := v.Float()
		if !ok {
			d.fail(v, "a duration")
		}
		out, err = Seconds(n)
	}
	if err != nil {
		d.fail(v, `a duration such as "20s"`)
	}
	return out
}

func (d *decoder) do(v tree.Value) Do {
	if v.Kind() == tree.String {
		return Do{URL: v.Text()}
	}
	return Do{Document: d.document(v)}
}

func (d *decoder) doPtr(v tree.Value) *Do { return pointer(v, d.do) }

func (d *decoder) doMap(v tree.Value) map[string]Do { return mapOf(d, v, d.do) }

func (d *decoder) audio(v tree.Value) Audio {
	if v.Kind() == tree.String {
		return Audio{Name: v.Text()}
	}
	var say Say
	for c := d.first(v); c.In(v); c = c.Next() {
		switch c.Key() {
		case "say":
			say.Text = d.str(c)
		case "voice":
			say.Voice = d.str(c)
		case "language":
			say.Language = d.str(c)
		case "engine":
			say.Engine = d.str(c)
		}
	}
	return Audio{Say: &say}
}

func (d *decoder) audioPtr(v tree.Value) *Audio { return pointer(v, d.audio) }

func (d *decoder) audios(v tree.Value) Audios { return oneOrList(d, v, d.audio) }

func (d *decoder) targets(v tree.Value) Targets { return oneOrList(d, v, d.verbTarget) }

func (d *decoder) strs(v tree.Value) Strings { return oneOrList(d, v, d.str) }

func (d *decoder) strMap(v tree.Value) map[string]string { return mapOf(d, v, d.str) }

func (d *decoder) anyMap(v tree.Value) map[string]any {
	if !d.is(v, tree.Object) {
		return nil
	}
	return v.Any().(map[string]any)
}
