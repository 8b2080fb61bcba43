package refer

import (
	"net/url"
	"strings"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// Replaces names a dialog from the side of who is to replace it: To is the tag of the one who gets it, From the other's.
type Replaces struct {
	CallID, To, From string
	Early            bool // only while it is not answered
}

// ParseReplaces reads a Replaces value: callid *(SEMI to-tag / from-tag / early-only / generic-param), RFC 3891 6.1. The
// tags must both be there, once.
func ParseReplaces(value string) (Replaces, error) {
	if len(value) > longest || !guard.Clean(value) || strings.Contains(value, ",") {
		return Replaces{}, ErrReplaces
	}
	id, params, _ := strings.Cut(value, ";")
	r := Replaces{CallID: strings.TrimSpace(id)}
	if r.CallID == "" || strings.ContainsAny(r.CallID, " \t") {
		return Replaces{}, ErrReplaces
	}
	for p := range strings.SplitSeq(params, ";") {
		name, v, _ := strings.Cut(p, "=")
		name, v = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(v)
		good := true
		switch name {
		case "to-tag":
			good, r.To = r.To == "" && guard.IsToken(v), v
		case "from-tag":
			good, r.From = r.From == "" && guard.IsToken(v), v
		case "early-only":
			r.Early = true
		}
		if !good {
			return Replaces{}, ErrReplaces
		}
	}
	if r.To == "" || r.From == "" {
		return Replaces{}, ErrReplaces
	}
	return r, nil
}

// String is the value of a Replaces header.
func (r Replaces) String() string {
	s := r.CallID + ";to-tag=" + r.To + ";from-tag=" + r.From
	if r.Early {
		s += ";early-only"
	}
	return s
}

// Escaped is the value as it stands in the headers of a URI (RFC 3261 19.1.1).
func (r Replaces) Escaped() string {
	return strings.ReplaceAll(url.QueryEscape(r.String()), "+", "%20")
}
