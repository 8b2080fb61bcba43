package node

import (
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/config"
)

var encryptions = map[string]media.Encryption{"none": media.Plain, "sdes": media.SDES, "dtls": media.DTLS}

// profileTo is for a place that is called: what is set for its gateway or user, and what browsers need.
func (s *session) profileTo(to call.Destination) media.Profile {
	t := s.configured()
	p := media.Profile{Browser: strings.Contains(to.URI, ";transport=ws")} // RFC 7118 5
	if _, gateway, ok := strings.Cut(to.Gateway, "/"); ok {
		g := t.Gateways[gateway]
		p.Codecs, p.Encryption = g.Codecs, encryptions[g.Encryption]
		return p
	}
	u := t.Users[to.AOR]
	p.Codecs, p.Encryption = u.Codecs, encryptions[u.Encryption]
	return p
}

// profileFrom is for who calls: a user or a trunk.
func (s *session) profileFrom(in sipua.Invite) media.Profile {
	t := s.configured()
	if u, ok := t.Users[in.User]; ok {
		return media.Profile{Codecs: u.Codecs, Encryption: encryptions[u.Encryption]}
	}
	trunk := t.Trunks[in.Trunk]
	return media.Profile{Codecs: trunk.Codecs, Encryption: encryptions[trunk.Encryption]}
}

// configured is the call's tenant; an empty one when the configuration has it no more.
func (s *session) configured() *config.Tenant {
	if t := s.node.dir.Load().tenants[s.tenant]; t != nil {
		return t
	}
	return &config.Tenant{}
}
