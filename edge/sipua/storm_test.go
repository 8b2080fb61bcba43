package sipua_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sipua"
)

// slowDirectory takes its time for each request, and trusts nobody.
type slowDirectory struct {
	openDirectory
	takes time.Duration
	stall *atomic.Int64 // takes so long once
}

func (d slowDirectory) Tenant(string) (string, string, bool) {
	time.Sleep(d.takes)
	if d.stall != nil {
		time.Sleep(time.Duration(d.stall.Swap(0)))
	}
	return "demo", "demo.test", true
}
func (slowDirectory) Trusted(netip.Addr) bool { return false }

// notes is a log.
type notes struct {
	mu  sync.Mutex
	all strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all.Write(p)
}

func (n *notes) count(what string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.all.String(), what)
}

func TestCallsOfOthersAreServedInAStormOfOneSource(t *testing.T) {
	var log notes
	runIn(t, slowDirectory{takes: time.Millisecond}, func(r *rig) {
		r.onInvite = func(d *sipua.Dialog, _ sipua.Invite) { d.End(sipua.End{Code: 486}) }
		storm, p := r.phone("127.0.0.66:5060"), r.phone("127.0.0.7:5060")
		for i := range 8000 { // four times what can be served, for two seconds
			storm.trySend(strings.Replace(storm.dial(fmt.Sprint("storm-", i)).request("REGISTER", "", ""), "sip:100@", "sip:", 1))
			time.Sleep(250 * time.Microsecond)
			if i%400 != 0 {
				continue
			}
			s := p.dial(fmt.Sprint("call-", i))
			p.send(s.request("INVITE", "", offerSDP))
		}
		for served := range 20 {
			for m := p.get(time.Second); summary(m) != "486 INVITE"; m = p.get(time.Second) {
				if got := summary(m); got != "100 INVITE" {
					t.Fatalf("after %d calls: %s", served, got)
				}
			}
		}
		if n := r.ua.Excess(); n < 4000 {
			t.Errorf("%d in excess", n)
		}
		if n := log.count("more than its share"); n != 1 || log.count("127.0.0.66:5060") != 1 {
			t.Errorf("logged %d times: %s", n, log.all.String())
		}
	}, func(c *sipua.Config) { c.Workers, c.Logger = 1, slog.New(slog.NewTextHandler(&log, nil)) })
}

// half has a phone send half of what can be served, through a delay.
func half(t *testing.T, delay time.Duration) (excess int64) {
	var stall atomic.Int64
	runIn(t, slowDirectory{takes: time.Millisecond, stall: &stall}, func(r *rig) {
		p := r.phone("127.0.0.66:5060")
		for i := range 1000 {
			if p.trySend(strings.Replace(p.dial(fmt.Sprint("c-", i)).request("REGISTER", "", ""), "sip:100@", "sip:", 1)); i == 300 {
				stall.Store(int64(delay))
			}
			time.Sleep(2 * time.Millisecond)
		}
		excess = r.ua.Excess()
	}, func(c *sipua.Config) { c.Workers = 1 })
	return excess
}

func TestAMomentsDelayCostsNobodyAnything(t *testing.T) {
	if n := half(t, 180*time.Millisecond); n != 0 {
		t.Errorf("%d requests in excess", n)
	}
	if n := half(t, time.Second); n == 0 {
		t.Error("a second's delay is none")
	}
}
