package node

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// maxForwards is how many users' settings may lead one after another.
const maxForwards = 5

// Why a target cannot be reached, beside what RFC 3261 has codes for.
const (
	notRegistered    = "not_registered"
	forwardLoop      = "forward_loop"
	loopDetected     = "loop_detected"
	unknownUser      = "unknown_user"
	unknownExtension = "unknown_extension"
	unknownNode      = "unknown_node"
	unknownGateway   = "unknown_gateway"
	badURI           = "bad_uri"
)

// question is what a Resolve is answered from.
type question struct {
	n      *Node
	d      *directory
	tenant string
	t      *config.Tenant
	came   way
}

// resolve tells where a target can be reached now: from memory, so at once.
func (n *Node) resolve(tenant string, o call.Resolve, came way) call.Resolved {
	d := n.dir.Load()
	q := question{n, d, tenant, d.tenants[tenant], came}
	var r call.Resolved
	switch to := o.Target; {
	case q.t == nil:
		r.Error = "unknown_tenant"
	case o.Moved != "":
		r = q.moved(to.SIP, o.Moved, o.Tried)
	case to.User != "" && to.Direct:
		r = q.phones(to.User)
	case to.User != "":
		r = q.user(to.User, o.Tried)
	case to.Number != "":
		r = resolveNumber(tenant, q.t, to)
	case to.Extension != "":
		r = q.extension(to, o.Tried)
	case to.Contact != "":
		r = q.contact(to.Contact)
	case to.SIP != "":
		r = call.Resolved{Number: to.SIP, Destinations: []call.Destination{{URI: to.SIP}}}
	default:
		r.Error = "bad_target"
	}
	r.Resolve = o.Resolve
	return r
}

// phones are a user's own devices.
func (q question) phones(user string) call.Resolved {
	u, ok := q.t.Users[user]
	if !ok {
		return call.Resolved{Number: user, Error: unknownUser}
	}
	r := call.Resolved{Name: u.Name, Number: user, RingForMS: int64(u.RingFor) / 1e6}
	for _, b := range q.n.ua.Bindings(q.tenant, user) {
		r.Destinations = append(r.Destinations, q.device(b))
	}
	if len(r.Destinations) == 0 {
		r.Error = notRegistered
	}
	return r
}

// device is where a registered phone is reached: over the stream that it has opened only by the node at its end.
func (q question) device(b sipua.Binding) call.Destination {
	p := q.d.cluster.peers[b.Node]
	if user, good := userPart(b.User); good && b.Flow != "" && b.Node != q.d.cluster.self && p != nil && !q.came.tired() {
		return p.destination(b.Node, user, b.Contact)
	}
	return call.Destination{URI: b.Contact, Via: b.Via, Flow: b.Flow, Route: b.Path, AOR: b.User}
}

// user follows the settings: always, do not disturb, busy, offline. What comes of the ringing is for the dial, by Else.
func (q question) user(user string, tried []string) call.Resolved {
	began := user
	if last := lastUser(tried); last != "" && last != user {
		began = last
	}
	for {
		u, ok := q.t.Users[user]
		if !ok {
			return call.Resolved{Number: user, Error: unknownUser, Tried: tried}
		}
		var loop bool
		if tried, loop = visit(tried, user); loop {
			return call.Resolved{Name: u.Name, Number: user, Error: forwardLoop, Tried: tried}
		}
		r, to := q.settings(user, u)
		if to == "" || to == user {
			r.Tried = tried
			return q.reached(r, user, began)
		}
		if _, inside := q.t.Users[to]; !inside {
			return q.outside(u, to, tried)
		}
		user = to
	}
}

// visit adds a user to those that led here. One who calls the own phones, as an answer of a user's may, is no loop.
func visit(tried []string, user string) (now []string, loop bool) {
	mark, users := "user:"+user, 0
	for i, was := range tried {
		if strings.HasPrefix(was, "user:") {
			users++
		}
		if was == mark {
			return tried, i < len(tried)-1
		}
	}
	return append(slices.Clone(tried), mark), users >= maxForwards
}

// lastUser is the one whose settings led here, "" for none.
func lastUser(tried []string) string {
	for _, mark := range slices.Backward(tried) {
		if user, ok := strings.CutPrefix(mark, "user:"); ok {
			return user
		}
	}
	return ""
}

// settings is where a user's calls go: elsewhere at once, or to the phones.
func (q question) settings(user string, u config.User) (r call.Resolved, to string) {
	if u.Forward.Always != "" {
		return r, u.Forward.Always
	}
	r = q.phones(user)
	switch {
	case u.Dnd || u.Busy == "reject" && q.n.talking(q.tenant, user):
		r.Error, r.Destinations = call.StatusBusy, nil
		return r, u.Forward.Busy
	case r.Error != "":
		return r, u.Forward.Offline
	}
	r.Else = map[string]verb.Target{}
	for _, way := range []struct{ status, to string }{
		{call.StatusBusy, u.Forward.Busy}, {call.StatusNoAnswer, u.Forward.NoAnswer},
		{call.StatusTimeout, cmp.Or(u.Forward.Offline, u.Forward.NoAnswer)}, {call.StatusFailed, u.Forward.Offline},
	} {
		if way.to != "" {
			r.Else[way.status] = q.target(way.to)
		}
	}
	return r, ""
}

// target of a forward: a user, a number of the tenant's, or one outside.
func (q question) target(to string) verb.Target {
	if _, ok := q.t.Users[to]; ok {
		return verb.Target{User: to}
	}
	if _, ok := q.t.Numbers[to]; ok {
		return verb.Target{Extension: to}
	}
	return verb.Target{Number: to, Gateway: gatewayOut(q.t)}
}

// reached is the end of a chain of settings. A user with routing of the own is called by that, unless the chain began there.
func (q question) reached(r call.Resolved, user, began string) call.Resolved {
	if len(r.Tried) > 1 {
		r.Target = "user:" + user
	}
	if u := q.t.Users[user]; u.Answer != nil && user != began && r.Error != call.StatusBusy {
		r.Script = q.n.cfg.Router
	}
	return r
}

// outside is a forward to a number: a service of the tenant's, or a call out at the user's cost and with the user's number.
func (q question) outside(u config.User, to string, tried []string) call.Resolved {
	if _, ok := q.t.Numbers[to]; ok {
		return call.Resolved{Number: to, Target: "extension:" + to, Script: q.n.cfg.Router, Tried: tried}
	}
	r := resolveNumber(q.tenant, q.t, q.target(to))
	r.Target, r.Tried, r.CallerID = "number:"+to, tried, u.CallerID
	return r
}

// moved is where a called phone's 3xx leads: nowhere but to users, and where the tenant allows it to numbers, at the cost of
// the user whose phone it is.
func (q question) moved(uri, policy string, tried []string) call.Resolved {
	number := numberIn(strings.Trim(uri, "<>"))
	_, isUser := q.t.Users[number]
	good := strings.Contains(uri, "@") && number != "" && strings.Trim(number, "+0123456789*#") == ""
	switch {
	case isUser:
		r := q.user(number, tried)
		r.Target = cmp.Or(r.Target, "user:"+number)
		return r
	case policy == call.RedirectsFollow && good:
		return q.outside(q.t.Users[lastUser(tried)], number, tried)
	}
	return call.Resolved{Number: number, Tried: tried, Error: "redirect_refused"}
}

// gatewayOut is the one that users' calls go out by: the first by name.
func gatewayOut(t *config.Tenant) string {
	if len(t.Gateways) == 0 {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(t.Gateways)))
}

// extension finds the next node to try. Where that is this one there is no new call: its users' phones, or its script.
func (q question) extension(to verb.Target, tried []string) call.Resolved {
	if len(to.Nodes) == 0 { // all nodes know the users and where they are registered
		return q.at(q.d.cluster.self, to.Extension, tried)
	}
	failed := call.Resolved{Number: to.Extension, Tried: tried, Error: call.CauseUnreachable.Reason}
	for i, node := range to.Nodes {
		mark := nodeTrunk + node
		if slices.Contains(tried, mark) {
			continue
		}
		r := q.at(node, to.Extension, append(slices.Clone(tried), mark))
		if slices.Contains(notThere, r.Error) {
			failed.Error = r.Error
			continue
		}
		if i < len(to.Nodes)-1 && len(r.Destinations) > 0 && node != q.d.cluster.self {
			r.Else = map[string]verb.Target{call.StatusFailed: to, call.StatusTimeout: to}
		}
		return r
	}
	return failed
}

// notThere are the errors after which the next node is asked.
var notThere = []string{unknownExtension, unknownNode, loopDetected, badURI}

// at is an extension on one node.
func (q question) at(node, extension string, tried []string) call.Resolved {
	r := call.Resolved{Number: extension, Tried: tried, Target: "extension:" + extension}
	u, isUser := q.t.Users[extension]
	if isUser {
		r.Name, r.Target = u.Name, "user:"+extension
	}
	p := q.d.cluster.peers[node]
	user, good := userPart(extension)
	switch {
	case node == q.d.cluster.self:
		return q.here(r, u, isUser)
	case p == nil:
		r.Error = unknownNode
	case slices.Contains(q.came.path, node) || q.came.tired(): // it has been there: it would go round for ever
		r.Error = loopDetected
	case !good:
		r.Error = badURI
	default:
		r.Destinations = []call.Destination{p.destination(node, user, "")}
	}
	return r
}

func (q question) here(r call.Resolved, u config.User, isUser bool) call.Resolved {
	_, isNumber := q.t.Numbers[r.Number]
	switch {
	case isNumber || isUser && u.Answer != nil && !u.Dnd && u.Forward.Always == "":
		r.Script = q.n.cfg.Router
	case isUser:
		target := r.Target
		r = q.user(r.Number, r.Tried)
		r.Target = cmp.Or(r.Target, target)
	default:
		r.Error = unknownExtension
	}
	return r
}

// contact is one registered device.
func (q question) contact(uri string) call.Resolved {
	for _, b := range q.n.Registrations(q.tenant) {
		if b.Contact == uri {
			return call.Resolved{Name: q.t.Users[b.User].Name, Number: b.User, Target: "user:" + b.User, Destinations: []call.Destination{q.device(b)}}
		}
	}
	return call.Resolved{Number: uri, Error: notRegistered}
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
		r.Error = unknownGateway
	case !good:
		r.Error = badURI
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
		if transport == "tls" {
			port = "5061"
		}
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
