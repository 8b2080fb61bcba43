package guard

import (
	"bytes"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Answer appends to out the response to a request that can't be parsed: the headers that an answer repeats are copied as they
// came (RFC 3261 8.2.6), To gets toTag if it has none. nil: it can't be answered, or is an ACK.
func Answer[T ~string | ~[]byte](out, data []byte, status int, phrase string, toTag T) []byte {
	line, rest, found := cutLine(data)
	if !found || bytes.HasPrefix(line, []byte("ACK ")) || foldPrefix(line, "sip/") {
		return nil
	}
	out = strconv.AppendInt(append(out, "SIP/2.0 "...), int64(status), 10)
	out = append(append(append(out, ' '), phrase...), crlf...)
	vias := 0
	for {
		field, next, found := cutField(rest)
		if !found || len(field) == 0 || len(out) > maxHeaderBytes {
			break
		}
		rest = next
		var untagged bool
		var copied rawHeader
		if out, copied, untagged = copyNeeded(out, field); copied == rawVia {
			vias++
		}
		if untagged {
			out = append(append(append(out[:len(out)-len(crlf)], ";tag="...), toTag...), crlf...)
		}
	}
	if vias == 0 {
		return nil
	}
	return append(out, "Content-Length: 0\r\n\r\n"...)
}

// copyNeeded tells what it copied, and whether that is a To without a tag.
func copyNeeded(out, field []byte) ([]byte, rawHeader, bool) {
	colon := bytes.IndexByte(field, ':')
	if colon <= 0 {
		return out, rawOther, false
	}
	name, value := trimLWS(field[:colon]), field[colon+1:]
	kind := rawKind(name)
	if !kind.needed() {
		return out, rawOther, false
	}
	if bare, _ := controls(value); bare {
		return out, rawOther, false
	}
	if long := longName(name); long != "" {
		name = []byte(long)
	}
	value = unfold(trimLWS(value))
	return appendLine(out, name, value), kind, kind == rawTo && !hasTag(value)
}

// hasTag looks among an address's parameters: names and users may have a tag in them too.
func hasTag(value []byte) bool {
	var s scanner
	for i, c := range value {
		if s.inside(c) || c != ';' {
			continue
		}
		if name, _, _ := bytes.Cut(value[i+1:], []byte{'='}); foldEqual(trimLWS(name), "tag") {
			return true
		}
	}
	return false
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
