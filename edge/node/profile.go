package node

import (
	"net/netip"
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/config"
)

var encryptions = map[string]media.Encryption{"none": media.Plain, "sdes": media.SDES, "dtls": media.DTLS}

// encrypted names them in events; Auto was no agreement.
var encrypted = map[media.Encryption]string{media.Plain: "none", media.SDES: "sdes", media.DTLS: "dtls"}

// profileTo is for a place that is called: what is set for its gateway or user, and what browsers need.
func (s *session) profileTo(to call.Destination) media.Profile {
	t := s.configured()
	p := media.Profile{Browser: strings.Contains(to.URI, ";transport=ws"), Near: near(to.Via)} // RFC 7118 5
	if _, gateway, ok := strings.Cut(to.Gateway, "/"); ok {
		g := t.Gateways[gateway]
		p.Codecs, p.Encryption = g.Codecs, encryptions[g.Encryption]
		return p
	}
	u := t.Users[to.AOR]
	p.Codecs, p.Encryption = u.Codecs, encryptions[u.Encryption]
	return p
}

// tonesTo says whether the digits of who is called are looked for in the sound, tonesFrom whether those of who calls are.
func (s *session) tonesTo(to call.Destination) bool {
	t := s.configured()
	if _, gateway, ok := strings.Cut(to.Gateway, "/"); ok {
		return t.Gateways[gateway].Dtmf == byTones
	}
	return t.Users[to.AOR].Dtmf == byTones
}

func (s *session) tonesFrom(in sipua.Invite) bool {
	t := s.configured()
	if u, ok := t.Users[in.User]; ok {
		return u.Dtmf == byTones
	}
	return t.Trunks[in.Trunk].Dtmf == byTones
}

// profileFrom is for who calls: a user or a trunk.
func (s *session) profileFrom(in sipua.Invite) media.Profile {
	t := s.configured()
	if u, ok := t.Users[in.User]; ok {
		return media.Profile{Codecs: u.Codecs, Encryption: encryptions[u.Encryption], Near: in.Source.Addr().Unmap()}
	}
	trunk := t.Trunks[in.Trunk]
	return media.Profile{Codecs: trunk.Codecs, Encryption: encryptions[trunk.Encryption], Near: in.Source.Addr().Unmap()}
}

// near is the address in what a call is sent to, such as "udp:192.0.2.1:5060"; zero when there is none.
func near(via string) netip.Addr {
	_, at, _ := strings.Cut(via, ":")
	addr, _ := netip.ParseAddrPort(at) // zero otherwise
	return addr.Addr().Unmap()
}

// configured is the call's tenant; an empty one when the configuration has it no more.
func (s *session) configured() *config.Tenant {
	if t := s.node.dir.Load().tenants[s.tenant]; t != nil {
		return t
	}
	return &config.Tenant{}
}

// others are the codecs of who talks with this leg's party: of one that is up, or of the caller who waits, else of the first
// that sends early media.
func (l *leg) others() (early []string) {
	for _, o := range l.s.legs {
		if o == l || o.lost || o.guest {
			continue
		}
		names := o.codecs()
		if names != nil && (o.up || o.offer != nil) {
			return names
		}
		if early == nil {
			early = names
		}
	}
	return early
}

// codecs are those that were agreed on, or would be if the offer were answered now.
func (l *leg) codecs() []string {
	if l.rtp != nil {
		if names := l.rtp.Codecs(); names != nil {
			return names
		}
	}
	if l.offer == nil {
		return nil
	}
	names, err := l.profile.Common(l.offer)
	if err != nil {
		return nil // it is refused when it is answered
	}
	return names
}
