package sipua

import (
	"cmp"
	"strings"
)

// caller is the From value of an INVITE without its tag: nobody, when the caller is withheld (RFC 3323 4.1.1.3).
func (r *InviteRequest) caller(host string) string {
	if r.Anonymous {
		return `"Anonymous" <sip:anonymous@anonymous.invalid>`
	}
	return named(r.FromName, r.FromUser, cmp.Or(r.FromHost, host))
}

// privacy asks that a withheld caller stay so. Only a gateway, which we trust to keep it, is told who it is (RFC 3325 5, 7).
func (r *InviteRequest) privacy() []Header {
	if !r.Anonymous {
		return nil
	}
	h := []Header{{"Privacy", "id"}}
	if r.Gateway != "" && r.FromUser != "" && r.FromUser != "anonymous" {
		_, host, _ := strings.Cut(r.URI, "@")
		host, _, _ = strings.Cut(host, ";")
		h = append(h, Header{"P-Asserted-Identity", named(r.FromName, r.FromUser, cmp.Or(r.FromHost, host))})
	}
	return h
}
