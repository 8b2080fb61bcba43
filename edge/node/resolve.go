package node

import (
	"net"
	"net/netip"
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// resolve tells where a target can be reached now: from memory, so at once.
func (n *Node) resolve(tenant string, o call.Resolve) call.Resolved {
	d := n.dir.Load()
	t := d.tenants[tenant]
	var r call.Resolved
	switch {
	case t == nil:
		r.Error = "unknown_tenant"
	case o.Target.User != "":
		r = n.resolveUser(tenant, t, o.Target.User)
	case o.Target.Number != "":
		r = resolveNumber(tenant, t, o.Target)
	default:
		r = call.Resolved{Number: o.Target.SIP, Destinations: []call.Destination{{URI: o.Target.SIP}}}
	}
	r.Resolve = o.Resolve
	return r
}

func (n *Node) resolveUser(tenant string, t *config.Tenant, user string) call.Resolved {
	u, ok := t.Users[user]
	if !ok {
		return call.Resolved{Number: user, Error: "unknown_user"}
	}
	r := call.Resolved{Name: u.Name, Number: user, RingForMS: int64(u.RingFor) / 1e6}
	for _, b := range n.ua.Bindings(tenant, user) {
		r.Destinations = append(r.Destinations, call.Destination{URI: b.Contact, Via: b.Via, Flow: b.Flow, Route: b.Path, AOR: user})
	}
	if len(r.Destinations) == 0 {
		r.Error = "not_registered"
	}
	return r
}

func resolveNumber(tenant string, t *config.Tenant, target verb.Target) call.Resolved {
	r := call.Resolved{Number: target.Number}
	name := target.Gateway
	if name == "" && len(t.Gateways) == 1 {
		for only := range t.Gateways {
			name = only
		}
	}
	g, ok := t.Gateways[name]
	user, good := userPart(target.Number)
	switch {
	case !ok:
		r.Error = "unknown_gateway"
	case !good:
		r.Error = "bad_uri"
	default:
		r.Destinations = []call.Destination{gatewayDestination(tenant+"/"+name, g, user)}
	}
	return r
}

// userPart makes the user of a SIP URI of what is dialled: digits and letters, the signs of a number, and * and #, of
// which # is escaped (RFC 3261 25.1). All else, which may have come in a variable from outside, is no number.
func userPart(number string) (user string, ok bool) {
	const allowed = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+*#-_.()"
	bad := func(c rune) bool { return !strings.ContainsRune(allowed, c) }
	return strings.ReplaceAll(number, "#", "%23"), number != "" && strings.IndexFunc(number, bad) < 0
}

func gatewayDestination(name string, g config.Gateway, user string) call.Destination {
	domain := g.Domain
	if domain == "" {
		domain = g.Host
	}
	transport := strings.ToLower(g.Transport)
	if transport == "" {
		transport = "udp"
	}
	d := call.Destination{URI: "sip:" + user + "@" + domain, Gateway: name}
	host, port, err := net.SplitHostPort(g.Host)
	if err != nil {
		host, port = g.Host, "5060"
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		d.Via = transport + ":" + net.JoinHostPort(strings.Trim(host, "[]"), port)
	} else if domain == g.Host && transport != "udp" {
		d.URI += ";transport=" + transport
	} else if domain != g.Host {
		d.Route = []string{"<sip:" + g.Host + ";transport=" + transport + ";lr>"}
	}
	return d
}
