package guard

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// methods we know; another one gets 501, a known one that we don't serve gets 405 from the one who serves.
var methods = map[sip.RequestMethod]bool{
	sip.INVITE: true, sip.ACK: true, sip.CANCEL: true, sip.BYE: true, sip.REGISTER: true, sip.OPTIONS: true,
	sip.SUBSCRIBE: true, sip.NOTIFY: true, sip.REFER: true, sip.INFO: true, sip.MESSAGE: true, sip.PRACK: true,
	sip.UPDATE: true, sip.PUBLISH: true,
}

// Normalise checks a parsed message and mends in place what the parser leaves: parameter names in lower case without
// white space around them, no escaped headers in the Request-URI. status 0: fine. Otherwise a request is refused with it
// (see [Rejection]) and a response dropped.
func Normalise(m sip.Message) (status int, reason string) {
	if reason := checkMandatory(m); reason != "" {
		return 400, reason
	}
	switch m := m.(type) {
	case *sip.Request:
		return normaliseRequest(m)
	case *sip.Response:
		return normaliseResponse(m)
	}
	return 400, ""
}

func normaliseResponse(res *sip.Response) (int, string) {
	vias := 0
	for _, h := range res.Headers() {
		if _, ok := h.(*sip.ViaHeader); ok {
			vias++
		}
	}
	if vias > 1 { // it was meant for somebody behind us (RFC 3261 8.1.3.3)
		return 400, "More Than One Via"
	}
	return 0, ""
}

func normaliseRequest(req *sip.Request) (int, string) {
	if !methods[req.Method] {
		return 501, ""
	}
	if req.CSeq().MethodName != req.Method {
		return 400, "CSeq Method Mismatch"
	}
	if status, reason := checkTarget(&req.Recipient); status != 0 {
		return status, reason
	}
	if branch, ok := req.Via().Params.Get("branch"); ok && branch == sip.RFC3261BranchMagicCookie {
		return 400, "Empty Branch"
	}
	if unsupported(req) != "" && req.Method != sip.ACK && req.Method != sip.CANCEL {
		return 420, ""
	}
	return checkContent(req)
}

// checkTarget mends and checks a Request-URI.
func checkTarget(uri *sip.Uri) (int, string) {
	uri.Headers = nil // they would become headers of what we send (RFC 3261 19.1.5)
	switch uri.Scheme {
	case "tel":
		return 0, ""
	case "sip", "sips":
	default:
		return 416, ""
	}
	mendURI(uri)
	if !IsHost(uri.Host) || uri.Port < 0 || uri.Port > 65535 {
		return 400, "Bad Request-URI"
	}
	return 0, ""
}

// checkMandatory checks and mends what every message must have; it gives what is wrong, or "".
func checkMandatory(m sip.Message) string {
	via, from, to, callID, seq := m.Via(), m.From(), m.To(), m.CallID(), m.CSeq()
	switch {
	case via == nil:
		return "No Via"
	case from == nil:
		return "No From"
	case to == nil:
		return "No To"
	case callID == nil || len(*callID) > 512:
		return "Bad Call-ID"
	case seq == nil:
		return "No CSeq"
	}
	seq.MethodName = sip.RequestMethod(strings.TrimSpace(string(seq.MethodName)))
	if duplicates(m) {
		return "Duplicate Header"
	}
	mendAddress(&from.Address, &from.Params)
	mendAddress(&to.Address, &to.Params)
	return checkVias(m)
}

// duplicates finds a second From, To, Call-ID or CSeq.
func duplicates(m sip.Message) bool {
	var from, to, callID, seq int
	for _, h := range allHeaders(m) {
		switch h.(type) {
		case *sip.FromHeader:
			from++
		case *sip.ToHeader:
			to++
		case *sip.CallIDHeader:
			callID++
		case *sip.CSeqHeader:
			seq++
		}
	}
	return from > 1 || to > 1 || callID > 1 || seq > 1
}

func allHeaders(m sip.Message) []sip.Header {
	switch m := m.(type) {
	case *sip.Request:
		return m.Headers()
	case *sip.Response:
		return m.Headers()
	}
	return nil
}

func checkVias(m sip.Message) string {
	for _, h := range allHeaders(m) {
		switch h := h.(type) {
		case *sip.ViaHeader:
			mendParams(&h.Params)
			if !goodVia(h) {
				return "Bad Via"
			}
		case *sip.ContactHeader:
			mendAddress(&h.Address, &h.Params)
		case *sip.RouteHeader:
			mendURI(&h.Address)
		case *sip.RecordRouteHeader:
			mendURI(&h.Address)
		}
	}
	return ""
}

func goodVia(v *sip.ViaHeader) bool {
	if !strings.EqualFold(v.ProtocolName, "SIP") || v.ProtocolVersion != "2.0" || !IsToken(v.Transport) {
		return false
	}
	for _, p := range v.Params {
		if strings.ContainsAny(p.K, "\";,") {
			return false
		}
	}
	return IsHost(v.Host) && v.Port >= 0 && v.Port <= 65535
}

// IsHost tells whether that is a host name, IPv4 address or IPv6 reference (RFC 3261 25.1), with or without the brackets.
func IsHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		_, err := netip.ParseAddr(inner)
		return ok && err == nil
	}
	if strings.IndexByte(host, ':') >= 0 {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	for _, c := range []byte(host) {
		alnum := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !alnum && c != '-' && c != '.' && c != '_' { // "_" stands in host names of containers
			return false
		}
	}
	return host != "" && len(host) <= 255
}

func mendAddress(uri *sip.Uri, params *sip.HeaderParams) {
	mendURI(uri)
	mendParams(params)
}

func mendURI(uri *sip.Uri) {
	uri.Host = strings.TrimSpace(uri.Host)
	for i := range uri.UriParams { // the parser leaves "?headers" with a last parameter without value
		p := &uri.UriParams[i]
		p.K, _, _ = strings.Cut(p.K, "?")
		p.V, _, _ = strings.Cut(p.V, "?")
	}
	mendParams(&uri.UriParams)
}

// mendParams trims and lowers names (RFC 3261 7.3.1: without case) and drops empty ones.
func mendParams(params *sip.HeaderParams) {
	odd := false
	for _, p := range *params {
		odd = odd || p.K == "" || hasUpperOrSpace(p.K) || p.V != strings.TrimSpace(p.V)
	}
	if !odd {
		return
	}
	mended := make(sip.HeaderParams, 0, len(*params))
	for _, p := range *params {
		if k := strings.ToLower(strings.TrimSpace(p.K)); k != "" && !mended.Has(k) {
			mended = append(mended, sip.HeaderKV{K: k, V: strings.TrimSpace(p.V)})
		}
	}
	*params = mended
}

func hasUpperOrSpace(s string) bool {
	for _, c := range []byte(s) {
		if c >= 'A' && c <= 'Z' || isLWS(c) {
			return true
		}
	}
	return false
}
