// Package refer reads and writes what a transfer is made of: Refer-To (RFC 3515), Replaces (RFC 3891) and the status line
// in the body of a NOTIFY (message/sipfrag, RFC 3420). It sends nothing and knows no dialogs.
package refer

import (
	"errors"
	"net/url"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// longest is the most of one value that is looked at, in bytes.
const longest = 1024

// Errors of what cannot be read.
var (
	ErrTarget   = errors.New("Refer-To cannot be used")
	ErrReplaces = errors.New("Replaces cannot be used")
	ErrFragment = errors.New("not a SIP status line")
)

// Target is whom a REFER names.
type Target struct {
	URI      sip.Uri // without headers
	Replaces *Replaces
}

// ParseTarget reads a Refer-To value: name-addr or addr-spec, one of them, a sip: or tel: URI. Of the headers in the URI
// Replaces is taken; the rest would become headers of what we send (RFC 3261 19.1.5) and is dropped.
func ParseTarget(value string) (Target, error) {
	uri, err := address(value)
	if err != nil {
		return Target{}, err
	}
	uri, headers, _ := strings.Cut(uri, "?")
	var t Target
	if sip.ParseUri(uri, &t.URI) != nil || !known(&t.URI) {
		return Target{}, ErrTarget
	}
	for field := range strings.SplitSeq(headers, "&") {
		name, escaped, _ := strings.Cut(field, "=")
		if !strings.EqualFold(name, "Replaces") {
			if strings.EqualFold(name, "method") && !strings.EqualFold(escaped, "INVITE") {
				return Target{}, ErrTarget
			}
			continue
		}
		text, err := url.PathUnescape(escaped)
		if err != nil || t.Replaces != nil {
			return Target{}, ErrReplaces
		}
		r, err := ParseReplaces(text)
		if err != nil {
			return Target{}, err
		}
		t.Replaces = &r
	}
	return t, nil
}

// known: a URI that a call can go to; not another method's (RFC 3515 2.1).
func known(uri *sip.Uri) bool {
	if uri.Scheme == "tel" {
		return true
	}
	method, has := uri.UriParams.Get("method")
	return uri.Scheme == "sip" && uri.Host != "" && !uri.Wildcard && (!has || strings.EqualFold(method, "INVITE"))
}

// address takes the URI out of name-addr or addr-spec.
func address(value string) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > longest || !guard.Clean(value) {
		return "", ErrTarget
	}
	rest, err := afterName(value)
	if err != nil {
		return "", err
	}
	if inner, ok := strings.CutPrefix(rest, "<"); ok {
		uri, params, ok := strings.Cut(inner, ">")
		params = strings.TrimSpace(params)
		if !ok || params != "" && params[0] != ';' || strings.Contains(params, ",") || strings.ContainsAny(uri, " \t<\"") {
			return "", ErrTarget
		}
		return uri, nil
	}
	// Without brackets all after ; belongs to the header, and there is no room for ? and , (RFC 3261 20.10).
	uri, _, _ := strings.Cut(rest, ";")
	if strings.ContainsAny(uri, " \t<>\",?") {
		return "", ErrTarget
	}
	return uri, nil
}

// afterName skips a display name.
func afterName(value string) (string, error) {
	if value[0] != '"' {
		at := strings.IndexByte(value, '<')
		if at < 0 {
			return value, nil
		}
		if strings.ContainsAny(value[:at], `",;:@`) {
			return "", ErrTarget
		}
		return value[at:], nil
	}
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			rest := strings.TrimSpace(value[i+1:])
			if !strings.HasPrefix(rest, "<") {
				return "", ErrTarget
			}
			return rest, nil
		}
	}
	return "", ErrTarget
}
