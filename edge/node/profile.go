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

// settings are what the configuration says of a party's sound.
type settings struct {
	codecs           []string
	encryption, dtmf string
}

// settingsTo are of who is called, at a gateway or a user's phone; settingsFrom of who calls, a user or a trunk.
func (s *session) settingsTo(to call.Destination) settings {
	t := s.configured()
	if _, gateway, ok := strings.Cut(to.Gateway, "/"); ok {
		g := t.Gateways[gateway]
		return settings{g.Codecs, g.Encryption, g.Dtmf}
	}
	u := t.Users[to.AOR]
	return settings{u.Codecs, u.Encryption, u.Dtmf}
}

func (s *session) settingsFrom(in sipua.Invite) settings {
	t := s.configured()
	if u, ok := t.Users[in.User]; ok {
		return settings{u.Codecs, u.Encryption, u.Dtmf}
	}
	trunk := t.Trunks[in.Trunk]
	return settings{trunk.Codecs, trunk.Encryption, trunk.Dtmf}
}

// tones says whether the party's digits are looked for in its sound.
func (x settings) tones() bool { return x.dtmf == byTones }

// profile is what the party is offered; near is where its signalling is.
func (x settings) profile(near netip.Addr) media.Profile {
	return media.Profile{Codecs: x.codecs, Encryption: encryptions[x.encryption], Near: near}
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
