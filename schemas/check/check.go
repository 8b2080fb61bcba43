// Package check judges verb documents, answers and the configuration against the schemas, and gives them as Go values
// when nothing is wrong. It runs nothing, looks nothing up, and knows only what stands in the text.
//
// Codes of faults: bad_json bad_yaml too_large too_deep too_many_verbs missing_property unknown_property
// repeated_property wrong_type unknown_verb not_allowed out_of_range too_short too_long too_many too_few exactly_one
// needs_property unwanted_property bad_brace unknown_variable no_variables_here control_character forbidden_header reserved_variable unknown_event
// unknown_tone unknown_user unknown_gateway ambiguous_gateway unknown_tenant missing_codec repeated bad_secret, and bad_FORMAT
// for strings: bad_duration bad_url bad_sip_uri bad_number bad_email bad_audio bad_path bad_ssml and so on.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"

	"github.com/offhook/offhook/schemas"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/rule"
	"github.com/offhook/offhook/schemas/tree"
	"github.com/offhook/offhook/schemas/verb"
)

// Limits of a document.
const (
	MaxBytes  = 64 << 10 // of a document or answer
	MaxVerbs  = 500      // in all, nested ones too
	MaxDepth  = 16       // of verbs in verbs
	MaxFaults = 50       // that are reported
)

// ruleSet are the rules that the entry points apply.
type ruleSet struct{ document, answer, config *rule.Rule }

var rules = sync.OnceValue(func() ruleSet { return mustLoad(schemas.Files) })

// mustLoad reads the embedded schemas; that they load is proved by the tests.
func mustLoad(files fs.FS) ruleSet {
	set := rule.NewSet(files)
	load := func(path string) *rule.Rule {
		r, err := set.Load(path)
		if err != nil {
			panic(fmt.Sprintf("embedded schemas: %v", err))
		}
		return r
	}
	return ruleSet{load("verb/definitions.json#/$defs/document"), load("ask/answer.json"), load("config/config.json")}
}

var trees = sync.Pool{New: func() any { return new(tree.Tree) }}

// keepNodes is the size up to which a parsed text's memory is used again.
const keepNodes = 4096

func release(t *tree.Tree) {
	if t.Len() <= keepNodes {
		trees.Put(t)
	}
}

// Document judges a JSON list of verbs. known are names of variables that it may use, beside those that are always
// there and those it sets. The document is nil when there are faults.
func Document(raw []byte, known []string) (verb.Document, []event.Fault) {
	c := newChecker(known)
	t := trees.Get().(*tree.Tree)
	defer release(t)
	if !c.parse(t, raw) {
		return nil, c.faults
	}
	v := t.Root()
	c.document(v)
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return decoded(c, v)
}

// document judges the outermost list, and says so when somebody gave a verb without the list around it.
func (c *checker) document(v tree.Value) {
	if _, ok := v.Get("verb"); ok {
		c.fault(v, "wrong_type", "a list of verbs", "put the verb into a list: [ … ]")
		return
	}
	if _, ok := v.Get("verbs"); ok {
		c.fault(v, "wrong_type", "a list of verbs", "only an answer is an object with verbs; give the list alone")
		return
	}
	c.value(rules().document, v)
}

func decoded(c *checker, v tree.Value) (verb.Document, []event.Fault) {
	doc, err := verb.Decode(v)
	if err != nil {
		c.fault(v, "wrong_type", "a document", err.Error())
		return nil, c.faults
	}
	return doc, nil
}

// Answer judges what a webhook gave back: a list of verbs, or an object with verbs, vars and state. Nothing at all is an
// Answer without verbs. known as in Document; the answer's own vars may be used too.
func Answer(raw []byte, known []string) (ask.Answer, []event.Fault) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return ask.Answer{}, nil
	}
	c := newChecker(known)
	t := trees.Get().(*tree.Tree)
	defer release(t)
	if !c.parse(t, raw) {
		return ask.Answer{}, c.faults
	}
	v := t.Root()
	if v.Kind() != tree.Object {
		return c.bareAnswer(v)
	}
	if _, ok := v.Get("verb"); ok {
		c.document(v)
		return ask.Answer{}, c.faults
	}
	if vars, ok := v.Get("vars"); ok {
		c.learn(vars)
	}
	if c.value(rules().answer, v); len(c.faults) > 0 {
		return ask.Answer{}, c.faults
	}
	return c.fullAnswer(v)
}

func (c *checker) bareAnswer(v tree.Value) (ask.Answer, []event.Fault) {
	if c.document(v); len(c.faults) > 0 {
		return ask.Answer{}, c.faults
	}
	doc, faults := decoded(c, v)
	return ask.Answer{Verbs: doc}, faults
}

func (c *checker) fullAnswer(v tree.Value) (a ask.Answer, faults []event.Fault) {
	if verbs, ok := v.Get("verbs"); ok && verbs.Kind() == tree.Array {
		a.Verbs, faults = decoded(c, verbs)
	}
	if vars, ok := v.Get("vars"); ok && vars.Kind() == tree.Object {
		a.Vars = vars.Any().(map[string]any)
	}
	if state, ok := v.Get("state"); ok {
		a.State = json.RawMessage(state.JSON())
	}
	return a, faults
}
