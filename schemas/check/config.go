package check

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"sort"
	"strings"

	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/tree"
)

// MaxConfigBytes is how large a configuration file may be.
const MaxConfigBytes = 8 << 20

// Missing is a codec that whoever reads a configuration has not got, though the schema knows it.
type Missing struct{ Codec, Hint string }

// Config judges a configuration file: JSON when name ends in .json, else YAML. All faults are reported at once. Secrets
// are not looked up, files and functions that it names not looked for. The configuration is nil when there are faults.
func Config(raw []byte, name string, missing ...Missing) (*config.Config, []event.Fault) {
	c := newChecker(nil)
	c.secrets, c.lacks = true, missing
	t := c.configTree(raw, name)
	if t == nil {
		return nil, c.faults
	}
	v := t.Root()
	c.value(rules().config, v)
	c.cross(v)
	if len(c.faults) > 0 {
		sort.SliceStable(c.faults, func(i, j int) bool { return c.faults[i].Line < c.faults[j].Line })
		return nil, c.faults
	}
	out := new(config.Config)
	if err := json.Unmarshal([]byte(v.JSON()), out); err != nil {
		c.fault(v, "wrong_type", "a configuration", err.Error())
		return nil, c.faults
	}
	return out, nil
}

func (c *checker) configTree(raw []byte, name string) *tree.Tree {
	if len(raw) > MaxConfigBytes {
		c.faults = append(c.faults, event.Fault{Code: "too_large", Line: 1, Expected: fmt.Sprintf("at most %d bytes", MaxConfigBytes), Found: fmt.Sprintf("%d bytes", len(raw))})
		return nil
	}
	if !strings.HasSuffix(strings.ToLower(name), ".json") {
		return c.yamlTree(raw)
	}
	t := new(tree.Tree)
	if err := t.Parse(string(raw)); err != nil {
		c.syntax(err, raw)
		return nil
	}
	c.repeated(t)
	return t
}

// each calls f for every entry of an object's or list's property.
func each(v tree.Value, property string, f func(tree.Value)) {
	list, ok := v.Get(property)
	if !ok || list.Kind() != tree.Object && list.Kind() != tree.Array {
		return
	}
	for e := list.First(); e.In(list); e = e.Next() {
		f(e)
	}
}

// text is a property's string; "" when there is none.
func text(v tree.Value, property string) (string, tree.Value) {
	p, ok := v.Get(property)
	if !ok || p.Kind() != tree.String {
		return "", v
	}
	return p.Text(), p
}

// keys are the names in an object's property.
func keys(v tree.Value, property string) (out []string) {
	each(v, property, func(e tree.Value) { out = append(out, e.Key()) })
	return out
}

// cross judges what no single value shows: names that point at nothing, credentials by half, things given twice.
func (c *checker) cross(v tree.Value) {
	taken := map[string]string{}
	nodes := keys(v, "nodes")
	each(v, "tenants", func(t tree.Value) { c.tenant(t, taken, nodes) })
	c.nodes(v)
	tenants := keys(v, "tenants")
	seen := map[string]string{}
	each(v, "api_keys", func(k tree.Value) {
		if name, at := text(k, "tenant"); name != "" {
			c.reference(at, "unknown_tenant", "a tenant", name, tenants)
		}
		name, at := text(k, "name")
		c.once(seen, "a key "+name, at, at)
	})
}

// once reports what was already taken by another.
func (c *checker) once(taken map[string]string, what string, owner, at tree.Value) {
	if before, ok := taken[what]; ok && before != owner.Pointer() {
		c.fault(at, "repeated", what+" once", "it is already at "+before)
		return
	}
	taken[what] = owner.Pointer()
}

func (c *checker) reference(at tree.Value, code, what, name string, known []string) {
	for _, k := range known {
		if k == name {
			return
		}
	}
	hint := nearest(name, known)
	if hint == "" && len(known) > 0 {
		hint = "there are " + strings.Join(known, ", ")
	}
	c.fault(at, code, what+" of the configuration", hint)
}

func (c *checker) tenant(t tree.Value, taken map[string]string, nodes []string) {
	each(t, "domains", func(d tree.Value) {
		c.once(taken, "the domain "+strings.ToLower(d.Text()), t, d)
	})
	each(t, "trunks", func(trunk tree.Value) { c.trunk(trunk, t, taken) })
	each(t, "gateways", func(g tree.Value) { c.credentials(g) })
	if asks, ok := t.Get("asks"); ok {
		c.signingSecret(asks)
	}
	names := references{users: keys(t, "users"), numbers: keys(t, "numbers"), gateways: keys(t, "gateways"), nodes: nodes}
	each(t, "users", func(u tree.Value) { c.forwards(u, names) })
	for _, parties := range []string{"users", "trunks", "gateways"} {
		each(t, parties, c.codecs)
	}
	c.circles(t)
	c.codes(t)
	if t.Kind() == tree.Object {
		c.dials(t, names)
	}
}

// trunk: without addresses or credentials a trunk admits nobody, and two tenants with the same addresses cannot be told apart.
func (c *checker) trunk(trunk, tenant tree.Value, taken map[string]string) {
	_, allowed := trunk.Get("allow")
	_, named := trunk.Get("username")
	if trunk.Kind() == tree.Object && !allowed && !named {
		c.fault(trunk, "missing_property", `"allow", or "username" and "password"`, "without them nobody is admitted")
	}
	c.credentials(trunk)
	each(trunk, "allow", func(a tree.Value) {
		if p, ok := network(a.Text()); ok {
			c.once(taken, "the addresses "+p.String(), tenant, a)
		}
	})
}

func network(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// credentials: a name needs a password, and the other way round.
func (c *checker) credentials(v tree.Value) {
	name, named := v.Get("username")
	password, secret := v.Get("password")
	switch {
	case named && !secret:
		c.add(name, "needs_property", `"password" beside "username"`, `no "password"`, "")
	case secret && !named:
		c.add(password, "needs_property", `"username" beside "password"`, `no "username"`, "")
	}
}

// signingSecret: Standard Webhooks secrets are whsec_ and base64; found shows nothing of it.
func (c *checker) signingSecret(asks tree.Value) {
	secret, at := text(asks, "secret")
	if secret == "" {
		return
	}
	rest, ok := strings.CutPrefix(secret, "whsec_")
	if raw, err := base64.StdEncoding.DecodeString(rest); !ok || err != nil || len(raw) < 16 {
		c.add(at, "bad_secret", "whsec_ and at least 16 bytes in base64", config.Hidden, `make one: echo "whsec_$(openssl rand -base64 24)"`)
	}
}

// references are the names that a tenant's documents may point at.
type references struct{ users, numbers, gateways, nodes []string }

// dials finds every dial in the tenant's documents.
func (c *checker) dials(v tree.Value, names references) {
	if name, _ := text(v, "verb"); name == "dial" {
		if to, ok := v.Get("to"); ok && to.Kind() == tree.Object {
			c.target(to, names)
		} else {
			each(v, "to", func(t tree.Value) { c.target(t, names) })
		}
	}
	if v.Kind() != tree.Object && v.Kind() != tree.Array {
		return
	}
	for ch := v.First(); ch.In(v); ch = ch.Next() {
		c.dials(ch, names)
	}
}

func (c *checker) target(t tree.Value, names references) {
	c.extension(t, names)
	if user, at := text(t, "user"); user != "" && !strings.Contains(user, "{") {
		c.reference(at, "unknown_user", "a user", user, names.users)
	}
	if gateway, at := text(t, "gateway"); gateway != "" {
		if !strings.Contains(gateway, "{") {
			c.reference(at, "unknown_gateway", "a gateway", gateway, names.gateways)
		}
		return
	}
	if number, at := text(t, "number"); number != "" && len(names.gateways) != 1 {
		c.withoutGateway(at, names.gateways)
	}
}

func (c *checker) withoutGateway(number tree.Value, gateways []string) {
	if len(gateways) == 0 {
		c.fault(number, "unknown_gateway", "a gateway of the configuration, to call numbers through", "add one under gateways")
		return
	}
	c.add(number, "ambiguous_gateway", `"gateway" beside "number"`, `no "gateway"`, "there are "+strings.Join(gateways, ", "))
}
