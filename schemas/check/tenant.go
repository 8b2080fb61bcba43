package check

import (
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/tree"
)

// nodes: the edges of a cluster trust each other by the secret, and each by its own address.
func (c *checker) nodes(v tree.Value) {
	if list, ok := v.Get("nodes"); ok {
		if _, ok := v.Get("cluster_secret"); !ok {
			c.add(list, "needs_property", `"cluster_secret" beside "nodes"`, `no "cluster_secret"`, "the same secret at all nodes signs the calls between them")
		}
	}
	hosts := map[string]string{}
	each(v, "nodes", func(n tree.Value) {
		host, at := text(n, "host")
		c.once(hosts, "the host "+host, at, at)
	})
}

// codecs: those of a party are there.
func (c *checker) codecs(party tree.Value) {
	each(party, "codecs", func(name tree.Value) {
		for _, m := range c.lacks {
			if name.Kind() == tree.String && name.Text() == m.Codec {
				c.fault(name, "missing_codec", "a codec of this build", m.Hint)
			}
		}
	})
}

// forwards: where a user's calls go must be somewhere, and not back.
func (c *checker) forwards(user tree.Value, names references) {
	forward, ok := user.Get("forward")
	if !ok || forward.Kind() != tree.Object {
		return
	}
	for at := forward.First(); at.In(forward); at = at.Next() {
		to := at.Text()
		switch {
		case at.Kind() != tree.String || slices.Contains(names.numbers, to):
		case to == user.Key():
			c.add(at, "forward_loop", "another user, or a number", "the user itself", "")
		case len(names.gateways) == 0:
			c.reference(at, "unknown_user", "a user or number", to, append(slices.Clone(names.users), names.numbers...))
		}
	}
}

// circles finds users whose calls would always be forwarded round.
func (c *checker) circles(t tree.Value) {
	always, where := map[string]string{}, map[string]tree.Value{}
	each(t, "users", func(u tree.Value) {
		if forward, ok := u.Get("forward"); ok {
			always[u.Key()], where[u.Key()] = text(forward, "always")
		}
	})
	each(t, "users", func(u tree.Value) {
		way := []string{u.Key()}
		for next := always[u.Key()]; next != "" && len(way) <= len(always); next = always[next] {
			if next == u.Key() && len(way) > 1 {
				c.add(where[u.Key()], "forward_loop", "a forward that ends", strings.Join(append(way, next), " -> "), "")
			}
			way = append(way, next)
		}
	})
}

// codes: what is dialled or pressed must have one meaning.
func (c *checker) codes(t tree.Value) {
	d := config.DefaultCodes
	c.prefixes(t, "codes", []code{{"listen", d.Listen}, {"whisper", d.Whisper}, {"barge", d.Barge}, {"pickup", d.Pickup}, {"retrieve", d.Retrieve}})
	c.prefixes(t, "features", []code{{name: "blind"}, {name: "attended"}, {name: "park"}, {name: "record"}})
}

// code is one of a group, and what it is unless it is set.
type code struct{ name, value string }

func (c *checker) prefixes(t tree.Value, group string, codes []code) {
	set, ok := t.Get(group)
	if !ok || set.Kind() != tree.Object {
		return
	}
	at := make([]tree.Value, len(codes))
	for i := range codes {
		at[i] = set
		if value, v := text(set, codes[i].name); value != "" {
			codes[i].value, at[i] = value, v
		}
	}
	for i, a := range codes {
		for j, b := range codes {
			if i != j && a.value != "" && strings.HasPrefix(b.value, a.value) && (a.value != b.value || i < j) {
				where := at[j]
				if where == set {
					where = at[i]
				}
				c.add(where, "ambiguous_code", "codes of which none begins with another", a.name+" "+a.value+", "+b.name+" "+b.value, "")
			}
		}
	}
}

// extension: a node that the configuration knows; without nodes, somebody it knows.
func (c *checker) extension(t tree.Value, names references) {
	nodes := 0
	each(t, "nodes", func(n tree.Value) {
		nodes++
		if name := n.Text(); !strings.Contains(name, "{") {
			c.reference(n, "unknown_node", "a node", name, names.nodes)
		}
	})
	if name, at := text(t, "nodes"); name != "" {
		nodes++
		c.reference(at, "unknown_node", "a node", name, names.nodes)
	}
	if extension, at := text(t, "extension"); extension != "" && nodes == 0 && !strings.Contains(extension, "{") {
		c.reference(at, "unknown_extension", "a user or number", extension, append(slices.Clone(names.users), names.numbers...))
	}
}
