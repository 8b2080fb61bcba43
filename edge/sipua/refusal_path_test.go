package sipua

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/load"
	"github.com/offhook/offhook/edge/sipua/guard"
)

// aimedLink remembers where it sent to.
type aimedLink struct {
	sinkLink
	to []netip.AddrPort
}

func (l *aimedLink) send(b []byte, to netip.AddrPort) error {
	l.to = append(l.to, to)
	return l.sinkLink.send(b, to)
}

// refusedFrom gives the refusal of an INVITE, unparsed or of one that was parsed, and where it went.
func refusedFrom(t *testing.T, invite, from string, parsed bool) (sip.Message, netip.AddrPort) {
	t.Helper()
	b, l := newBench(t), &aimedLink{}
	b.w.u.draining.Store(busyRetry)
	if !parsed {
		b.w.u.load = func() load.Level { return load.Full }
	}
	b.link, b.from = &l.sinkLink, path{l, netip.MustParseAddrPort(from)}
	b.offer(invite)
	m, err := sip.ParseMessage(guard.Canonical(l.last))
	if err != nil || len(l.to) != 1 || !strings.HasPrefix(string(l.last), "SIP/2.0 503 ") {
		t.Fatalf("%v: %q to %v", err, l.last, l.to)
	}
	return m, l.to[0]
}

// A refusal before parsing goes where one after it goes, with the same fields.
func TestARefusalUnparsedIsAsOneThatWasParsed(t *testing.T) {
	plain := benchRequest("INVITE", "new", "", 1, offer)
	asked := strings.Replace(plain, ";rport", "", 1)
	below := func(via string) string {
		return strings.Replace(asked, "\r\nMax-Forwards", "\r\n"+via+"\r\nMax-Forwards", 1)
	}
	const phone = "Via: SIP/2.0/UDP 203.0.113.4:1024;branch=z9hG4bKp;rport=1024"
	for name, tt := range map[string]struct{ from, invite string }{
		"rport":                     {"198.51.100.7:40000", plain},
		"rport of another host":     {"203.0.113.9:40000", plain},
		"received of others":        {"203.0.113.9:40000", strings.Replace(plain, ";rport", ";received=192.0.2.9;rport=1;x=y", 1)},
		"from where Via says":       {"198.51.100.7:5062", asked},
		"another port":              {"198.51.100.7:40000", asked},
		"another host":              {"203.0.113.9:5062", asked},
		"a port that begins so":     {"198.51.100.7:506", asked},
		"a port that Contact names": {"198.51.100.7:40000", strings.Replace(asked, "Contact: <sip:anna@198.51.100.7:5062>", "Contact: <sip:anna@198.51.100.7:40000>", 1)},
		"rport below":               {"198.51.100.7:40000", below(phone)},
		"rport below, in one line":  {"198.51.100.7:40000", strings.Replace(asked, "-INVITE\r\n", "-INVITE, SIP/2.0/UDP 203.0.113.4:1024;branch=z9hG4bKp;rport\r\n", 1)},
		"rport below, folded":       {"198.51.100.7:40000", strings.Replace(asked, "-INVITE\r\n", "-INVITE,\r\n SIP/2.0/UDP 203.0.113.4:1024;branch=z9hG4bKp;rport\r\n", 1)},
		"rport above":               {"198.51.100.7:40000", strings.Replace(plain, "\r\nMax-Forwards", "\r\n"+phone+"\r\nMax-Forwards", 1)},
		"rport folded":              {"198.51.100.7:40000", strings.Replace(plain, ";rport", "\r\n ;rport", 1)},
		"rport in capitals":         {"198.51.100.7:40000", strings.Replace(plain, ";rport", ";RPORT", 1)},
		"no port":                   {"198.51.100.7:5060", strings.Replace(asked, "UDP 198.51.100.7:5062", "UDP 198.51.100.7", 1)},
		"no port, from another":     {"198.51.100.7:5062", strings.Replace(asked, "UDP 198.51.100.7:5062", "UDP 198.51.100.7", 1)},
		"IPv6":                      {"[2001:db8::7]:5062", strings.ReplaceAll(asked, "198.51.100.7:5062", "[2001:db8::7]:5062")},
		"IPv6, another port":        {"[2001:db8::7]:40000", strings.ReplaceAll(asked, "198.51.100.7:5062", "[2001:db8::7]:5062")},
		"IPv6, rport":               {"[2001:db8::7]:40000", strings.ReplaceAll(plain, "198.51.100.7:5062", "[2001:db8::7]:5062")},
		"short names":               {"198.51.100.7:5062", strings.NewReplacer("\r\nVia:", "\r\nv:", "\r\nFrom:", "\r\nf:", "\r\nTo:", "\r\nt:", "\r\nCall-ID:", "\r\ni:").Replace(plain)},
		"space before colons":       {"198.51.100.7:5062", strings.NewReplacer("\r\nVia:", "\r\nVia :", "\r\nTo:", "\r\nTo\t:").Replace(plain)},
		"To of a stage":             {"198.51.100.7:5062", strings.Replace(plain, "To: <sip:100@", "To: \"Stage; tag=x\" <sip:stage;tag=1@", 1)},
		"To without brackets":       {"198.51.100.7:5062", strings.Replace(plain, "To: <sip:100@192.0.2.1>", "To: sip:vintage@192.0.2.1", 1)},
		"To with a parameter":       {"198.51.100.7:5062", strings.Replace(plain, "To: <sip:100@192.0.2.1>", "To: <sip:100@192.0.2.1>;stage=tag", 1)},
		"To folded":                 {"198.51.100.7:5062", strings.Replace(plain, "To: <sip:100@192.0.2.1>", "To: <sip:100@192.0.2.1>\r\n ;x=1", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			want, wantTo := refusedFrom(t, tt.invite, tt.from, true)
			got, to := refusedFrom(t, tt.invite, tt.from, false)
			if to != wantTo {
				t.Errorf("went to %s, not %s", to, wantTo)
			}
			if got, want := hops(got), hops(want); !slices.Equal(got, want) {
				t.Errorf("Via %q, want %q", got, want)
			}
			if got.From().Value() != want.From().Value() || got.CallID().Value() != want.CallID().Value() || got.CSeq().Value() != want.CSeq().Value() {
				t.Errorf("%s\nwant\n%s", got, want)
			}
			if got.To().Address.String() != want.To().Address.String() || tagOf(got.To().Params) == "" || len(got.To().Params) != len(want.To().Params) {
				t.Errorf("%s, want %s", got.To(), want.To())
			}
		})
	}
}

func hops(m sip.Message) (all []string) {
	for _, h := range m.GetHeaders("Via") {
		v := h.(*sip.ViaHeader)
		slices.SortFunc(v.Params, func(a, b sip.HeaderKV) int { return strings.Compare(strings.ToLower(a.K), strings.ToLower(b.K)) })
		all = append(all, strings.ToLower(v.Value()))
	}
	return all
}
