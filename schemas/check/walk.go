package check

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/template"
	"github.com/offhook/offhook/schemas/tree"
)

// checker walks rules and values side by side and collects faults.
type checker struct {
	faults  []event.Fault
	known   []string // variables that may be used; grows with what the document sets
	verbs   int      // met so far
	depth   int      // of verbs in verbs
	inOn    int      // of `on` verbs around
	secrets bool     // the text holds secrets: it is a configuration
	lacks   []Missing
	names   func(string) (string, bool)
	at      tree.Value // the string whose placeholders are looked at
}

func newChecker(known []string) *checker {
	c := &checker{known: known}
	c.names = c.variable
	return c
}

// full is true when there is no sense in going on.
func (c *checker) full() bool { return len(c.faults) >= MaxFaults }

// value judges v by r, whose own words are used in faults.
func (c *checker) value(r *rule.Rule, v tree.Value) {
	said := r
	r = r.Resolve()
	switch {
	case c.full():
	case r.Any:
		c.anything(v)
	case r.Union != nil:
		c.union(said, r, v)
	case !r.Accepts(v.Kind()):
		c.wrongType(said, v)
	case r.Enum != nil:
		c.enum(said, r, v)
	case r.Tag != nil:
		c.tagged(said, r.Tag, v)
	case v.Kind() == tree.String:
		c.text(said, r, v)
	case v.Kind() == tree.Number:
		c.number(said, r.Number, v)
	case v.Kind() == tree.Array:
		c.list(said, r.List, v)
	case v.Kind() == tree.Object:
		c.object(said, r.Object, v)
	}
}

func (c *checker) union(said, r *rule.Rule, v tree.Value) {
	for _, u := range r.Union {
		if u.Accepts(v.Kind()) {
			c.alternative(said, u, v)
			return
		}
	}
	c.wrongType(said, v)
}

// alternative judges scalars in the words of the whole, for "a duration" says more than "a string".
func (c *checker) alternative(said, u *rule.Rule, v tree.Value) {
	r := u.Resolve()
	switch {
	case r.Text != nil && r.Enum == nil && v.Kind() == tree.String:
		c.text(said, r, v)
	case r.Number != nil && v.Kind() == tree.Number:
		c.number(said, r.Number, v)
	default:
		c.value(u, v)
	}
}

// anything takes every value, but {name} in its strings has to be right where it is filled.
func (c *checker) anything(v tree.Value) {
	switch v.Kind() {
	case tree.String:
		c.braces(v)
	case tree.Array, tree.Object:
		for ch := v.First(); ch.In(v); ch = ch.Next() {
			c.anything(ch)
		}
	}
}

func (c *checker) enum(said, r *rule.Rule, v tree.Value) {
	if v.Kind() == tree.String && !slices.Contains(r.Enum, v.Text()) {
		c.notAllowed(said, r.Enum, v)
	}
}

// tagged judges by the rule that the tag names.
func (c *checker) tagged(said *rule.Rule, t *rule.Tag, v tree.Value) {
	tag, ok := v.Get(t.Property)
	switch {
	case !ok:
		c.missing(v, t.Property, `"`+t.Property+`", one of `+quoted(t.Names))
		return
	case tag.Kind() != tree.String || t.Cases[tag.Text()] == nil:
		c.unknownVerb(t, tag)
		return
	case !c.enter(v):
		return
	}
	on := tag.Text() == "on"
	if on {
		c.inOn++
	}
	c.value(t.Cases[tag.Text()], v)
	if on {
		c.inOn--
	}
	switch tag.Text() {
	case "set":
		c.learnFrom(v)
	case "play":
		c.plays(v)
	}
	c.depth--
}

// plays: what a play has to have follows from its action.
func (c *checker) plays(v tree.Value) {
	action := "start"
	if a, ok := v.Get("action"); ok {
		action = a.Text()
	}
	audio, ok := v.Get("audio")
	switch {
	case action == "start" && !ok:
		c.missing(v, "audio", `"audio": an audio or list of audio such as "welcome"`)
	case action != "start" && ok:
		c.fault(audio, "unwanted_property", "no audio with this action", "of_id names what plays")
	}
	if by, ok := v.Get("by"); ok && action != "skip" {
		c.fault(by, "needs_property", `"action": "skip" beside "by"`, "from says where to begin")
	}
}

// enter counts a verb; false when there are too many, or too many in one another.
func (c *checker) enter(v tree.Value) bool {
	c.verbs++
	if c.verbs > MaxVerbs {
		if c.verbs == MaxVerbs+1 {
			c.tooManyVerbs(v)
		}
		return false
	}
	if c.depth == MaxDepth {
		c.tooDeep(v)
		return false
	}
	c.depth++
	return true
}

func (c *checker) text(said, r *rule.Rule, v tree.Value) {
	t, s := r.Text, v.Text()
	if len(s) < t.MinLen*utf8.UTFMax || t.MaxLen > 0 && len(s) > t.MaxLen {
		if !c.length(said, t, v) {
			return
		}
	}
	if t.Format == "" {
		return
	}
	if p := format.Check(t.Format, s); !p.OK() {
		c.badFormat(said, t, p, v)
		return
	}
	if t.Format == "duration" {
		c.bounds(said, t, v)
		return
	}
	if template.HasBraces(s) && !format.Fixed(t.Format) {
		c.placed(t, v)
	}
}

func (c *checker) length(said *rule.Rule, t *rule.Text, v tree.Value) bool {
	n := utf8.RuneCountInString(v.Text())
	switch {
	case n < t.MinLen:
		c.fault(v, "too_short", expected(said), "")
	case t.MaxLen > 0 && n > t.MaxLen:
		c.tooLong(said, t.MaxLen, v)
	default:
		return true
	}
	return false
}

// placed judges braces by where they stand: outside of verbs nothing is filled.
func (c *checker) placed(t *rule.Text, v tree.Value) {
	if c.depth > 0 {
		c.braces(v)
	} else if t.Format != "line" && t.Format != "text" {
		c.fault(v, "no_variables_here", format.Expected(t.Format), "variables are filled in verbs only")
	}
}

func (c *checker) number(said *rule.Rule, n *rule.Number, v tree.Value) {
	f, ok := v.Float()
	if !ok {
		c.fault(v, "out_of_range", expectedNumber(said, n), "")
		return
	}
	if n.Integer {
		if _, whole := v.Integer(); !whole {
			c.fault(v, "wrong_type", expectedNumber(said, n), "")
			return
		}
	}
	if n.Min != nil && f < *n.Min || n.Max != nil && f > *n.Max {
		c.fault(v, "out_of_range", expectedNumber(said, n), "")
	}
}

func (c *checker) list(said *rule.Rule, l *rule.List, v tree.Value) {
	n := 0
	for ch := v.First(); ch.In(v) && !c.full(); ch = ch.Next() {
		if n++; l.Max > 0 && n > l.Max {
			c.tooMany(said, l.Max, v)
			return
		}
		c.value(l.Items, ch)
	}
	if n < l.Min {
		c.tooFew(said, l.Min, v)
	}
}

func (c *checker) object(said *rule.Rule, o *rule.Object, v tree.Value) {
	var seen uint64
	count := 0
	for ch := v.First(); ch.In(v) && !c.full(); ch = ch.Next() {
		count++
		if p, i := o.Find(ch.Key()); p != nil {
			seen |= 1 << i
			c.value(p.Rule, ch)
			continue
		}
		c.other(said, o, ch)
	}
	if o.MaxCount > 0 && count > o.MaxCount {
		c.tooMany(said, o.MaxCount, v)
	}
	for i := range o.Properties {
		if p := &o.Properties[i]; p.Required && seen&(1<<i) == 0 {
			c.missing(v, p.Name, `"`+p.Name+`": `+expected(p.Rule))
		}
	}
	if o.OneOf != nil {
		c.exactlyOne(o, v)
	}
	if o.AnyOf != nil && !slices.ContainsFunc(o.AnyOf, func(name string) bool { _, ok := v.Get(name); return ok }) {
		c.missing(v, o.AnyOf[0], "at least one of "+quoted(o.AnyOf))
	}
}

// other judges a property that is not listed.
func (c *checker) other(said *rule.Rule, o *rule.Object, v tree.Value) {
	if o.Values == nil {
		c.unknownProperty(said, o, v)
		return
	}
	if o.Names != nil {
		c.name(o.Names, v)
	}
	c.value(o.Values, v)
}

func (c *checker) name(r *rule.Rule, v tree.Value) {
	r = r.Resolve()
	key := v.Key()
	switch {
	case r.Enum != nil:
		if !slices.Contains(r.Enum, key) {
			c.badName(v, "unknown_property", "one of "+quoted(r.Enum), nearest(key, r.Enum))
		}
		return
	case r.Text.MinLen > 0 && key == "":
		c.badName(v, "too_short", format.Expected(r.Text.Format), "")
		return
	case r.Text.MaxLen > 0 && utf8.RuneCountInString(key) > r.Text.MaxLen:
		c.badName(v, "too_long", fmt.Sprintf("%s, %d at most", format.Expected(r.Text.Format), r.Text.MaxLen), "")
		return
	}
	if p := format.Check(r.Text.Format, key); !p.OK() {
		c.badName(v, p.Code, format.Expected(r.Text.Format), p.Hint)
	} else if strings.IndexByte(key, '{') >= 0 && !format.Fixed(r.Text.Format) {
		c.badName(v, "no_variables_here", format.Expected(r.Text.Format), "names are not filled")
	}
}

func (c *checker) exactlyOne(o *rule.Object, v tree.Value) {
	var have []tree.Value
	for _, name := range o.OneOf {
		if p, ok := v.Get(name); ok {
			have = append(have, p)
		}
	}
	words := "exactly one of " + quoted(o.OneOf)
	switch len(have) {
	case 0:
		c.add(v, "exactly_one", words, "none of them", "")
	case 1:
		c.needs(v)
	default:
		c.fault(have[1], "exactly_one", words, "take "+have[0].Key()+" or "+have[1].Key()+" out")
	}
}

// needs: a gateway only carries a number.
func (c *checker) needs(v tree.Value) {
	gateway, ok := v.Get("gateway")
	if !ok {
		return
	}
	if _, ok := v.Get("number"); !ok {
		c.fault(gateway, "needs_property", `"gateway" beside "number"`, "users and SIP URIs are not called through a gateway")
	}
}
