package node

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/config"
)

// directory is the configuration made ready for look-ups.
type directory struct {
	tenants  map[string]*config.Tenant
	domains  map[string]string // SIP domain -> tenant
	only     string            // the one tenant, when there is one
	allowed  []allowed
	upstream []netip.Addr // gateways whose host is an address
	policies map[string]ask.Policy
	cluster  cluster
}

// allowed is one address range of a trunk.
type allowed struct {
	prefix        netip.Prefix
	tenant, trunk string
}

func newDirectory(self string, c *config.Config) (*directory, error) {
	d := &directory{tenants: map[string]*config.Tenant{}, domains: map[string]string{}, policies: map[string]ask.Policy{}}
	var err error
	if d.cluster, err = newCluster(self, c); err != nil {
		return nil, err
	}
	for name, t := range c.Tenants {
		d.tenants[name] = &t
		for _, domain := range t.Domains {
			d.domains[strings.ToLower(domain)] = name
		}
		if err := d.addTrunks(name, &t); err != nil {
			return nil, err
		}
		d.addGateways(&t)
		policy, err := newPolicy(name, &t)
		if err != nil {
			return nil, err
		}
		d.policies[name] = policy
	}
	if len(c.Tenants) == 1 {
		for name := range c.Tenants {
			d.only = name
		}
	}
	// The narrowest range wins, so that one tenant's host may stand inside another's network.
	slices.SortStableFunc(d.allowed, func(a, b allowed) int {
		if n := b.prefix.Bits() - a.prefix.Bits(); n != 0 {
			return n
		}
		return strings.Compare(a.tenant+"/"+a.trunk, b.tenant+"/"+b.trunk)
	})
	return d, nil
}

func (d *directory) addTrunks(tenant string, t *config.Tenant) error {
	for name, trunk := range t.Trunks {
		for _, text := range trunk.Allow {
			p, err := prefix(text)
			if err != nil {
				return fmt.Errorf("tenants.%s.trunks.%s.allow: %w", tenant, name, err)
			}
			d.allowed = append(d.allowed, allowed{prefix: p, tenant: tenant, trunk: name})
		}
	}
	return nil
}

func (d *directory) addGateways(t *config.Tenant) {
	for _, g := range t.Gateways {
		host, _, err := net.SplitHostPort(g.Host)
		if err != nil {
			host = strings.Trim(g.Host, "[]")
		}
		if a, err := netip.ParseAddr(host); err == nil {
			d.upstream = append(d.upstream, a.Unmap())
		}
	}
}

// prefix reads a CIDR range or a single address.
func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

func newPolicy(name string, t *config.Tenant) (ask.Policy, error) {
	p := ask.Policy{Tenant: name, Timeout: time.Duration(t.Asks.Timeout), FallbackURL: t.Asks.FallbackURL,
		Fallback: t.Fallback, Concurrent: t.Asks.Concurrent}
	if t.Asks.Secret.Value != "" {
		p.Secrets = []string{t.Asks.Secret.Value}
	}
	for _, text := range t.Asks.AllowPrivate {
		r, err := prefix(text)
		if err != nil {
			return p, fmt.Errorf("tenants.%s.asks.allow_private: %w", name, err)
		}
		p.AllowPrivate = append(p.AllowPrivate, r)
	}
	return p, nil
}

// Policy is how a tenant's webhooks are asked.
func (n *Node) Policy(tenant string) ask.Policy { return n.dir.Load().policies[tenant] }

// settings are what the core is told of a tenant's configuration when a call begins.
func (d *directory) settings(tenant string) call.Settings {
	t := d.tenants[tenant]
	if t == nil {
		return call.Settings{}
	}
	f := t.Features
	return call.Settings{Blind: f.Blind, Attended: f.Attended, Park: f.Park, Record: f.Record, Redirects: t.Redirects}
}

// liveDirectory answers the signalling from the configuration in force.
type liveDirectory Node

func (n *liveDirectory) d() *directory { return (*Node)(n).dir.Load() }

// Tenant owns a SIP domain; with one tenant every domain is its own.
func (n *liveDirectory) Tenant(host string) (tenant, realm string, ok bool) {
	d := n.d()
	if name, ok := d.domains[strings.ToLower(host)]; ok {
		return name, strings.ToLower(host), true
	}
	if d.only != "" {
		return d.only, d.only, true
	}
	return "", "", false
}

func (n *liveDirectory) Password(tenant, username string) (password, trunk string, ok bool) {
	t := n.d().tenants[tenant]
	if t == nil {
		return "", "", false
	}
	if u, ok := t.Users[username]; ok {
		return u.Password.Value, "", u.Password.Value != "" // no password is not the empty one
	}
	for name, tr := range t.Trunks {
		if tr.Username != "" && tr.Username == username && tr.Password.Value != "" {
			return tr.Password.Value, name, true
		}
	}
	return "", "", false
}

func (n *liveDirectory) TrunkByAddress(src netip.Addr, host string) (tenant, trunk string, ok bool) {
	d := n.d()
	src = src.Unmap()
	owner := d.domains[strings.ToLower(host)]
	for _, a := range d.allowed {
		if a.prefix.Contains(src) && (owner == "" || owner == a.tenant) {
			return a.tenant, a.trunk, true
		}
	}
	return "", "", false
}

// Trusted are the addresses of trunks, of gateways without a name, and of the other edges.
func (n *liveDirectory) Trusted(src netip.Addr) bool {
	d := n.d()
	return slices.ContainsFunc(d.allowed, func(a allowed) bool { return a.prefix.Contains(src) }) || slices.Contains(d.upstream, src) || d.cluster.isPeer(src)
}

func (n *liveDirectory) IsUser(tenant, username string) bool {
	t := n.d().tenants[tenant]
	if t == nil {
		return false
	}
	_, ok := t.Users[username]
	return ok
}

func (n *liveDirectory) Gateways() []sipua.Gateway {
	var all []sipua.Gateway
	for tenant, t := range n.d().tenants {
		for name, g := range t.Gateways {
			all = append(all, sipua.Gateway{Name: tenant + "/" + name, Host: g.Host, Transport: g.Transport, CA: g.CA, Domain: g.Domain,
				Username: g.Username, Password: g.Password.Value, Register: g.Register, Expires: time.Duration(g.Expires)})
		}
	}
	slices.SortFunc(all, func(a, b sipua.Gateway) int { return strings.Compare(a.Name, b.Name) })
	return all
}
