package rule

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/tree"
)

// Set is all rules of a folder of schemas.
type Set struct {
	files fs.FS
	texts map[string]*tree.Tree
	rules map[string]*Rule // by Path
}

// NewSet reads schemas from files; nothing is read before Load.
func NewSet(files fs.FS) *Set {
	return &Set{files: files, texts: map[string]*tree.Tree{}, rules: map[string]*Rule{}}
}

// Load gives the rule at a path such as "verb/dial.json" or "verb/definitions.json#/$defs/audio". The error names the
// place that leaves the subset.
func (s *Set) Load(at string) (*Rule, error) {
	if r, ok := s.rules[at]; ok {
		return r, nil
	}
	v, err := s.find(at)
	if err != nil {
		return nil, err
	}
	return s.compile(at, v)
}

// Definitions lists the names under $defs of a file, in order.
func (s *Set) Definitions(file string) ([]string, error) {
	defs, err := s.find(file + "#/$defs")
	if err != nil {
		return nil, err
	}
	var names []string
	for c := defs.First(); c.In(defs); c = c.Next() {
		names = append(names, c.Key())
	}
	return names, nil
}

func (s *Set) find(at string) (tree.Value, error) {
	file, pointer, _ := strings.Cut(at, "#")
	t, ok := s.texts[file]
	if !ok {
		raw, err := fs.ReadFile(s.files, file)
		if err != nil {
			return tree.Value{}, err
		}
		t = new(tree.Tree)
		if err := t.Parse(string(raw)); err != nil {
			return tree.Value{}, fmt.Errorf("%s: %w", file, err)
		}
		s.texts[file] = t
	}
	v := t.Root()
	for _, key := range strings.Split(pointer, "/")[1:] {
		next, ok := v.Get(key)
		if !ok {
			return v, fmt.Errorf("%s: there is no %s", at, key)
		}
		v = next
	}
	return v, nil
}

func (s *Set) compile(at string, v tree.Value) (*Rule, error) {
	r := &Rule{Path: at}
	s.rules[at] = r
	c := compiler{set: s, rule: r, at: at, schema: v}
	if err := c.all(); err != nil {
		delete(s.rules, at)
		return nil, err
	}
	return r, nil
}

// compiler turns one schema into its rule.
type compiler struct {
	set    *Set
	rule   *Rule
	at     string
	schema tree.Value
}

func (c *compiler) fail(format string, args ...any) error {
	return fmt.Errorf("%s: %s", c.at, fmt.Sprintf(format, args...))
}

// annotations are the keywords that another keyword's step reads, or that only people and the generator read.
var annotations = map[string]bool{
	"$schema": true, "$defs": true, "title": true, "description": true, "default": true, "examples": true,
	"format": true, "minLength": true, "maxLength": true, "x-minimum": true, "x-maximum": true, "minimum": true, "maximum": true,
	"properties": true, "required": true, "additionalProperties": true, "propertyNames": true, "maxProperties": true,
	"items": true, "minItems": true, "maxItems": true,
	"x-go-name": true, "x-go-type": true, "x-go-pointer": true, "x-go-embed": true, "x-go-always": true, "x-group": true,
}

// keyword applies one keyword; what is not known is outside of the subset.
func (c *compiler) keyword(name string, v tree.Value) error {
	switch name {
	case "$ref":
		return c.ref(v)
	case "allOf":
		return c.allOf(v)
	case "oneOf":
		return c.oneOf(v)
	case "anyOf":
		return c.requires(v, name, func(o *Object) *[]string { return &o.AnyOf })
	case "type":
		return c.types(v)
	case "enum":
		return c.enum(v)
	case "const":
		return c.constant(v)
	}
	if annotations[name] {
		return nil
	}
	return c.fail("%s is not in the subset", name)
}

func (c *compiler) all() error {
	if c.schema.Kind() == tree.Bool && c.schema.Text() == "true" {
		c.rule.Any = true
		return nil
	}
	if c.schema.Kind() != tree.Object {
		return c.fail("a schema is an object or true")
	}
	c.doc()
	if err := c.golang(); err != nil {
		return err
	}
	for k := c.schema.First(); k.In(c.schema); k = k.Next() {
		if err := c.keyword(k.Key(), k); err != nil {
			return err
		}
	}
	c.rule.Any = c.rule.Ref == nil && c.untyped()
	return nil
}

func (c *compiler) untyped() bool {
	for _, k := range []string{"type", "enum", "const", "oneOf"} {
		if _, ok := c.schema.Get(k); ok {
			return false
		}
	}
	return true
}

func (c *compiler) text(key string) string {
	v, _ := c.schema.Get(key)
	return textOf(v, c.schema)
}

func textOf(v, parent tree.Value) string {
	if v == (tree.Value{}) || v == parent || v.Kind() != tree.String {
		return ""
	}
	return v.Text()
}

func (c *compiler) int(key string) int {
	v, ok := c.schema.Get(key)
	if !ok {
		return 0
	}
	n, _ := v.Integer()
	return int(n)
}

func (c *compiler) flag(key string) bool {
	v, ok := c.schema.Get(key)
	return ok && v.Text() == "true"
}

func (c *compiler) doc() {
	d := &c.rule.Doc
	d.Title, d.Description = c.text("title"), c.text("description")
	d.Group = c.text("x-group")
	if v, ok := c.schema.Get("default"); ok {
		d.Default = json.RawMessage(v.JSON())
	}
	if v, ok := c.schema.Get("examples"); ok {
		for e := v.First(); e.In(v); e = e.Next() {
			d.Examples = append(d.Examples, json.RawMessage(e.JSON()))
		}
	}
}

func (c *compiler) golang() (err error) {
	g := &c.rule.Go
	g.Name, g.Type = c.text("x-go-name"), c.text("x-go-type")
	g.Pointer, g.Always = c.flag("x-go-pointer"), c.flag("x-go-always")
	if v, ok := c.schema.Get("x-go-embed"); ok {
		g.Embed, err = c.set.Load(c.target(v.Text()))
	}
	return err
}

// target makes a reference absolute.
func (c *compiler) target(ref string) string {
	file, _, _ := strings.Cut(c.at, "#")
	to, pointer, _ := strings.Cut(ref, "#")
	if to != "" {
		file = path.Join(path.Dir(file), to)
	}
	if pointer == "" {
		return file
	}
	return file + "#" + pointer
}

func (c *compiler) ref(v tree.Value) (err error) {
	c.rule.Ref, err = c.set.Load(c.target(v.Text()))
	return err
}

// allOf holds one reference: the way to put a title beside a reference in draft-07 too.
func (c *compiler) allOf(v tree.Value) error {
	ref, ok := v.First(), v.Count() == 1
	if ok {
		ref, ok = ref.Get("$ref")
	}
	if !ok {
		return c.fail("allOf must hold one $ref")
	}
	return c.ref(ref)
}

func (c *compiler) types(v tree.Value) error {
	if v.Kind() == tree.String {
		return c.oneType(v.Text())
	}
	for t := v.First(); t.In(v); t = t.Next() {
		if err := c.oneType(t.Text()); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) oneType(name string) error {
	switch name {
	case "null":
		c.rule.Null = true
	case "boolean":
		c.rule.Bool = true
	case "string":
		return c.string()
	case "number", "integer":
		c.rule.Number = &Number{Integer: name == "integer", Min: c.float("minimum"), Max: c.float("maximum")}
	case "array":
		return c.list()
	case "object":
		if c.rule.Object == nil {
			return c.object()
		}
	default:
		return c.fail("unknown type %s", name)
	}
	return nil
}

func (c *compiler) float(key string) *float64 {
	if v, ok := c.schema.Get(key); ok {
		f, _ := v.Float()
		return &f
	}
	return nil
}

func (c *compiler) string() (err error) {
	t := &Text{Format: c.text("format"), MinLen: c.int("minLength"), MaxLen: c.int("maxLength")}
	c.rule.Text = t
	if t.Shortest, err = c.span("x-minimum"); err == nil {
		t.Longest, err = c.span("x-maximum")
	}
	return err
}

func (c *compiler) span(key string) (time.Duration, error) {
	if s := c.text(key); s != "" {
		return time.ParseDuration(s)
	}
	return 0, nil
}

func (c *compiler) enum(v tree.Value) error {
	for e := v.First(); e.In(v); e = e.Next() {
		if e.Kind() != tree.String {
			return c.fail("enum holds strings only")
		}
		c.rule.Enum = append(c.rule.Enum, e.Text())
	}
	return nil
}

func (c *compiler) constant(v tree.Value) error {
	if v.Kind() != tree.String {
		return c.fail("const is a string")
	}
	c.rule.Enum = []string{v.Text()}
	return nil
}

func (c *compiler) list() (err error) {
	l := &List{Min: c.int("minItems"), Max: c.int("maxItems")}
	c.rule.List = l
	items, ok := c.schema.Get("items")
	if !ok {
		return c.fail("a list needs items")
	}
	l.Items, err = c.sub("items", items)
	return err
}

func (c *compiler) sub(key string, v tree.Value) (*Rule, error) {
	at := c.at
	if !strings.Contains(at, "#") {
		at += "#"
	}
	at += "/" + key
	if r, ok := c.set.rules[at]; ok {
		return r, nil
	}
	return c.set.compile(at, v)
}

func (c *compiler) object() error {
	o := &Object{MaxCount: c.int("maxProperties"), index: map[string]int{}}
	c.rule.Object = o
	if v, ok := c.schema.Get("properties"); ok {
		if err := c.properties(o, v); err != nil {
			return err
		}
	}
	return c.others(o)
}

func (c *compiler) properties(o *Object, v tree.Value) error {
	required := map[string]bool{}
	if list, ok := c.schema.Get("required"); ok {
		for r := list.First(); r.In(list); r = r.Next() {
			required[r.Text()] = true
		}
	}
	for p := v.First(); p.In(v); p = p.Next() {
		r, err := c.sub("properties/"+p.Key(), p)
		if err != nil {
			return err
		}
		o.index[p.Key()] = len(o.Properties)
		o.Properties = append(o.Properties, Property{Name: p.Key(), Required: required[p.Key()], Rule: r})
		delete(required, p.Key())
	}
	if len(required) > 0 || len(o.Properties) > 64 {
		return c.fail("required names unlisted properties, or there are over 64")
	}
	return nil
}

// others reads what may stand beside the listed properties; it has to be said.
func (c *compiler) others(o *Object) (err error) {
	extra, ok := c.schema.Get("additionalProperties")
	switch {
	case !ok:
		return c.fail("additionalProperties must be given")
	case extra.Kind() == tree.Bool && extra.Text() == "false":
		return nil
	}
	if o.Values, err = c.sub("additionalProperties", extra); err != nil {
		return err
	}
	if names, ok := c.schema.Get("propertyNames"); ok {
		o.Names, err = c.sub("propertyNames", names)
	}
	return err
}

// oneOf is one of three: exactly one of some properties, objects with a tag, or different JSON types.
func (c *compiler) oneOf(v tree.Value) error {
	if first, ok := v.First().Get("required"); ok && v.First().Count() == 1 && first.Count() == 1 {
		return c.requires(v, "oneOf", func(o *Object) *[]string { return &o.OneOf })
	}
	var rules []*Rule
	for a, i := v.First(), 0; a.In(v); a, i = a.Next(), i+1 {
		r, err := c.sub(fmt.Sprintf("oneOf/%d", i), a)
		if err != nil {
			return err
		}
		rules = append(rules, r)
	}
	if tag := tagOf(rules); tag != nil {
		c.rule.Tag = tag
		return nil
	}
	c.rule.Union = rules
	return c.disjoint()
}

// requires reads properties of which there must be some.
func (c *compiler) requires(v tree.Value, keyword string, list func(*Object) *[]string) error {
	if c.rule.Object == nil {
		if err := c.object(); err != nil {
			return err
		}
	}
	for a := v.First(); a.In(v); a = a.Next() {
		names, ok := a.Get("required")
		if !ok || a.Count() != 1 || names.Count() != 1 {
			return c.fail("%s mixes required with something else", keyword)
		}
		to := list(c.rule.Object)
		*to = append(*to, names.First().Text())
	}
	return nil
}

// disjoint makes sure that a value's JSON type tells its alternative. References may be unfinished, so only finished ones count.
func (c *compiler) disjoint() error {
	for kind := tree.Null; kind <= tree.Object; kind++ {
		n := 0
		for _, r := range c.rule.Union {
			if r.Accepts(kind) {
				n++
			}
		}
		if n > 1 {
			return c.fail("oneOf has two alternatives for %s", kind)
		}
	}
	return nil
}

// tagOf recognises objects that differ by a constant in the first property.
func tagOf(rules []*Rule) *Tag {
	tag := &Tag{Cases: map[string]*Rule{}}
	for _, r := range rules {
		o := r.Resolve().Object
		if o == nil || len(o.Properties) == 0 {
			return nil
		}
		first := o.Properties[0]
		enum := first.Rule.Resolve().Enum
		if len(enum) != 1 || tag.Property != "" && tag.Property != first.Name {
			return nil
		}
		tag.Property = first.Name
		tag.Names = append(tag.Names, enum[0])
		tag.Cases[enum[0]] = r
	}
	return tag
}
