package ask

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// AppendJSON appends what json.Marshal gives for an ask, without reflection: an edge makes three asks a call, and
// encoding them was a twelfth of its CPU. Errors are those of json.Marshal, of Vars, State and Event.
func (a *Ask) AppendJSON(b []byte) ([]byte, error) {
	b = appendText(append(b, `{"id":`...), a.ID)
	b = appendText(append(b, `,"reason":`...), a.Reason)
	b = a.Call.appendJSON(append(b, `,"call":`...))
	b, err := appendRaw(append(b, `,"event":`...), a.Event)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"result":`...)
	if a.Result == nil {
		b = append(b, "null"...)
	} else if b, err = appendAny(b, a.Result); err != nil {
		return nil, err
	}
	if b, err = appendVars(append(b, `,"vars":`...), a.Vars); err != nil {
		return nil, err
	}
	if b, err = appendRaw(append(b, `,"state":`...), a.State); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func (c *Call) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), c.ID)
	b = appendText(append(b, `,"tenant":`...), c.Tenant)
	b = appendText(append(b, `,"direction":`...), c.Direction)
	b = appendText(append(b, `,"status":`...), c.Status)
	b = appendText(append(b, `,"from":`...), c.From)
	b = appendText(append(b, `,"from_name":`...), c.FromName)
	b = appendText(append(b, `,"to":`...), c.To)
	b = appendText(append(b, `,"trunk":`...), c.Trunk)
	b = appendText(append(b, `,"user":`...), c.User)
	b = append(b, `,"referred_by":`...)
	if c.ReferredBy == nil {
		b = append(b, "null"...)
	} else {
		b = appendText(b, *c.ReferredBy)
	}
	b = appendTexts(append(b, `,"headers":`...), c.Headers)
	b = appendTexts(append(b, `,"params":`...), c.Params)
	b = appendTime(append(b, `,"created_at":`...), &c.CreatedAt)
	b = appendTime(append(b, `,"answered_at":`...), c.AnsweredAt)
	return append(b, '}')
}

// appendText takes the short way for what needs no escape.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string never fails
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendTexts(b []byte, m map[string]string) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, name := range sorted(m) {
		b = appendText(appendName(b, i, name), m[name])
	}
	return append(b, '}')
}

func appendVars(b []byte, m map[string]any) (_ []byte, err error) {
	if m == nil {
		return append(b, "null"...), nil
	}
	b = append(b, '{')
	for i, name := range sorted(m) {
		if b, err = appendAny(appendName(b, i, name), m[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func sorted[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func appendName(b []byte, i int, name string) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return append(appendText(b, name), ':')
}

func appendAny(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	}
	raw, err := json.Marshal(v)
	return append(b, raw...), err
}

func appendRaw(b []byte, raw json.RawMessage) ([]byte, error) {
	if raw == nil {
		return append(b, "null"...), nil
	}
	clean, err := json.Marshal(raw)
	return append(b, clean...), err
}

func appendTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}
