package guard

import (
	"bytes"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Answer makes the response to a request that can't be parsed: the headers that an answer repeats are copied as they
// came (RFC 3261 8.2.6), To gets toTag if it has none. nil: it can't be answered, or is an ACK.
func Answer(data []byte, status int, phrase, toTag string) []byte {
	line, rest, found := cutLine(data)
	if !found || bytes.HasPrefix(line, []byte("ACK ")) || foldPrefix(line, "sip/") {
		return nil
	}
	out := append(make([]byte, 0, 512), "SIP/2.0 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(append(append(out, ' '), phrase...), crlf...)
	vias := 0
	for {
		field, next, found := cutField(rest)
		if !found || len(field) == 0 || len(out) > maxHeaderBytes {
			break
		}
		rest = next
		var copied rawHeader
		if out, copied = copyNeeded(out, field, toTag); copied == rawVia {
			vias++
		}
	}
	if vias == 0 {
		return nil
	}
	return append(out, "Content-Length: 0\r\n\r\n"...)
}

func copyNeeded(out, field []byte, toTag string) ([]byte, rawHeader) {
	colon := bytes.IndexByte(field, ':')
	if colon <= 0 {
		return out, rawOther
	}
	name, value := trimLWS(field[:colon]), field[colon+1:]
	kind := rawKind(name)
	if bare, _ := controls(value); bare || !kind.needed() {
		return out, rawOther
	}
	if long := longName(name); long != "" {
		name = []byte(long)
	}
	value = unfold(trimLWS(value))
	if kind == rawTo && !bytes.Contains(bytes.ToLower(value), []byte("tag")) {
		value = append(append([]byte{}, value...), ";tag="+toTag...)
	}
	return appendLine(out, name, value), kind
}

// Rejection is the response to a request that Normalise refuses, with the headers its status asks for.
func Rejection(req *sip.Request, status int, phrase string) *sip.Response {
	res := sip.NewResponseFromRequest(req, status, phrase, nil)
	switch status {
	case sip.StatusUnsupportedMediaType: // RFC 3261 8.2.3
		res.AppendHeader(sip.NewHeader("Accept", "application/sdp"))
		res.AppendHeader(sip.NewHeader("Accept-Encoding", "identity"))
	case sip.StatusBadExtension: // RFC 3261 8.2.2.3
		res.AppendHeader(sip.NewHeader("Unsupported", unsupported(req)))
	}
	return res
}
