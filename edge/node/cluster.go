package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

const (
	tokenAge     = time.Minute     // how old a token may be, and how far the clocks of two nodes may differ
	tokenBytes   = 28 << 10        // the longest token: 16 parameters of 256 characters
	nodePatience = 3 * time.Second // a node that gives no sign of life for so long is down
	maxNodes     = 8               // nodes that a call may have passed
	lookUpEvery  = 30 * time.Second
)

// nodeTrunk begins the name of the trunk that another edge's calls come by.
const nodeTrunk = "node:"

// cluster is what the configuration says of the edges.
type cluster struct {
	self  string
	key   []byte
	peers map[string]*peer
}

// peer is another edge.
type peer struct {
	host, port, transport string
	addrs                 atomic.Pointer[[]netip.Addr] // what host is; looked up again and again when it is a name
}

// claims are what one edge tells another beside a call.
type claims struct {
	Tenant  string            `json:"t"`
	Call    string            `json:"c"`           // Call-ID: a token is good for one call
	To      string            `json:"to"`          // user part of the Request-URI
	At      int64             `json:"at"`          // Unix seconds
	Path    []string          `json:"v"`           // nodes that the call has passed, the sender last
	Params  map[string]string `json:"p,omitempty"` // for the script
	Contact string            `json:"d,omitempty"` // for this device, which only the receiver can reach, not for a script
}

// way is how a call came here through the cluster.
type way struct {
	path []string // nodes that it has passed
	hops int      // Max-Forwards, as it came; 0: it began here
}

// tired: the call has passed so much that it goes in a circle.
func (w way) tired() bool { return w.hops == 1 || len(w.path) >= maxNodes }

func newCluster(self string, c *config.Config) (cluster, error) {
	out := cluster{self: self, peers: map[string]*peer{}}
	if len(c.Nodes) == 0 {
		return out, nil
	}
	if c.ClusterSecret.Value == "" {
		return out, errors.New("nodes: cluster_secret is needed, the same at all nodes")
	}
	if _, ok := c.Nodes[self]; !ok {
		return out, fmt.Errorf("nodes: there is none of the name of this edge, %q; there are %s; --name names the edge", self, strings.Join(slices.Sorted(maps.Keys(c.Nodes)), ", "))
	}
	key := sha256.Sum256([]byte("offhook calls between nodes\x00" + c.ClusterSecret.Value))
	out.key = key[:]
	for name, n := range c.Nodes {
		out.peers[name] = newPeer(n)
	}
	return out, nil
}

// keep takes over the addresses that were found before.
func (c cluster) keep(old cluster) {
	for name, p := range c.peers {
		if was := old.peers[name]; was != nil && was.host == p.host {
			p.addrs.Store(was.addrs.Load())
		}
	}
}

func newPeer(n config.Node) *peer {
	host, port, err := net.SplitHostPort(n.Host)
	if err != nil {
		host, port = strings.Trim(n.Host, "[]"), "5060"
	}
	p := &peer{host: host, port: port, transport: n.Transport}
	if p.transport == "" {
		p.transport = "udp"
	}
	if a, err := netip.ParseAddr(host); err == nil {
		p.addrs.Store(&[]netip.Addr{a.Unmap()})
	}
	return p
}

func (p *peer) at() []netip.Addr {
	if all := p.addrs.Load(); all != nil {
		return *all
	}
	return nil
}

// destination of a number or device behind a node.
func (p *peer) destination(node, user, contact string) call.Destination {
	d := call.Destination{URI: "sip:" + user + "@" + net.JoinHostPort(p.host, p.port), Node: node, Contact: contact}
	if all := p.at(); len(all) > 0 {
		d.Via = p.transport + ":" + net.JoinHostPort(all[0].String(), p.port)
	} else {
		d.URI += ";transport=" + p.transport
	}
	return d
}

// token signs what another edge is told.
func (c cluster) token(said claims) string {
	said.Path = append(slices.Clone(said.Path), c.self)
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false) // six bytes for each < would make the header too long
	_ = enc.Encode(said)     // strings and numbers always encode
	text := base64.RawURLEncoding.EncodeToString(raw.Bytes())
	return text + "." + base64.RawURLEncoding.EncodeToString(c.sign(text))
}

func (c cluster) sign(text string) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// read gives what a token says when its signature is good.
func (c cluster) read(token string) (said claims, err error) {
	text, signature, _ := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if len(c.key) == 0 || len(token) > tokenBytes || err != nil || !hmac.Equal(given, c.sign(text)) {
		return said, errors.New("its signature is not the cluster's")
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err == nil && len(said.Path) == 0 {
		err = errors.New("it names no node")
	}
	return said, err
}

// believe judges the token of a call from src.
func (c cluster) believe(src netip.Addr, callID, to, token string, now time.Time) (claims, error) {
	said, err := c.read(token)
	if err != nil {
		return said, err
	}
	sender := said.Path[len(said.Path)-1]
	p := c.peers[sender]
	switch {
	case p == nil || !slices.Contains(p.at(), src):
		return said, fmt.Errorf("it is node %s's, and this is not its address", strconv.Quote(sender))
	case said.Call != callID || said.To != to:
		return said, errors.New("it was made for another call")
	case now.Sub(time.Unix(said.At, 0)).Abs() > tokenAge:
		return said, fmt.Errorf("it was made at %s: it is old, or the clocks differ", time.Unix(said.At, 0).UTC().Format(time.RFC3339))
	}
	return said, nil
}

// isPeer tells whether an edge of the cluster has this address.
func (c cluster) isPeer(src netip.Addr) bool {
	for _, p := range c.peers {
		if slices.Contains(p.at(), src) {
			return true
		}
	}
	return false
}

// FromNode admits the calls of other edges, for every tenant.
func (n *liveDirectory) FromNode(src netip.Addr, callID, to, token string) (tenant, trunk string, ok bool) {
	d := n.d()
	said, err := d.cluster.believe(src, callID, to, token, time.Now())
	if err == nil && d.tenants[said.Tenant] == nil {
		err = fmt.Errorf("there is no tenant %s here", strconv.Quote(said.Tenant))
	}
	if err == nil {
		return said.Tenant, nodeTrunk + said.Path[len(said.Path)-1], true
	}
	if d.cluster.isPeer(src) { // from others it is an attempt, and those may be many
		n.log.Warn("call parameters not believed", "from", src, "sip_call_id", callID, "err", err)
	}
	return "", "", false
}

// arrive reads the way of an admitted call, and what it brings; ok false: it goes in a circle.
func (s *session) arrive(in sipua.Invite) (said claims, ok bool) {
	s.way.hops = in.Hops
	c := s.node.dir.Load().cluster
	if in.Token == "" {
		return said, true
	}
	said, err := c.read(in.Token) // FromNode has believed it, but perhaps by an older configuration
	if err != nil {
		return claims{}, true
	}
	s.way.path = said.Path
	return said, said.Contact != "" || !slices.Contains(said.Path, c.self)
}

// start is what a new call runs: the router, or for a device of ours that another edge calls, no more than to connect it.
func (n *Node) start(said claims) verb.Do {
	if said.Contact == "" {
		return verb.Do{URL: n.cfg.Router}
	}
	on := map[string]verb.Do{}
	for status, code := range map[string]int{"busy": 486, "no_answer": 480, "timeout": 408, "failed": 503, "refused": 603} {
		on[status] = verb.Do{Document: verb.Document{&verb.Reject{Status: code}}}
	}
	dial := &verb.Dial{To: verb.Targets{{Contact: said.Contact}}, RingFor: verb.Duration(2 * time.Minute), On: on}
	return verb.Do{Document: verb.Document{dial}}
}

// introduce adds to the INVITE of a leg to another edge what that one is told.
func (s *session) introduce(r *sipua.InviteRequest, o call.LegInvite) {
	said := claims{Tenant: s.tenant, Call: r.CallID, To: numberIn(o.Destination.URI), At: time.Now().Unix(), Path: s.way.path,
		Params: o.Params, Contact: o.Destination.Contact}
	r.Headers = append(r.Headers, sipua.Header{Name: sipua.TokenHeader, Value: s.node.dir.Load().cluster.token(said)})
	r.Patience, r.Hops = nodePatience, s.way.hops-1
}

// numberIn undoes userPart.
func numberIn(uri string) string {
	user, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
	return strings.ReplaceAll(user, "%23", "#")
}

// lookUp keeps the addresses of nodes that are known by name.
func (n *Node) lookUp(ctx context.Context) {
	for {
		for _, p := range n.dir.Load().cluster.peers {
			n.lookUpPeer(ctx, p)
		}
		select {
		case <-ctx.Done():
			return
		case <-n.reloaded:
		case <-time.After(lookUpEvery):
		}
	}
}

func (n *Node) lookUpPeer(ctx context.Context, p *peer) {
	if _, err := netip.ParseAddr(p.host); err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", p.host)
	if err != nil {
		n.log.Warn("a node's name is not found", "host", p.host, "err", err)
		return
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	p.addrs.Store(&all)
}
