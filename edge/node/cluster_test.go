package node

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/sipua"
)

var (
	at   = time.Unix(1_700_000_000, 0)
	oslo = netip.MustParseAddr("10.0.0.8")
)

// clusterOf is the office's cluster as one of its nodes sees it.
func clusterOf(t *testing.T, self, yaml string) cluster {
	t.Helper()
	c, err := newCluster(self, read(t, yaml))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATokenIsBelievedFromItsNodeForItsCallAlone(t *testing.T) {
	there, here := clusterOf(t, "oslo", office), clusterOf(t, "riga", office)
	said := claims{Tenant: "acme", Call: "c1", To: "700", At: at.Unix(), Path: []string{"far"}, Params: map[string]string{"mailbox": "106"}}
	good := there.token(said)
	got, err := here.believe(oslo, "c1", "700", good, at.Add(59*time.Second))
	if err != nil || got.Tenant != "acme" || !maps.Equal(got.Params, said.Params) || !slices.Equal(got.Path, []string{"far", "oslo"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if !slices.Equal(said.Path, []string{"far"}) {
		t.Error("the way of the call was changed")
	}
	text, signature, _ := strings.Cut(good, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	forged := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "106", "107", 1)))
	other := clusterOf(t, "oslo", strings.Replace(office, "together", "apart", 1)).token(said)
	stranger := clusterOf(t, "oslo", office)
	stranger.self = "tallinn"
	for name, tt := range map[string]struct {
		src      string
		call, to string
		token    string
		after    time.Duration
		why      string
	}{
		"another address":        {"10.0.0.9", "c1", "700", good, 0, "address"},
		"another node's address": {"10.0.0.7", "c1", "700", good, 0, "address"},
		"another call":           {"10.0.0.8", "c2", "700", good, 0, "another call"},
		"another number":         {"10.0.0.8", "c1", "701", good, 0, "another call"},
		"late":                   {"10.0.0.8", "c1", "700", good, 61 * time.Second, "old"},
		"from the future":        {"10.0.0.8", "c1", "700", good, -61 * time.Second, "clocks"},
		"changed":                {"10.0.0.8", "c1", "700", forged + "." + signature, 0, "signature"},
		"another secret":         {"10.0.0.8", "c1", "700", other, 0, "signature"},
		"unknown node":           {"10.0.0.8", "c1", "700", stranger.token(said), 0, "tallinn"},
		"unsigned":               {"10.0.0.8", "c1", "700", text, 0, "signature"},
		"empty":                  {"10.0.0.8", "c1", "700", "", 0, "signature"},
		"too long":               {"10.0.0.8", "c1", "700", strings.Repeat("a", tokenBytes) + "." + signature, 0, "signature"},
	} {
		if _, err := here.believe(netip.MustParseAddr(tt.src), tt.call, tt.to, tt.token, at.Add(tt.after)); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := clusterOf(t, "", `tenants: {acme: {}}`).believe(oslo, "c1", "700", good, at); err == nil {
		t.Error("a token is believed without a cluster")
	}
}

func TestTheMostParametersFit(t *testing.T) {
	for _, char := range []string{"<", "ā", `"`, "😀"} {
		params := map[string]string{}
		for i := range 16 {
			params[fmt.Sprintf("%064d", i)] = strings.Repeat(char, 256)
		}
		token := clusterOf(t, "oslo", office).token(claims{Tenant: "acme", Params: params})
		if said, err := clusterOf(t, "riga", office).read(token); err != nil || !maps.Equal(said.Params, params) {
			t.Errorf("%d bytes: %v", len(token), err)
		}
	}
}

func TestWhatRingsAnywhereIsFoundTheOldestFirst(t *testing.T) {
	n := officeNode(t)
	first, second, other := &session{tenant: "acme", node: n}, &session{tenant: "acme", node: n}, &session{tenant: "bolt", node: n}
	n.meetings.enter(other, call.Name{Name: "ringing:101"})
	n.meetings.enter(first, call.Name{Name: "ringing:105"})
	n.meetings.enter(second, call.Name{Name: "ringing:101"})
	n.meetings.enter(second, call.Name{Name: "talking:102"})
	from := &session{tenant: "acme", node: n}
	if n.find(from, "ringing:*", nil) != first || n.find(from, "ringing:*", []*session{first}) != second ||
		n.find(from, "ringing:*", []*session{first, second}) != nil {
		t.Error("another call was found")
	}
}

func TestTheDirectoryAdmitsNodesForEveryTenantThatThereIs(t *testing.T) {
	n, there := officeNode(t), clusterOf(t, "oslo", office)
	cluster := n.Directory().(sipua.Cluster)
	said := claims{Tenant: "acme", Call: "c1", To: "700", At: time.Now().Unix()}
	if tenant, trunk, ok := cluster.FromNode(oslo, "c1", "700", there.token(said)); tenant != "acme" || trunk != "node:oslo" || !ok {
		t.Errorf("%s %s %v", tenant, trunk, ok)
	}
	said.Tenant = "bolt"
	for token, src := range map[string]string{there.token(said): "10.0.0.8", "x": "192.0.2.1"} {
		if _, _, ok := cluster.FromNode(netip.MustParseAddr(src), "c1", "700", token); ok {
			t.Errorf("admitted from %s", src)
		}
	}
}

func TestACallThatComesBackIsALoop(t *testing.T) {
	n, there := officeNode(t), clusterOf(t, "oslo", office)
	for _, tt := range []struct {
		path    []string
		contact string
		ok      bool
	}{{nil, "", true}, {[]string{"far"}, "", true}, {[]string{"riga"}, "", false}, {[]string{"riga"}, "sip:301@10.1.1.1", true}} {
		s := &session{node: n, tenant: "acme"}
		token := there.token(claims{Tenant: "acme", Path: tt.path, Contact: tt.contact})
		said, ok := s.arrive(sipua.Invite{Hops: 60, Token: token})
		if ok != tt.ok || s.way.hops != 60 || !slices.Equal(s.way.path, append(slices.Clone(tt.path), "oslo")) {
			t.Errorf("%v: %v %+v", tt, ok, s.way)
		}
		if start := n.start(said); (start.URL == "fn:router") != (tt.contact == "") {
			t.Errorf("%v starts with %+v", tt, start)
		}
	}
}

func TestAClusterNeedsASecretAndThisNode(t *testing.T) {
	c := read(t, office)
	c.ClusterSecret.Value = ""
	if _, err := newCluster("riga", c); err == nil || !strings.Contains(err.Error(), "cluster_secret") {
		t.Error(err)
	}
	if _, err := newCluster("edge", read(t, office)); err == nil || !strings.Contains(err.Error(), "--name") {
		t.Error(err)
	}
}

func TestAddressesThatWereFoundAreKept(t *testing.T) {
	n := officeNode(t)
	found := []netip.Addr{netip.MustParseAddr("192.0.2.77")}
	n.dir.Load().cluster.peers["far"].addrs.Store(&found)
	if err := n.Reload(read(t, office)); err != nil {
		t.Fatal(err)
	}
	c := n.dir.Load().cluster
	if !c.isPeer(found[0]) || c.isPeer(netip.MustParseAddr("192.0.2.78")) {
		t.Error("the address of a node is not known any more")
	}
	if d := c.peers["far"].destination("far", "700", ""); d.Via != "udp:192.0.2.77:5060" {
		t.Errorf("%+v", d)
	}
}
