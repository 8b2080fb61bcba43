package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/format"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/tree"
	"github.com/offhook/offhook/schemas/words"
)

func (c *checker) add(v tree.Value, code, expected, found, hint string) {
	if c.full() {
		return
	}
	c.faults = append(c.faults, event.Fault{Code: code, Pointer: v.Pointer(), Line: v.Line(), Expected: expected, Found: found, Hint: hint})
}

func (c *checker) fault(v tree.Value, code, expected, hint string) {
	shown := found(v)
	if c.secrets && secretKeys[v.Key()] && v.Kind() != tree.Object && v.Kind() != tree.Array {
		shown = config.Hidden
	}
	c.add(v, code, expected, shown, hint)
}

// secretKeys are the properties of the configuration whose values are not repeated in faults.
var secretKeys = map[string]bool{"password": true, "key": true, "secret": true, "smtp": true, "database": true}

// longestFound is how much of a value is repeated in a fault, in bytes.
const longestFound = 80

// found shows a scalar as JSON and says what anything else is.
func found(v tree.Value) string {
	switch v.Kind() {
	case tree.Object, tree.Array:
		return v.Kind().String()
	case tree.String:
		return tree.Quote(clip(v.Text()))
	}
	return clip(v.JSON())
}

func clip(s string) string {
	if len(s) <= longestFound {
		return s
	}
	end := longestFound
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func quoted(list []string) string { return words.Quoted(list) }

func nearest(s string, known []string) string { return words.DidYouMean(s, known) }

// expected says in words what a rule takes, with an example where it has a short one.
func expected(r *rule.Rule) string {
	end := r.Resolve()
	switch {
	case end.Enum != nil:
		return allowed(end.Enum)
	case end.Number != nil:
		return expectedNumber(r, end.Number)
	case end.Text != nil && end.Text.Format != "" && end.Text.Format != "text" && end.Text.Format != "line":
		return format.Expected(end.Text.Format)
	}
	return noun(r) + example(r)
}

func noun(r *rule.Rule) string {
	if o := r.Resolve().Object; o != nil && o.Values != nil {
		return tree.Object.String()
	}
	for at := r; at != nil; at = at.Ref {
		if at.Doc.Title != "" {
			return words.Article(at.Doc.Title)
		}
	}
	end := r.Resolve()
	for kind := tree.Bool; kind <= tree.Object; kind++ {
		if end.Accepts(kind) {
			return kind.String()
		}
	}
	return "null"
}

const longestExample = 60

func example(r *rule.Rule) string {
	raw := string(r.Example())
	if raw == "" || len(raw) > longestExample || strings.Contains(raw, "\n") || r.Resolve().Bool {
		return ""
	}
	return " such as " + raw
}

func allowed(enum []string) string {
	if len(enum) == 1 {
		return strconv.Quote(enum[0])
	}
	return "one of " + quoted(enum)
}

func expectedNumber(said *rule.Rule, n *rule.Number) string {
	what := "a number"
	if n.Integer {
		what = "a whole number"
	}
	unit := ""
	if said.Resolve().Union != nil {
		what, unit = noun(said), " seconds"
	}
	switch {
	case n.Min != nil && n.Max != nil:
		return fmt.Sprintf("%s from %g to %g%s", what, *n.Min, *n.Max, unit)
	case n.Min != nil:
		return fmt.Sprintf("%s from %g", what, *n.Min)
	}
	return what
}

func (c *checker) wrongType(said *rule.Rule, v tree.Value) {
	hint := ""
	switch r := said.Resolve(); {
	case v.Kind() == tree.String && r.Number != nil:
		hint = "numbers stand without quotes"
	case v.Kind() == tree.String && r.Bool:
		hint = "true and false stand without quotes"
	case (v.Kind() == tree.Number || v.Kind() == tree.Bool) && r.Accepts(tree.String):
		hint = "put it in quotes"
	case v.Kind() == tree.Object && r.Accepts(tree.String) && c.secrets: // a YAML list in brackets makes {calls: read} of calls:read
		hint = "a string with a colon stands in quotes"
	case v.Kind() == tree.Object && r.List != nil:
		hint = "put it into a list: [ … ]"
	case v.Kind() == tree.String && (strings.HasSuffix(r.Path, "/target") || strings.HasSuffix(r.Path, "/targets")):
		hint = "write " + asTarget(v.Text())
	}
	c.fault(v, "wrong_type", expected(said), hint)
}

// asTarget is what somebody meant who wrote a string for a target.
func asTarget(text string) string {
	kind := "user"
	switch {
	case strings.HasPrefix(text, "sip:") || strings.HasPrefix(text, "sips:"):
		kind = "sip"
	case strings.HasPrefix(text, "+"):
		kind = "number"
	}
	return fmt.Sprintf("{%q: %s}", kind, tree.Quote(text))
}

func (c *checker) notAllowed(said *rule.Rule, enum []string, v tree.Value) {
	c.fault(v, "not_allowed", expected(said), nearest(v.Text(), enum))
}

func (c *checker) unknownVerb(t *rule.Tag, v tree.Value) {
	hint := ""
	if v.Kind() == tree.String {
		hint = nearest(v.Text(), t.Names)
	}
	if hint == "" {
		hint = "verbs are " + strings.Join(t.Names, ", ")
	}
	c.fault(v, "unknown_verb", "a verb", hint)
}

func (c *checker) missing(v tree.Value, name, expected string) {
	c.add(v, "missing_property", expected, "no "+strconv.Quote(name), "")
}

func (c *checker) unknownProperty(said *rule.Rule, o *rule.Object, v tree.Value) {
	var names []string
	for _, p := range o.Properties {
		names = append(names, p.Name)
	}
	hint := nearest(v.Key(), names)
	if hint == "" {
		hint = "it takes " + strings.Join(names, ", ")
	}
	c.add(v, "unknown_property", "a property of "+owner(said), strconv.Quote(clip(v.Key())), hint)
}

// owner names what an object is: the verb, or its title.
func owner(r *rule.Rule) string {
	end := r.Resolve()
	if strings.HasPrefix(end.Path, "verb/") && !strings.Contains(end.Path, "#") {
		return end.Name()
	}
	return noun(end)
}

func (c *checker) badName(v tree.Value, code, expected, hint string) {
	c.add(v, code, expected, strconv.Quote(clip(v.Key())), hint)
}

func (c *checker) badFormat(said *rule.Rule, t *rule.Text, p format.Problem, v tree.Value) {
	words := format.Expected(t.Format)
	if said.Resolve().Union != nil && t.Format == "duration" {
		words = noun(said) + example(said)
	}
	c.fault(v, p.Code, words, p.Hint)
}

// bounds judges a duration that is well formed.
func (c *checker) bounds(said *rule.Rule, t *rule.Text, v tree.Value) {
	d, err := time.ParseDuration(v.Text())
	if err != nil || t.Longest == 0 || d >= t.Shortest && d <= t.Longest {
		return
	}
	c.fault(v, "out_of_range", noun(said)+" from "+short(t.Shortest)+" to "+short(t.Longest), "")
}

// short writes a duration without what is zero: 10m, not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (c *checker) tooLong(said *rule.Rule, most int, v tree.Value) {
	c.add(v, "too_long", fmt.Sprintf("%s of at most %d characters", noun(said), most), fmt.Sprintf("%d characters", utf8.RuneCountInString(v.Text())), "")
}

func (c *checker) tooFew(said *rule.Rule, least int, v tree.Value) {
	c.add(v, "too_few", fmt.Sprintf("%s with at least %d entry", noun(said), least), "an empty list", "")
}

func (c *checker) tooMany(said *rule.Rule, most int, v tree.Value) {
	c.add(v, "too_many", fmt.Sprintf("%s with at most %d entries", noun(said), most), fmt.Sprintf("%d", v.Count()), "")
}

func (c *checker) tooManyVerbs(v tree.Value) {
	c.add(v, "too_many_verbs", fmt.Sprintf("at most %d verbs", MaxVerbs), "more", "go on with redirect or next")
}

func (c *checker) tooDeep(v tree.Value) {
	c.add(v, "too_deep", fmt.Sprintf("at most %d verbs in one another", MaxDepth), "more", "go on with redirect or next")
}
