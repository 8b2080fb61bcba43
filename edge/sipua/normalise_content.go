package sipua

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
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
			if tag = strings.TrimSpace(tag); !optionTags[strings.ToLower(tag)] && isToken([]byte(tag)) {
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
	if media != "application/sdp" && !strings.HasPrefix(media, "multipart/") {
		return 415, ""
	}
	return 0, ""
}

// sdpOf gives the session description in a message's body, alone or as a part (RFC 5621), nil if there is none.
func sdpOf(m sip.Message) []byte {
	body := m.Body()
	var value string
	switch m := m.(type) {
	case *sip.Request:
		if h := m.ContentType(); h != nil {
			value = h.Value()
		}
	case *sip.Response:
		if h := m.ContentType(); h != nil {
			value = h.Value()
		}
	}
	media, params, err := mime.ParseMediaType(value)
	switch {
	case len(body) == 0 || err != nil:
		return nil
	case media == "application/sdp":
		return body
	case strings.HasPrefix(media, "multipart/"):
		return sdpPart(body, params["boundary"])
	}
	return nil
}

func sdpPart(body []byte, boundary string) []byte {
	if boundary == "" {
		return nil
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range 8 { // nobody sends more
		part, err := parts.NextRawPart()
		if err != nil {
			return nil
		}
		media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || media != "application/sdp" {
			continue
		}
		sdp, err := io.ReadAll(part)
		if err != nil {
			return nil
		}
		return sdp
	}
	return nil
}
