package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Link is how sound gets to the writer of a section, beside its address: with which keys, by which checks, on which ports.
type Link struct {
	Crypto []Crypto
	Prints []Fingerprint
	Setup  Setup
	ICE    ICE
	Mux    bool   // a=rtcp-mux: RTCP beside RTP, on one port (RFC 5761)
	RTCP   int    // a=rtcp: the port of RTCP where it is not the next one (RFC 3605); 0: not said
	Mid    string // a=mid (RFC 5888)
	bundle bool   // of Local: the section is in a group BUNDLE of its own
}

// ICE is what a side says for connectivity checks (RFC 8839). The candidates of the other side are not kept: a lite agent
// checks nothing, it is checked.
type ICE struct {
	Ufrag, Pwd string
	Lite       bool
}

// Used says that the section has what checks need.
func (i ICE) Used() bool { return i.Ufrag != "" && i.Pwd != "" }

// Protection is one way to keep the sound of a section from others.
type Protection uint8

// Protections.
const (
	Plain Protection = iota // none
	SDES                    // SRTP with the keys of a=crypto
	DTLS                    // SRTP with keys that DTLS agrees on
)

// Proto of a section that we offer so.
func (p Protection) Proto(feedback bool) string {
	proto := [...]string{"RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP"}[p]
	if feedback {
		proto += "F"
	}
	return proto
}

// Allows says whether the section can be taken with this protection. Keys beside RTP/AVP are an offer to encrypt if the
// other side can (RFC 8643).
func (m *Media) Allows(p Protection) bool {
	if m.Kind != "audio" {
		return false
	}
	switch proto := strings.TrimSuffix(m.Proto, "F"); proto {
	case "RTP/AVP":
		return p == Plain || m.keyed(p)
	case "RTP/SAVP":
		return p != Plain && m.keyed(p)
	case "UDP/TLS/RTP/SAVP":
		return p == DTLS && m.keyed(p)
	}
	return false
}

func (m *Media) keyed(p Protection) bool {
	if p == SDES {
		return len(m.Link.Crypto) > 0
	}
	return len(m.Link.Prints) > 0
}

// rtp says that the section is sound over RTP, encrypted or not, whether we can take it or not.
func (m *Media) rtp() bool {
	switch strings.TrimSuffix(m.Proto, "F") {
	case "RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP":
		return m.Kind == "audio"
	}
	return false
}

// attribute takes one line; what is out of bounds is as good as not there.
func (l *Link) attribute(key, value string) {
	switch key {
	case "crypto":
		if c, ok := crypto(value); ok && len(l.Crypto) < maxKeys {
			l.Crypto = append(l.Crypto, c)
		}
	case "fingerprint":
		if f, ok := fingerprint(value); ok && len(l.Prints) < maxKeys {
			l.Prints = append(l.Prints, f)
		}
	case "setup":
		l.Setup = setup(value)
	case "ice-ufrag":
		l.ICE.Ufrag = iceToken(value, 4)
	case "ice-pwd":
		l.ICE.Pwd = iceToken(value, 22)
	case "ice-lite":
		l.ICE.Lite = true
	case "rtcp-mux":
		l.Mux = true
	case "rtcp":
		port, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		l.RTCP = number(port, 65535)
	case "mid":
		l.Mid = token(value)
	}
}

// iceToken is 4 (22 of a password) to 256 of letters, digits, + and / (RFC 8839 section 5.4). Some write - and =, too.
func iceToken(value string, least int) string {
	value = strings.TrimSpace(value)
	if len(value) < least || len(value) > maxToken {
		return ""
	}
	return token(value)
}

// token is a word that can be written into a description of ours (RFC 8866 section 9).
func token(value string) string {
	value = strings.TrimSpace(value)
	if len(value) > maxToken || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return value
}

// inherit takes what the session level says for all sections.
func (l *Link) inherit(session *Link) {
	if len(l.Prints) == 0 {
		l.Prints = session.Prints
	}
	if l.Setup == "" {
		l.Setup = session.Setup
	}
	if l.ICE.Ufrag == "" && l.ICE.Pwd == "" {
		l.ICE = session.ICE
	}
	l.ICE.Lite = session.ICE.Lite
}

// group reads "BUNDLE 0 1"; other groups say nothing to us.
func group(value string) []string {
	f := strings.Fields(value)
	if len(f) < 2 || f[0] != "BUNDLE" || len(f) > maxMedia {
		return nil
	}
	return f[1:]
}

// join says how our section answers theirs: in their group if it was in one (RFC 9143 section 7.3).
func (l *Link) join(offer *Session) { l.bundle = l.Mid != "" && slices.Contains(offer.Bundle, l.Mid) }

// session writes what stands before all sections.
func (l *Link) session(b *strings.Builder) {
	if l.bundle {
		write(b, "a=group:BUNDLE ", l.Mid, "\r\n")
	}
	if l.ICE.Used() && l.ICE.Lite {
		write(b, "a=ice-lite\r\n")
	}
}

// section writes what stands in ours.
func (l *Link) section(b *strings.Builder, addr netip.Addr, port int) {
	if l.Mid != "" {
		write(b, "a=mid:", l.Mid, "\r\n")
	}
	if l.Mux {
		write(b, "a=rtcp-mux\r\n")
	}
	for i := range l.Crypto {
		l.Crypto[i].write(b)
	}
	if l.Setup != "" {
		write(b, "a=setup:", string(l.Setup), "\r\n")
	}
	for i := range l.Prints {
		l.Prints[i].write(b)
	}
	if l.ICE.Used() {
		write(b, "a=ice-ufrag:", l.ICE.Ufrag, "\r\na=ice-pwd:", l.ICE.Pwd, "\r\n")
		l.candidates(b, addr, port)
	}
}

// candidates writes our one address: all that a lite agent has (RFC 8445 section 5.2, priorities by 5.1.2.1).
func (l *Link) candidates(b *strings.Builder, addr netip.Addr, port int) {
	components := 2
	if l.Mux {
		components = 1
	}
	for c := range components {
		write(b, "a=candidate:1 ", strconv.Itoa(c+1), " UDP ", strconv.Itoa(126<<24+65535<<8+255-c), " ", addr.String(), " ",
			strconv.Itoa(port+c), " typ host\r\n")
	}
	write(b, "a=end-of-candidates\r\n")
}
