package sipua

import (
	"context"
	"encoding/csv"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
)

const plain = `OPTIONS sip:100@demo.test SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKx
From: <sip:1@x.test>;tag=1
To: <sip:100@demo.test>
Call-ID: c
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

`

func wire(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

// openDirectory owns every domain, as a single tenant does, and trusts every sender if trusting.
type openDirectory struct{ trusting bool }

func (openDirectory) Tenant(string) (string, string, bool)           { return "demo", "demo", true }
func (openDirectory) Password(string, string) (string, string, bool) { return "", "", false }
func (openDirectory) IsUser(string, string) bool                     { return false }
func (d openDirectory) Trusted(netip.Addr) bool                      { return d.trusting }
func (openDirectory) Gateways() []Gateway                            { return nil }
func (d openDirectory) TrunkByAddress(netip.Addr, string) (string, string, bool) {
	return "demo", "local", d.trusting
}

// busyHandler refuses every call.
type busyHandler struct{ doorHandler }

func (*busyHandler) OnInvite(d *Dialog, _ Invite) { d.End(End{Code: 486}) }

var uaAt = netip.MustParseAddrPort("192.0.2.1:5060")

// rack is a UA on a network that keeps what the UA sends.
type rack struct {
	t    *testing.T
	net  *edgetest.Net
	from net.PacketConn
	mu   sync.Mutex
	sent [][]byte
	stop func()
}

func newRack(t *testing.T, dir Directory) *rack {
	t.Helper()
	r := &rack{t: t, net: edgetest.NewNet()}
	r.net.SetFate(r.fate)
	u, err := New(Config{
		Listen: []Listen{{"udp", uaAt.String()}}, Node: "riga", Secret: []byte("k"), ListenPacket: r.net.ListenPacket,
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, os.ErrNotExist },
	}, &busyHandler{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.from, err = r.net.ListenPacket("udp", phoneAt.String()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- u.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := u.Dialogs(); n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	}
	return r
}

func (r *rack) fate(p edgetest.Packet) []time.Duration {
	if p.From == uaAt {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sent = append(r.sent, p.Data)
		if p.To != phoneAt {
			r.t.Errorf("sent to %s:\n%s", p.To, p.Data)
		}
	}
	return []time.Duration{0}
}

// final sends raw and gives the final status that came back, 0 if none did. It waits until nothing is left of it.
func (r *rack) final(raw []byte) (status int, response string) {
	r.t.Helper()
	r.mu.Lock()
	r.sent = nil
	r.mu.Unlock()
	if _, err := r.from.WriteTo(raw, net.UDPAddrFromAddrPort(uaAt)); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(40 * time.Second)
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.sent {
		code, err := strconv.Atoi(string(m[8:11]))
		if err != nil || string(m[:8]) != "SIP/2.0 " {
			r.t.Fatalf("no response:\n%s", m)
		}
		if code >= 200 && status != 0 && code != status {
			r.t.Errorf("answered %d and %d", status, code)
		}
		if code >= 200 {
			status, response = code, string(m)
		}
	}
	return status, response
}

// torture gives the messages and what may be answered.
func torture(t *testing.T) (messages [][]string) {
	t.Helper()
	f, err := os.Open("testdata/torture/expectations.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/torture/*/*.dat")
	if err != nil || len(files) != len(rows)-1 {
		t.Fatalf("%d messages, %d expectations, %v", len(files), len(rows)-1, err)
	}
	return rows[1:]
}

// allowed reads an expectation: codes, "silent", "any" (but not the codes of a fault), separated by "|".
func allowed(expected string, status int) bool {
	if status == 0 {
		return slices.Contains(strings.Split(expected, "|"), "silent")
	}
	for e := range strings.SplitSeq(expected, "|") {
		if e == strconv.Itoa(status) || e == "any" && !slices.Contains([]int{400, 500, 501, 505}, status) {
			return true
		}
	}
	return false
}

var optionsTag = regexp.MustCompile(`(?m)^To: <sip:100@demo\.test>;tag=`)

func TestTortureMessagesAreAnsweredAsTheyMay(t *testing.T) {
	rows := torture(t)
	for name, dir := range map[string]Directory{"strangers": doorDirectory{}, "own domain": openDirectory{}, "trusted": openDirectory{trusting: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRack(t, dir)
				defer r.stop()
				for i, row := range rows {
					raw, err := os.ReadFile(filepath.Join("testdata/torture", row[0]))
					if err != nil {
						t.Fatal(err)
					}
					if status, response := r.final(raw); !allowed(row[1], status) {
						t.Errorf("%s: answered %d, may be %s: %s\n%s", row[0], status, row[1], row[2], response)
					}
					ping := strings.NewReplacer("Call-ID: c", "Call-ID: ping"+strconv.Itoa(i), "branch=z9hG4bKx", "branch=z9hG4bKp"+strconv.Itoa(i)).Replace(plain)
					if status, response := r.final(wire(ping)); status != 200 || !optionsTag.MatchString(response) {
						t.Fatalf("after %s an OPTIONS gets %d\n%s", row[0], status, response)
					}
				}
			})
		})
	}
}
