package sipua_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/edgetest"
	"github.com/offhook/offhook/edge/sipua"
)

// chance is a number in [0, n) that depends on nothing but what it is asked for.
func chance(n uint32, of ...any) uint32 {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, of...)
	x := h.Sum32()
	x ^= x >> 16 // FNV alone leaves the low bits of like strings alike
	x *= 0x7feb352d
	x ^= x >> 15
	return x % n
}

// fate: one packet in ten is lost, one in ten comes twice, and all are late by up to 200 ms, so that they overtake.
// It counts the copies of each text, since what else is on the wire differs between runs.
func fate(seed int) edgetest.Fate {
	var mu sync.Mutex
	copies := map[string]int{}
	return func(p edgetest.Packet) []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		text := string(p.Data)
		copies[text]++
		late := func(which int) time.Duration {
			return time.Duration(chance(200, seed, "late", which, text, copies[text])) * time.Millisecond
		}
		switch chance(10, seed, "fate", text, copies[text]) {
		case 0:
			return nil
		case 1:
			return []time.Duration{late(1), late(2)}
		}
		return []time.Duration{late(1)}
	}
}

// actor is a UA whose calls do what the hash of their Call-ID says.
type actor struct {
	ua   *sipua.UA
	name string
	seed int

	mu    sync.Mutex
	ended map[string]int
	wrong []string
}

func (a *actor) roll(n uint32, d *sipua.Dialog, of string) uint32 {
	return chance(n, a.seed, a.name, of, d.CallID())
}

func (a *actor) later(d *sipua.Dialog, of string, longest time.Duration, do func()) {
	time.AfterFunc(time.Duration(a.roll(uint32(longest/time.Millisecond), d, of))*time.Millisecond, do)
}

func (a *actor) OnInvite(d *sipua.Dialog, _ sipua.Invite) {
	d.Progress(180, "", nil, nil)
	switch a.roll(5, d, "answer") {
	case 0:
		a.later(d, "refuse", 5*time.Second, func() { d.End(sipua.End{Code: 486}) })
	case 1: // rings until the caller has enough
	default:
		a.later(d, "accept", 5*time.Second, func() { d.Accept([]byte(ourSDP), nil) })
	}
}

func (a *actor) OnDialog(d *sipua.Dialog, ev sipua.DialogEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended[d.ID()] > 0 {
		a.wrong = append(a.wrong, fmt.Sprintf("%s: event %d after the end", d.CallID(), ev.Kind))
	}
	switch ev.Kind {
	case sipua.Answered:
		a.later(d, "reoffer", 6*time.Second, func() { d.Reoffer([]byte("v=0\r\nhold")) })
		a.later(d, "info", 6*time.Second, func() { d.SendInfo("application/dtmf-relay", []byte("Signal=1\r\n")) })
		if a.roll(2, d, "hangs up") == 0 {
			a.later(d, "hangup", 20*time.Second, func() { d.End(sipua.End{}) })
		}
	case sipua.Offer:
		if a.roll(4, d, "offer") == 0 {
			d.RefuseOffer(488)
		} else {
			d.AnswerOffer([]byte(ourSDP))
		}
	case sipua.Ended:
		a.ended[d.ID()]++
		if w := ev.End.Why; w != sipua.EndBye && w != sipua.EndCancel && w != sipua.EndRefused {
			a.wrong = append(a.wrong, d.CallID()+" ended by "+whys[w])
		}
	}
}

func (a *actor) OnBinding(sipua.Binding, sipua.BindingChange) {}
func (a *actor) OnGateway(string, bool, error)                {}

func (a *actor) call(t *testing.T, i int, to string) {
	d, err := a.ua.Invite(sipua.InviteRequest{
		CallID: fmt.Sprintf("call-%d-%d", a.seed, i), URI: "sip:100@" + to, FromUser: "anna", SDP: []byte(offerSDP),
	})
	if err != nil {
		t.Error(err)
		return
	}
	a.later(d, "enough", 30*time.Second, func() { d.End(sipua.End{}) })
}

func newActor(t *testing.T, n *edgetest.Net, name, addr string, seed int) *actor {
	a := &actor{name: name, seed: seed, ended: map[string]int{}}
	var err error
	a.ua, err = sipua.New(sipua.Config{
		Listen: []sipua.Listen{{Network: "udp", Addr: addr}}, Node: name, Secret: []byte(name), ListenPacket: n.ListenPacket,
	}, a, openDirectory{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// check that every dialog has ended, once.
func (a *actor) check(t *testing.T, least int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.ua.Dialogs(); n != 0 {
		t.Errorf("seed %d: %s has %d dialogs left", a.seed, a.name, n)
	}
	for id, n := range a.ended {
		if n != 1 {
			t.Errorf("seed %d: dialog %s of %s ended %d times", a.seed, id, a.name, n)
		}
	}
	if len(a.ended) < least {
		t.Errorf("seed %d: %d dialogs of %s ended, want %d", a.seed, len(a.ended), a.name, least)
	}
	for _, w := range a.wrong {
		t.Errorf("seed %d: %s: %s", a.seed, a.name, w)
	}
}

func TestEveryDialogEndsOnceOverABadNetwork(t *testing.T) {
	for seed := range 10 {
		synctest.Test(t, func(t *testing.T) {
			const calls = 150
			n := edgetest.NewNet()
			n.SetFate(fate(seed))
			caller, callee := newActor(t, n, "caller", "127.0.0.1:5060", seed), newActor(t, n, "callee", "127.0.0.2:5060", seed)
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for _, a := range []*actor{caller, callee} {
				all.Go(func() {
					if err := a.ua.Run(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			for i := range calls {
				caller.call(t, i, netip.MustParseAddrPort("127.0.0.2:5060").String())
			}
			time.Sleep(10 * time.Minute) // longer than anything may last
			caller.check(t, calls)
			callee.check(t, calls)
			stop()
			all.Wait()
		})
	}
}
