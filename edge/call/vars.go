package call

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/offhook/offhook/schemas/ask"
)

// mergeVars merges variables into the call's: all of them, or with an error none. A null removes one.
func (c *Call) mergeVars(vars map[string]any) error {
	if len(vars) == 0 {
		return nil
	}
	merged := c.vars()
	size := c.Script.VarBytes
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if old, ok := merged[k]; ok {
			size -= varSize(k, old)
		}
		if vars[k] == nil {
			delete(merged, k)
			continue
		}
		merged[k] = vars[k]
		size += varSize(k, vars[k])
	}
	if size > MaxVarBytes {
		return fmt.Errorf("variables not set: %d bytes with these, %d are the most", size, MaxVarBytes)
	}
	c.Script.Vars, c.Script.VarBytes = merged, size
	return nil
}

func varSize(k string, v any) int { return len(k) + len(mustJSON(v)) }

// lookup gives a variable as it stands in a strand: its event, its last verb's result, the call's own, what is always there.
func (c *Call) lookup(s *Strand, name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, "event."); ok && s.Event != nil {
		return walk(s.Event, rest)
	}
	if text, ok := walk(c.Script.Vars, name); ok {
		return text, true
	}
	if rest, ok := strings.CutPrefix(name, "result."); ok {
		return s.resultVar(rest)
	}
	return c.builtin(name)
}

func (c *Call) builtin(name string) (string, bool) {
	switch name {
	case "caller_number":
		return c.Info.From, true
	case "caller_name":
		return c.Info.FromName, true
	case "called_number":
		return c.Info.To, true
	case "agent_number":
		return c.Agent.Number, true
	case "agent_name":
		return c.Agent.Name, true
	case "call_id":
		return c.Info.ID, true
	case "tenant":
		return c.Info.Tenant, true
	case "digits":
		return c.Script.Digits, true
	}
	return c.queueVar(name)
}

// resultVar: all fields of a result are there, empty where the verb had none.
func (s *Strand) resultVar(name string) (string, bool) {
	r := s.Result
	if r == nil {
		r = &ask.Result{}
	}
	switch name {
	case "verb":
		return r.Verb, true
	case "id":
		return r.ID, true
	case "status":
		return r.Status, true
	case "digits":
		return r.Digits, true
	case "detected":
		return r.Detected, true
	case "confidence":
		return strconv.FormatFloat(r.Confidence, 'f', -1, 64), true
	case "cause":
		return r.Cause, true
	case "user":
		return r.User, true
	case "number":
		return r.Number, true
	case "error":
		return r.Error, true
	case "recording":
		return r.Recording, true
	case "position_ms":
		return strconv.FormatInt(r.PositionMS, 10), true
	case "duration_ms":
		return strconv.FormatInt(r.DurationMS, 10), true
	}
	return sipVar(r.SIP, name)
}

func sipVar(sip *ask.SIPStatus, name string) (string, bool) {
	if sip == nil {
		sip = &ask.SIPStatus{}
	}
	switch name {
	case "sip.code":
		return strconv.Itoa(sip.Code), true
	case "sip.phrase":
		return sip.Phrase, true
	}
	return "", false
}

// walk finds a name, whole or by its dotted parts.
func walk(m map[string]any, name string) (string, bool) {
	if v, ok := m[name]; ok {
		return text(v), true
	}
	head, rest, ok := strings.Cut(name, ".")
	if !ok {
		return "", false
	}
	return within(m[head], rest)
}

// within goes on into an object, or by a number into a list.
func within(v any, name string) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		return walk(v, name)
	case []any:
		head, rest, further := strings.Cut(name, ".")
		n, err := strconv.Atoi(head)
		switch {
		case err != nil || n < 0 || n >= len(v):
		case further:
			return within(v[n], rest)
		default:
			return text(v[n]), true
		}
	}
	return "", false
}

// text is a value as it is put into a string.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	}
	return string(mustJSON(v))
}

// Tag sets tags of the call, all of them or with an error none; an empty value removes one. It gives all that the call has.
func (r *Run) Tag(tags map[string]string) (map[string]string, error) {
	if r.call == nil {
		return nil, nil
	}
	all := maps.Clone(r.call.Notes.read().Tags)
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range tags { // any order: the outcome is the same
		if all[k] = clipTag(v); v == "" {
			delete(all, k)
		}
	}
	if len(all) > MaxTags {
		return nil, fmt.Errorf("tags not set: %d with these, %d are the most", len(all), MaxTags)
	}
	r.call.Notes.write().Tags = all
	return maps.Clone(all), nil
}

// clipTag keeps what a variable brought in to the length that a document may write.
func clipTag(v string) string {
	if len(v) > MaxTagBytes {
		v = strings.ToValidUTF8(v[:MaxTagBytes], "")
	}
	return v
}
