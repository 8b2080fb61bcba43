package refer

import (
	"mime"
	"strconv"
	"strings"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// ContentType of a status line in a NOTIFY's body (RFC 3515 2.4.5).
const ContentType = "message/sipfrag;version=2.0"

// Status is how far a referred call has come.
type Status struct {
	Code   int
	Phrase string
}

// Fragment writes the body of a NOTIFY. A phrase that cannot stand in a line is left out.
func (s Status) Fragment() []byte {
	phrase := s.Phrase
	if !guard.Clean(phrase) {
		phrase = ""
	}
	return []byte("SIP/2.0 " + strconv.Itoa(s.Code) + " " + phrase + "\r\n")
}

// ParseFragment reads the body of a NOTIFY about a referred call: a SIP status line (RFC 3515 2.4.5), and perhaps headers
// that say nothing to us (RFC 3420 2.1).
func ParseFragment(contentType string, body []byte) (Status, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if version, ok := params["version"]; err != nil || media != "message/sipfrag" || ok && version != "2.0" || len(body) > longest {
		return Status{}, ErrFragment
	}
	line, _, _ := strings.Cut(string(body), "\n")
	line = strings.TrimSuffix(line, "\r")
	rest, ok := strings.CutPrefix(line, "SIP/2.0 ")
	digits, phrase, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(digits)
	if !ok || err != nil || len(digits) != 3 || code < 100 || code > 699 || !guard.Clean(phrase) {
		return Status{}, ErrFragment
	}
	for len(phrase) > 128 {
		phrase = strings.ToValidUTF8(phrase[:128], "")
	}
	return Status{code, phrase}, nil
}
