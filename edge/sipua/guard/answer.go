package guard

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// Answer appends to out the response to a request that can't be parsed: the headers that an answer repeats are copied as they
// came (RFC 3261 8.2.6), the topmost Via says where from, To gets toTag if it has none. nil: it can't be answered, or is an ACK.
func Answer[T ~string | ~[]byte](out, data []byte, from netip.AddrPort, status int, phrase string, toTag T) []byte {
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
		if out, copied, untagged = copyNeeded(out, field, from); copied == rawVia {
			vias++
			from = netip.AddrPort{}
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

// copyNeeded tells what it copied, and whether that is a To without a tag. from, if valid, is for its Via.
func copyNeeded(out, field []byte, from netip.AddrPort) ([]byte, rawHeader, bool) {
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
	if kind == rawVia && from.IsValid() {
		return appendTop(append(append(out, name...), ": "...), value, from), kind, false
	}
	return appendLine(out, name, value), kind, kind == rawTo && !hasTag(value)
}

// appendTop notes in the topmost Via where the request came from (RFC 3261 18.2.1, RFC 3581 4).
func appendTop(out, value []byte, from netip.AddrPort) []byte {
	top, below := cutList(rawVia, value)
	sentBy, params, _ := cut(top, ';')
	out = append(out, trimLWS(sentBy)...)
	noted := !sentFrom(sentBy, from.Addr())
	for len(params) > 0 {
		var one []byte
		switch one, params, _ = cut(params, ';'); {
		case paramIs(one, "received"):
		case paramIs(one, "rport"):
			noted = true
			out = strconv.AppendUint(append(out, ";rport="...), uint64(from.Port()), 10)
		default:
			out = append(append(out, ';'), one...)
		}
	}
	if noted {
		out = from.Addr().AppendTo(append(out, ";received="...))
	}
	if below != nil {
		out = append(append(out, ", "...), below...)
	}
	return append(out, crlf...)
}

// sentFrom: the host of a Via is that address.
func sentFrom(sentBy []byte, from netip.Addr) bool {
	host := trimLWS(sentBy)
	host = host[bytes.LastIndexAny(host, " \t")+1:]
	if colon := bytes.LastIndexByte(host, ':'); colon > bytes.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	var at [64]byte
	return bytes.Equal(bytes.Trim(host, "[]"), from.AppendTo(at[:0]))
}

// hasTag looks among an address's parameters: names and users may have a tag in them too.
func hasTag(value []byte) bool {
	_, params, _ := cut(value, ';')
	for len(params) > 0 {
		var one []byte
		if one, params, _ = cut(params, ';'); paramIs(one, "tag") {
			return true
		}
	}
	return false
}

func paramIs(param []byte, lower string) bool {
	name, _, _ := bytes.Cut(param, []byte{'='})
	return foldEqual(trimLWS(name), lower)
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
