package sipua

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"github.com/emiago/sipgo/sip"
)

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
