package ask

import "net/netip"

// refusedV4 lists what a public webhook never has (IANA special-purpose registry, RFC 6890 and its updates):
// private, shared, loopback, link-local with the clouds' metadata service, documentation, benchmarks, multicast, reserved.
var refusedV4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)

// refusedV6 lists the exceptions within 2000::/3, the only global unicast there is: special protocols with Teredo,
// documentation, 6to4. NAT64 (64:ff9b::/96) lies outside and is refused as a whole.
var refusedV6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var globalV6 = netip.MustParsePrefix("2000::/3")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// permitted says whether a may be dialled: public, or in one of the prefixes that the tenant's configuration allows.
func permitted(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return false
	}
	if within(a, allow) {
		return true
	}
	if a.Is4() {
		return !within(a, refusedV4)
	}
	return globalV6.Contains(a) && !within(a, refusedV6)
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
