package guard

import (
	"mime"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// optionTags we understand in Require.
var optionTags = map[string]bool{"timer": true, "path": true, "outbound": true, "replaces": true, "norefersub": true}

// unsupported lists the option tags of Require that we don't know (RFC 3261 8.2.2.3), "" if none.
func unsupported(req *sip.Request) string {
	var tags []string
	for _, h := range req.GetHeaders("Require") {
		for tag := range strings.SplitSeq(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); !optionTags[strings.ToLower(tag)] && IsToken(tag) {
				tags = append(tags, tag)
			}
		}
	}
	return strings.Join(tags, ", ")
}

// checkContent refuses bodies that an offer or answer can't be read from (RFC 3261 8.2.3).
func checkContent(req *sip.Request) (int, string) {
	if len(req.Body()) == 0 || req.Method != sip.INVITE && req.Method != sip.UPDATE && req.Method != sip.PRACK {
		return 0, ""
	}
	if h := req.GetHeader("Content-Encoding"); h != nil && !strings.EqualFold(strings.TrimSpace(h.Value()), "identity") {
		return 415, ""
	}
	kind := req.ContentType()
	if kind == nil {
		return 400, "No Content-Type"
	}
	media, _, err := mime.ParseMediaType(kind.Value())
	if err != nil {
		return 400, "Bad Content-Type"
	}
	if media != "application/sdp" && !strings.HasPrefix(media, "multipart/") && !optional(req) {
		return 415, ""
	}
	return 0, ""
}

// optional: the body may be passed over by who does not understand it (RFC 3261 20.11).
func optional(req *sip.Request) bool {
	h := req.GetHeader("Content-Disposition")
	if h == nil {
		return false
	}
	_, params, err := mime.ParseMediaType(h.Value())
	return err == nil && strings.EqualFold(params["handling"], "optional")
}
