package node

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

func read(t *testing.T, yaml string) *config.Config {
	t.Helper()
	c, faults := check.Config([]byte(yaml), "offhook.yaml")
	if len(faults) > 0 {
		t.Fatalf("configuration: %+v", faults)
	}
	return c
}

func nodeOf(t *testing.T, yaml string) *Node {
	t.Helper()
	n := &Node{}
	if err := n.Reload(read(t, yaml)); err != nil {
		t.Fatal(err)
	}
	return n
}

const two = `
tenants:
  acme:
    domains: [Acme.test]
    users: {"101": {password: pw-acme}}
    trunks:
      wide: {allow: [10.0.0.0/8]}
      carrier: {username: carrier, password: pw-carrier}
    asks: {timeout: 3s, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw12, allow_private: [10.0.0.0/8, 192.0.2.7], fallback_url: "https://acme.test/late", concurrent: 7}
  bolt:
    domains: [bolt.test]
    users: {"101": {password: pw-bolt}}
    trunks:
      host: {allow: [10.1.2.3, "2001:db8::/32"]}
`

func TestTheDomainTellsTheTenant(t *testing.T) {
	d := nodeOf(t, two).Directory()
	for host, want := range map[string]string{"acme.test": "acme", "ACME.test": "acme", "bolt.test": "bolt", "other.test": ""} {
		tenant, realm, ok := d.Tenant(host)
		if tenant != want || ok != (want != "") || ok && realm != want+".test" {
			t.Errorf("%s: %q %q %v", host, tenant, realm, ok)
		}
	}
	single := nodeOf(t, "tenants: {demo: {users: {\"101\": {password: x}}}}").Directory()
	if tenant, realm, ok := single.Tenant("192.0.2.1"); tenant != "demo" || realm != "demo" || !ok {
		t.Errorf("the only tenant: %q %q %v", tenant, realm, ok)
	}
}

func TestTheNarrowestRangeOfATrunkWinsWithinItsDomain(t *testing.T) {
	d := nodeOf(t, two).Directory()
	for _, c := range []struct{ src, host, trunk string }{
		{"10.9.9.9", "192.0.2.1", "acme/wide"},
		{"10.1.2.3", "192.0.2.1", "bolt/host"},
		{"::ffff:10.1.2.3", "192.0.2.1", "bolt/host"},
		{"2001:db8::5", "192.0.2.1", "bolt/host"},
		{"10.1.2.3", "acme.test", "acme/wide"},
		{"10.9.9.9", "bolt.test", "/"},
		{"192.0.2.9", "192.0.2.1", "/"},
	} {
		tenant, trunk, ok := d.TrunkByAddress(netip.MustParseAddr(c.src), c.host)
		if got := tenant + "/" + trunk; got != c.trunk || ok != (got != "/") {
			t.Errorf("%s to %s: %s %v, want %s", c.src, c.host, got, ok, c.trunk)
		}
	}
}

func TestPasswordsAreTheTenantsOwn(t *testing.T) {
	n := nodeOf(t, two)
	d := n.Directory()
	for _, c := range []struct{ tenant, user, password, trunk string }{
		{"acme", "101", "pw-acme", ""}, {"bolt", "101", "pw-bolt", ""}, {"acme", "carrier", "pw-carrier", "carrier"},
		{"bolt", "carrier", "", ""}, {"none", "101", "", ""}, {"acme", "", "", ""},
	} {
		password, trunk, ok := d.Password(c.tenant, c.user)
		if password != c.password || trunk != c.trunk || ok != (c.password != "") {
			t.Errorf("%s of %s: %q %q %v", c.user, c.tenant, password, trunk, ok)
		}
	}
	if !d.IsUser("acme", "101") || d.IsUser("acme", "carrier") || d.IsUser("none", "101") {
		t.Error("users and others are mixed up")
	}
	tenant := n.dir.Load().tenants["acme"]
	tenant.Users["101"] = config.User{}
	if _, _, ok := d.Password("acme", "101"); ok {
		t.Error("a user without a password can log in with the empty one")
	}
}

func TestAPolicyIsTheTenantsAsks(t *testing.T) {
	p := nodeOf(t, two).Policy("acme")
	if p.Tenant != "acme" || p.Timeout != 3*time.Second || p.FallbackURL != "https://acme.test/late" || p.Concurrent != 7 ||
		!slices.Equal(p.Secrets, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw12"}) {
		t.Errorf("%+v", p)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32")}
	if !slices.Equal(p.AllowPrivate, want) {
		t.Errorf("allowed %v", p.AllowPrivate)
	}
}

func TestABadRangeKeepsTheOldConfiguration(t *testing.T) {
	n := nodeOf(t, two)
	bad := &config.Config{Tenants: map[string]config.Tenant{"x": {Trunks: map[string]config.Trunk{"y": {Allow: []string{"10.0.0.0/99"}}}}}}
	if err := n.Reload(bad); err == nil || n.dir.Load().tenants["acme"] == nil {
		t.Errorf("reload: %v", err)
	}
	bad = &config.Config{Tenants: map[string]config.Tenant{"x": {Asks: config.Asks{AllowPrivate: []string{"here"}}}}}
	if err := n.Reload(bad); err == nil {
		t.Error("a bad private range was taken")
	}
}

func TestNumbersGoByTheGatewayTheyName(t *testing.T) {
	n := nodeOf(t, `
tenants:
  many:
    gateways:
      ip: {host: "192.0.2.5:5070"}
      v6: {host: "[2001:db8::5]", transport: tcp}
      dns: {host: sip.telia.example}
      dnstcp: {host: sip.telia.example, transport: tcp}
      domain: {host: "edge.telia.example:5080", domain: telia.example, transport: tcp}
  single:
    gateways: {telia: {host: 192.0.2.6, domain: telia.example}}
  none: {}
`)
	for _, c := range []struct {
		tenant, gateway, number string
		want                    call.Destination
		err                     string
	}{
		{"many", "ip", "+37120001111", call.Destination{URI: "sip:+37120001111@192.0.2.5:5070", Via: "udp:192.0.2.5:5070", Gateway: "many/ip"}, ""},
		{"many", "v6", "100", call.Destination{URI: "sip:100@[2001:db8::5]", Via: "tcp:[2001:db8::5]:5060", Gateway: "many/v6"}, ""},
		{"many", "dns", "100", call.Destination{URI: "sip:100@sip.telia.example", Gateway: "many/dns"}, ""},
		{"many", "dnstcp", "100", call.Destination{URI: "sip:100@sip.telia.example;transport=tcp", Gateway: "many/dnstcp"}, ""},
		{"many", "domain", "*21#", call.Destination{URI: "sip:*21%23@telia.example", Gateway: "many/domain",
			Route: []string{"<sip:edge.telia.example:5080;transport=tcp;lr>"}}, ""},
		{"single", "", "100", call.Destination{URI: "sip:100@telia.example", Via: "udp:192.0.2.6:5060", Gateway: "single/telia"}, ""},
		{"many", "", "100", call.Destination{}, "unknown_gateway"},
		{"many", "other", "100", call.Destination{}, "unknown_gateway"},
		{"none", "", "100", call.Destination{}, "unknown_gateway"},
		{"gone", "", "100", call.Destination{}, "unknown_tenant"},
		{"single", "", "1@evil.example", call.Destination{}, "bad_uri"},
		{"single", "", "1;phone-context=x", call.Destination{}, "bad_uri"},
		{"single", "", "1\r\nX: y", call.Destination{}, "bad_uri"},
	} {
		r := n.resolve(c.tenant, call.Resolve{Resolve: 3, Target: verb.Target{Number: c.number, Gateway: c.gateway}}, way{})
		if r.Resolve != 3 || r.Error != c.err || c.err == "" && (len(r.Destinations) != 1 || !same(r.Destinations[0], c.want)) {
			t.Errorf("%s by %s/%s: %+v", c.number, c.tenant, c.gateway, r)
		}
	}
}

func same(a, b call.Destination) bool {
	return a.URI == b.URI && a.Via == b.Via && a.Gateway == b.Gateway && slices.Equal(a.Route, b.Route)
}

func TestGatewaysCarryTheirTenant(t *testing.T) {
	all := nodeOf(t, `
tenants:
  b: {gateways: {x: {host: h2.example, username: u, password: p, register: true, expires: 5m}}}
  a: {gateways: {x: {host: h1.example}}}
`).Directory().Gateways()
	if len(all) != 2 || all[0].Name != "a/x" || all[1].Name != "b/x" || all[1].Password != "p" || !all[1].Register || all[1].Expires != 5*time.Minute {
		t.Errorf("%+v", all)
	}
}

func TestCallIDsSortByTimeAndDiffer(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	seen := map[string]bool{}
	for range 1000 {
		id := newCallID(at)
		if len(id) != 31 || seen[id] || id >= newCallID(at.Add(time.Millisecond)) {
			t.Fatalf("bad id %s", id)
		}
		seen[id] = true
	}
}

func TestTimersFireInOrderAndCancelledOnesDoNot(t *testing.T) {
	synctest.Test(t, fireTimers) // where timers that are started one after another are due together
}

func fireTimers(t *testing.T) {
	ts := newTimers()
	defer ts.stop()
	s := &session{}
	ts.start(s, 1, 3*time.Second)
	second := ts.start(s, 2, 2*time.Second)
	ts.start(s, 3, time.Second)
	ts.start(s, 4, time.Second)
	ts.cancel(second)
	ts.cancel(second)
	var got []int
	for x := ts.due(time.Now().Add(time.Minute)); x != nil; x = ts.due(time.Now().Add(time.Minute)) {
		got = append(got, x.id)
		ts.cancel(x) // too late: nothing happens
	}
	if !slices.Equal(got, []int{3, 4, 1}) {
		t.Errorf("fired %v", got)
	}
}

func TestTrustedAreTrunksGatewaysAndNodes(t *testing.T) {
	n := &Node{cfg: Config{Name: "riga"}}
	err := n.Reload(read(t, `
nodes: {riga: {host: "192.0.2.1"}, oslo: {host: "192.0.2.2:5070"}}
cluster_secret: abcdefghijklmnopqrstuvwxyz
tenants:
  acme:
    users: {"101": {password: pw}}
    trunks: {wide: {allow: [10.0.0.0/8]}, carrier: {username: carrier, password: pw-carrier}}
    gateways: {telia: {host: "192.0.2.3:5080"}, six: {host: "[2001:db8::1]"}, named: {host: sip.telia.test}}
`))
	if err != nil {
		t.Fatal(err)
	}
	d := n.Directory()
	for addr, want := range map[string]bool{
		"10.9.9.9": true, "192.0.2.2": true, "192.0.2.3": true, "2001:db8::1": true,
		"192.0.2.9": false, "2001:db8::2": false,
	} {
		if got := d.Trusted(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
