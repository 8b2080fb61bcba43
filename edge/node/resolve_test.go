package node

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/schemas/verb"
)

const office = `
tenants:
  acme:
    numbers: {"700": {answer: "http://mail.test/"}, "#101": {answer: "http://x.test/"}}
    gateways: {zeta: {host: 192.0.2.6}, alpha: {host: 192.0.2.5}}
    users:
      "101": {name: Ilze, password: x, ring_for: 15s, caller_id: "+371101"}
      "102": {password: x, forward: {always: "101"}}
      "103": {password: x, dnd: true}
      "104": {password: x, dnd: true, forward: {busy: "101"}}
      "105": {password: x, busy: reject, forward: {busy: "700", no_answer: "106", offline: "+37129"}}
      "106": {password: x, caller_id: "+371106", forward: {offline: "+37129"}}
      "107": {password: x, caller_id: "+371107", forward: {always: "+37129"}}
      "108": {password: x, answer: "http://own.test/"}
      "109": {password: x, forward: {always: "108"}}
      "110": {password: x, forward: {always: "700"}}
      "201": {password: x, forward: {offline: "202"}}
      "202": {password: x, forward: {offline: "203"}}
      "203": {password: x, forward: {offline: "204"}}
      "204": {password: x, forward: {offline: "205"}}
      "205": {password: x, forward: {offline: "206"}}
      "206": {password: x}
      "301": {password: x, forward: {offline: "302"}}
      "302": {password: x, forward: {offline: "301"}}
nodes: {riga: {host: 10.0.0.7}, oslo: {host: "10.0.0.8:5070", transport: tcp}, far: {host: edge.far.test}}
cluster_secret: together
`

// officeNode has phones registered for some users: at riga over UDP, 301's over a stream to oslo.
func officeNode(t *testing.T, online ...string) *Node {
	t.Helper()
	n := &Node{cfg: Config{Name: "riga", Router: "fn:router"}, log: slog.New(slog.DiscardHandler), meetings: newMeetings()}
	if err := n.Reload(read(t, office)); err != nil {
		t.Fatal(err)
	}
	net := edgetest.NewNet()
	ua, err := sipua.New(sipua.Config{Listen: []sipua.Listen{{Network: "udp", Addr: "10.0.0.7:5060"}}, Node: "riga",
		ListenPacket: net.ListenPacket, ListenTCP: net.Listen}, n, n.Directory())
	if err != nil {
		t.Fatal(err)
	}
	n.Attach(ua)
	for _, user := range online {
		b := sipua.Binding{Tenant: "acme", User: user, Contact: "sip:" + user + "@10.1.1.1", Via: "udp:10.1.1.1:5060", Node: "riga", Expires: time.Now().Add(time.Hour)}
		if strings.HasPrefix(user, "3") {
			b.Flow, b.Node = "oslo-flow-7", "oslo"
		}
		ua.Restore([]sipua.Binding{b})
	}
	return n
}

// told is what an answer says, on one line.
func told(r call.Resolved) string {
	var b strings.Builder
	for _, d := range r.Destinations {
		fmt.Fprintf(&b, "%s ", d.URI)
		if d.Node != "" {
			fmt.Fprintf(&b, "(%s %s %s) ", d.Node, d.Via, d.Contact)
		}
	}
	for _, status := range []string{"busy", "no_answer", "timeout", "failed"} {
		if to, ok := r.Else[status]; ok {
			fmt.Fprintf(&b, "%s:%s%s%s ", status, to.User, to.Number, to.Extension)
		}
	}
	for _, f := range []struct{ name, value string }{{"as", r.Target}, {"id", r.CallerID}, {"script", r.Script}, {"error", r.Error}} {
		if f.value != "" {
			fmt.Fprintf(&b, "%s=%s ", f.name, f.value)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestAUsersSettingsAreObeyed(t *testing.T) {
	n := officeNode(t, "101", "103", "104", "105", "108")
	for _, tt := range []struct {
		user  string
		tried []string
		want  string
	}{
		{"101", nil, "sip:101@10.1.1.1"},
		{"102", nil, "sip:101@10.1.1.1 as=user:101"},
		{"103", nil, "error=busy"},
		{"104", nil, "sip:101@10.1.1.1 as=user:101"},
		{"105", nil, "sip:105@10.1.1.1 busy:700 no_answer:106 timeout:+37129 failed:+37129"},
		{"106", nil, "sip:+37129@192.0.2.5 as=number:+37129 id=+371106"},
		{"107", nil, "sip:+37129@192.0.2.5 as=number:+37129 id=+371107"},
		{"108", nil, "sip:108@10.1.1.1"},
		{"109", nil, "sip:108@10.1.1.1 as=user:108 script=fn:router"},
		{"108", []string{"user:102"}, "sip:108@10.1.1.1 as=user:108 script=fn:router"},
		{"108", []string{"user:102", "user:108"}, "sip:108@10.1.1.1 as=user:108"},
		{"110", nil, "as=extension:700 script=fn:router"},
		{"206", nil, "error=not_registered"},
		{"201", nil, "error=forward_loop"},
		{"202", nil, "as=user:206 error=not_registered"},
		{"301", nil, "error=forward_loop"},
		{"101", []string{"user:101", "user:105"}, "error=forward_loop"},
		{"999", nil, "error=unknown_user"},
	} {
		if got := told(n.resolve("acme", call.Resolve{Target: verb.Target{User: tt.user}, Tried: tt.tried}, way{})); got != tt.want {
			t.Errorf("%s after %v: %s\nwant %s", tt.user, tt.tried, got, tt.want)
		}
	}
}

func TestPhonesCalledDirectlyRingWhateverIsSet(t *testing.T) {
	n := officeNode(t, "103", "105")
	for user, want := range map[string]string{"103": "sip:103@10.1.1.1", "105": "sip:105@10.1.1.1", "102": "error=not_registered"} {
		if got := told(n.resolve("acme", call.Resolve{Target: verb.Target{User: user, Direct: true}}, way{})); got != want {
			t.Errorf("%s: %s, want %s", user, got, want)
		}
	}
}

func TestAUserInConversationIsBusyWhenThatIsSet(t *testing.T) {
	n := officeNode(t, "101", "105")
	s := &session{tenant: "acme", node: n}
	n.meetings.enter(s, call.Name{Name: "talking:105"})
	n.meetings.enter(s, call.Name{Name: "talking:101"})
	for user, want := range map[string]string{"105": "as=extension:700 script=fn:router", "101": "sip:101@10.1.1.1"} {
		if got := told(n.resolve("acme", call.Resolve{Target: verb.Target{User: user}}, way{})); got != want {
			t.Errorf("%s: %s, want %s", user, got, want)
		}
	}
}

func TestAnExtensionIsTriedNodeByNode(t *testing.T) {
	n := officeNode(t, "101", "301", "108")
	for _, tt := range []struct {
		extension, nodes, tried string
		came                    way
		want                    string
	}{
		{"101", "", "", way{}, "sip:101@10.1.1.1 as=user:101"},
		{"700", "", "", way{}, "as=extension:700 script=fn:router"},
		{"108", "", "", way{}, "as=user:108 script=fn:router"},
		{"999", "", "", way{}, "as=extension:999 error=unknown_extension"},
		{"101", "riga oslo", "", way{}, "sip:101@10.1.1.1 as=user:101"},
		{"700", "oslo riga", "", way{}, "sip:700@10.0.0.8:5070 (oslo tcp:10.0.0.8:5070 ) timeout:700 failed:700 as=extension:700"},
		{"#101", "oslo", "", way{}, "sip:%23101@10.0.0.8:5070 (oslo tcp:10.0.0.8:5070 ) as=extension:#101"},
		{"700", "oslo riga", "node:oslo", way{}, "as=extension:700 script=fn:router"},
		{"700", "far", "", way{}, "sip:700@edge.far.test:5060;transport=udp (far  ) as=extension:700"},
		{"999", "riga oslo", "", way{}, "sip:999@10.0.0.8:5070 (oslo tcp:10.0.0.8:5070 ) as=extension:999"},
		{"999", "oslo riga", "node:oslo", way{}, "error=unknown_extension"},
		{"700", "tallinn", "", way{}, "error=unknown_node"},
		{"700", "tallinn oslo", "", way{}, "sip:700@10.0.0.8:5070 (oslo tcp:10.0.0.8:5070 ) as=extension:700"},
		{"700", "oslo", "", way{path: []string{"oslo"}}, "error=loop_detected"},
		{"700", "far oslo", "node:far", way{path: []string{"oslo"}}, "error=loop_detected"},
		{"700", "far", "", way{path: []string{"oslo"}, hops: 1}, "error=loop_detected"},
		{"700", "oslo", "node:oslo", way{}, "error=unreachable"},
	} {
		o := call.Resolve{Target: verb.Target{Extension: tt.extension, Nodes: strings.Fields(tt.nodes)}, Tried: strings.Fields(tt.tried)}
		if got := told(n.resolve("acme", o, tt.came)); got != tt.want {
			t.Errorf("%s at %q after %q: %s\nwant %s", tt.extension, tt.nodes, tt.tried, got, tt.want)
		}
	}
}

func TestAPhoneOnAnotherNodesStreamIsReachedThere(t *testing.T) {
	n := officeNode(t, "301")
	d := n.resolve("acme", call.Resolve{Target: verb.Target{User: "301"}}, way{}).Destinations
	if len(d) != 1 || d[0].Node != "oslo" || d[0].Contact != "sip:301@10.1.1.1" || d[0].URI != "sip:301@10.0.0.8:5070" || d[0].Flow != "" {
		t.Errorf("%+v", d)
	}
	if got := told(n.resolve("acme", call.Resolve{Target: verb.Target{Contact: "sip:301@10.1.1.1"}}, way{})); !strings.HasSuffix(got, "as=user:301") {
		t.Error(got)
	}
	if got := told(n.resolve("acme", call.Resolve{Target: verb.Target{Contact: "sip:x@10.1.1.1"}}, way{})); got != "error=not_registered" {
		t.Error(got)
	}
}

func TestARedirectionLeadsNoFurtherThanTheTenantAllows(t *testing.T) {
	n := officeNode(t, "101")
	for uri, want := range map[string][2]string{
		"sip:101@192.0.2.9":             {"sip:101@10.1.1.1 as=user:101", "sip:101@10.1.1.1 as=user:101"},
		"sip:102@acme.test":             {"sip:101@10.1.1.1 as=user:101", "sip:101@10.1.1.1 as=user:101"},
		"sip:+37129@192.0.2.9:5080":     {"error=redirect_refused", "sip:+37129@192.0.2.5 as=number:+37129 id=+371106"},
		"sip:700@acme.test":             {"error=redirect_refused", "as=extension:700 script=fn:router"},
		"sip:+37129;x=y@192.0.2.9":      {"error=redirect_refused", "error=redirect_refused"},
		"sip:192.0.2.9":                 {"error=redirect_refused", "error=redirect_refused"},
		"sip:anna@192.0.2.9":            {"error=redirect_refused", "error=redirect_refused"},
		"http://x.test/":                {"error=redirect_refused", "error=redirect_refused"},
		"sip:105@acme.test;transport=x": {"as=user:105 error=forward_loop", "as=user:105 error=forward_loop"},
	} {
		for i, policy := range []string{call.RedirectsUsers, call.RedirectsFollow} {
			o := call.Resolve{Target: verb.Target{SIP: uri}, Moved: policy, Tried: []string{"user:105", "user:106"}}
			if got := told(n.resolve("acme", o, way{})); got != want[i] {
				t.Errorf("%s, %s: %s\nwant %s", uri, policy, got, want[i])
			}
		}
	}
}

func TestATargetOfNoKindIsRefused(t *testing.T) {
	if got := told(officeNode(t).resolve("acme", call.Resolve{}, way{})); got != "error=bad_target" {
		t.Error(got)
	}
}

func TestVisitsAreBounded(t *testing.T) {
	var tried []string
	for i := range maxForwards {
		var loop bool
		if tried, loop = visit(tried, fmt.Sprint(i)); loop {
			t.Fatalf("user %d is a loop", i)
		}
	}
	before := slices.Clone(tried)
	if now, loop := visit(tried, "6"); !loop || len(now) != len(before)+1 || !slices.Equal(tried, before) {
		t.Error("a sixth user is no loop")
	}
}
