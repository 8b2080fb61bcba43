package sipua

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// doorDirectory has one tenant, demo, on 192.0.2.1 and demo.test.
type doorDirectory struct {
	trunks   map[string]string // address -> trunk
	gateways []Gateway
}

func (d doorDirectory) Tenant(host string) (string, string, bool) {
	return "demo", "demo.test", host == "192.0.2.1" || host == "demo.test"
}

func (d doorDirectory) Password(_, username string) (string, string, bool) {
	switch username {
	case "101", "102":
		return "secret-" + username, "", true
	case "carrier":
		return "secret-carrier", "carrier", true
	}
	return "", "", false
}

func (d doorDirectory) Trusted(src netip.Addr) bool { return d.trunks[src.String()] != "" }

func (d doorDirectory) TrunkByAddress(src netip.Addr, _ string) (string, string, bool) {
	trunk, ok := d.trunks[src.String()]
	return "demo", trunk, ok
}

func (d doorDirectory) IsUser(_, username string) bool { return username == "101" || username == "102" }
func (d doorDirectory) Gateways() []Gateway            { return d.gateways }

// doorHandler writes down what it is told of registrations.
type doorHandler struct {
	mu   sync.Mutex
	said []string
}

var changeNames = map[BindingChange]string{
	BindingAdded: "added", BindingRefreshed: "refreshed", BindingRemoved: "removed", BindingExpired: "expired", BindingLost: "lost",
}

func (h *doorHandler) OnInvite(*Dialog, Invite)      {}
func (h *doorHandler) OnDialog(*Dialog, DialogEvent) {}
func (h *doorHandler) OnBinding(b Binding, change BindingChange) {
	h.say(changeNames[change] + " " + b.User + " " + b.Contact)
}

func (h *doorHandler) OnGateway(gateway string, registered bool, err error) {
	word := " registered"
	if !registered {
		word = " failed"
	}
	h.say(gateway + word)
}

func (h *doorHandler) say(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, s)
}

func (h *doorHandler) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := strings.Join(h.said, "\n")
	h.said = nil
	return s
}

var phoneAt = netip.MustParseAddrPort("198.51.100.7:5062")

// newDoor is a UA without sockets.
func newDoor(t *testing.T, dir Directory) (*UA, *doorHandler) {
	t.Helper()
	h := &doorHandler{}
	cfg, err := Config{Listen: []Listen{{"udp", "127.0.0.1:0"}}, Node: "riga", Secret: []byte("k")}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	u := &UA{cfg: cfg, handler: h, dir: dir, log: slog.New(slog.DiscardHandler), reload: make(chan struct{}, 1)}
	u.bindings = newBindings(u)
	return u, h
}

// message parses what is written with plain line ends, headers only.
func message(t *testing.T, text string) sip.Message {
	t.Helper()
	raw := []byte(strings.ReplaceAll(strings.TrimSpace(text), "\n", "\r\n") + "\r\n\r\n")
	if reply, ok := guard.Check(raw); !ok {
		t.Fatalf("guard answers %d to\n%s", reply, text)
	}
	m, err := sip.ParseMessage(guard.Canonical(raw))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if status, reason := guard.Normalise(m); status != 0 {
		t.Fatalf("normalise answers %d %s to\n%s", status, reason, text)
	}
	return m
}

func request(t *testing.T, method, uri, more string) *sip.Request {
	t.Helper()
	return message(t, method+" "+uri+` SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKnashds7;rport
Max-Forwards: 70
`+strings.TrimSpace(more)).(*sip.Request)
}

// registerText of user 101.
func registerText(callID, seq, more string) string {
	return "From: <sip:101@demo.test>;tag=1\nTo: <sip:101@demo.test>\nCall-ID: " + callID + "\nCSeq: " + seq + " REGISTER\n" + more
}

// register sends a REGISTER for 101 and answers the challenge.
func register(t *testing.T, u *UA, callID, seq, more string) *sip.Response {
	t.Helper()
	return registerFrom(t, u, phoneAt, callID, seq, more)
}

func registerFrom(t *testing.T, u *UA, src netip.AddrPort, callID, seq, more string) *sip.Response {
	t.Helper()
	req := request(t, "REGISTER", "sip:demo.test", registerText(callID, seq, more))
	res := u.handleRegister(req, src, "UDP", "")
	if res.StatusCode != 401 {
		t.Fatalf("without credentials: %s", res.StartLine())
	}
	answerChallenge(t, req, res, "101", "secret-101", "MD5", 1)
	return u.handleRegister(req, src, "UDP", "")
}

// answerChallenge puts credentials into req as a phone would.
func answerChallenge(t *testing.T, req *sip.Request, res *sip.Response, user, password, algorithm string, count int) {
	t.Helper()
	asked, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		asked, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	for _, h := range res.GetHeaders(asked) {
		chal, err := digest.ParseChallenge(h.Value())
		if err != nil {
			t.Fatal(err)
		}
		if chal.Algorithm != algorithm {
			continue
		}
		cred, err := digest.Digest(chal, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: user, Password: password, Count: count,
		})
		if err != nil {
			t.Fatal(err)
		}
		req.RemoveHeader(answer)
		req.AppendHeader(sip.NewHeader(answer, cred.String()))
		return
	}
	t.Fatalf("no %s challenge in\n%s", algorithm, res)
}

func values(m interface{ GetHeaders(string) []sip.Header }, name string) string {
	var all []string
	for _, h := range m.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return strings.Join(all, " | ")
}

func wantStatus(t *testing.T, res *sip.Response, status int) {
	t.Helper()
	if res == nil || res.StatusCode != status {
		t.Fatalf("got %v, want %d", res, status)
	}
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

const aMinute = time.Minute
