package sipua

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/load"
)

// streamLink is a stream that takes what is sent.
type streamLink struct {
	sinkLink
	id string
}

func (l *streamLink) network() string { return "TCP" }
func (l *streamLink) token() string   { return l.id }

// late is a bench whose calls are late, and what a phone at addr:5060 sends to it.
func late(t *testing.T) (b *bench, from func(addr string) path) {
	b = newBench(t)
	b.w.u.load = func() load.Level { return load.Late }
	b.w.shares.observe(true, true, time.Now())
	b.w.shares.ends = time.Now().Add(time.Hour) // however slow the machine is
	return b, func(addr string) path { return path{b.link, netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)} }
}

// send tells whether a request was dropped or refused for its source, and what was answered.
func (b *bench) send(method, callID string, from path) (excess bool, answer string) {
	b.link.last = nil
	before := b.w.u.Excess()
	b.w.do(&job{raw: []byte(benchRequest(method, callID, "", 1, "")), from: from, at: time.Now()})
	return b.w.u.Excess() > before, string(b.link.last)
}

// exhaust takes a source's share of this window.
func (b *bench) exhaust(t *testing.T, from path) {
	t.Helper()
	for i := range shareFirst {
		if excess, _ := b.send("OPTIONS", fmt.Sprint("share-", i), from); excess {
			t.Fatalf("request %d is in excess", i)
		}
	}
}

func TestInTimeASourceHasWhatItAsksFor(t *testing.T) {
	b, from := newBench(t), func(addr string) path { return path{&sinkLink{}, netip.AddrPortFrom(netip.MustParseAddr(addr), 5060)} }
	for i := range 5000 {
		j := job{raw: []byte(benchRequest("OPTIONS", fmt.Sprint(i), "", 1, "")), from: from("203.0.113.9"), at: time.Now().Add(time.Hour)}
		if b.w.surplus(&j) {
			t.Fatalf("request %d is in excess", i)
		}
	}
}

func TestASourceThatHadItsShareIsDroppedWhileOthersAreServed(t *testing.T) {
	b, from := late(t)
	up := b.establish("up")
	storm := from("203.0.113.9")
	b.exhaust(t, storm)
	for _, method := range []string{"OPTIONS", "REGISTER", "SUBSCRIBE", "BYE", "ACK"} {
		if excess, answer := b.send(method, "more", storm); !excess || answer != "" {
			t.Errorf("%s: excess %v, %q", method, excess, answer)
		}
	}
	excess, answer := b.send("INVITE", "call", storm)
	if !excess || !strings.HasPrefix(answer, "SIP/2.0 503 ") || !strings.Contains(answer, "Retry-After: 2\r\n\r\n") {
		t.Errorf("an INVITE: excess %v, %q", excess, answer)
	}
	b.w.hasten(job{raw: []byte(benchRequest("INVITE", "hasty", "", 1, offer)), from: storm, at: time.Now()})
	before := b.w.u.Excess()
	if b.w.refuseHasty(); b.w.u.Excess() != before+1 || len(b.w.queue) != 0 {
		t.Errorf("an INVITE that passed what waits: %d in the queue", len(b.w.queue))
	}
	if excess, answer = b.send("OPTIONS", "other", from("203.0.113.10")); excess || answer == "" {
		t.Errorf("another source: excess %v, %q", excess, answer)
	}
	before = b.w.u.Excess()
	b.w.do(&job{raw: []byte(benchRequest("BYE", "up", up, 2, "")), from: storm, at: time.Now()})
	if res := string(b.link.last); b.w.u.Excess() != before || !strings.HasPrefix(res, "SIP/2.0 200 ") {
		t.Errorf("BYE of a call that is up: %q", res)
	}
}

func TestTrustedAddressesHaveNoShareUnlessABrowserIsThere(t *testing.T) {
	b, from := late(t)
	trunk := from("198.51.100.7")
	b.exhaust(t, trunk)
	if excess, answer := b.send("OPTIONS", "more", trunk); excess || answer == "" {
		t.Errorf("a trunk: excess %v, %q", excess, answer)
	}
	page := path{&flow{id: "page", to: streamTo{network: overWS}}, trunk.to}
	if b.w.trusted(page) {
		t.Error("a page at the trunk's address is trusted")
	}
}

func TestAStreamHasAShareOfItsOwnAndIsTold(t *testing.T) {
	b, from := late(t)
	at := from("203.0.113.9").to
	one, two := &streamLink{id: "riga-1"}, &streamLink{id: "riga-2"}
	b.exhaust(t, path{one, at})
	if excess, _ := b.send("REGISTER", "more", path{one, at}); !excess || !strings.HasPrefix(string(one.last), "SIP/2.0 503 ") {
		t.Errorf("its own: excess %v, %q", excess, one.last)
	}
	if excess, _ := b.send("REGISTER", "more", path{two, at}); excess {
		t.Error("another stream of the same address is in excess")
	}
}

func TestASiteWithIPv6HasOneShare(t *testing.T) {
	b, from := late(t)
	b.exhaust(t, from("2001:db8:1:2::1"))
	if excess, _ := b.send("OPTIONS", "same", from("2001:db8:1:2:ffff::9")); !excess {
		t.Error("another address of the site is served")
	}
	if excess, _ := b.send("OPTIONS", "other", from("2001:db8:1:3::1")); excess {
		t.Error("another site is in excess")
	}
}

func TestAShareFollowsWhatCanBeServedAndEndsWithTheStorm(t *testing.T) {
	var s shares
	now := time.Now()
	pass := func(windows int, late bool) {
		for range windows {
			now = now.Add(shareWindow)
			s.observe(late, late, now)
		}
	}
	pass(5, false)
	if s.limit != 0 {
		t.Fatalf("%d with nothing late", s.limit)
	}
	now = now.Add(shareWindow)
	if s.observe(true, false, now); s.limit != 0 {
		t.Errorf("%d after a moment's delay", s.limit)
	}
	for range 500 {
		s.observe(false, false, now)
	}
	pass(1, false)
	for _, tt := range []struct {
		windows int
		late    bool
		limit   int
	}{{1, true, 250}, {1, true, 125}, {9, true, shareLeast}, {12, false, 16}, {8, false, 37}, {2, true, 9}} {
		if pass(tt.windows, tt.late); s.limit != tt.limit {
			t.Errorf("after %d windows, late %v: %d, want %d", tt.windows, tt.late, s.limit, tt.limit)
		}
	}
	l := &sinkLink{}
	for range 10 * s.limit {
		s.judge(path{l, phoneAt}, now)
	}
	if pass(int(shareCalm/shareWindow), false); s.limit == 0 {
		t.Error("ended while the storm goes on")
	}
	if pass(2, false); s.limit != 0 {
		t.Errorf("%d after the storm", s.limit)
	}
}

func TestNotEveryRequestInExcessIsAnswered(t *testing.T) {
	b, from := late(t)
	storm := from("203.0.113.9")
	b.exhaust(t, storm)
	for i := range 3 * shareFirst {
		excess, answer := b.send("INVITE", fmt.Sprint("more-", i), storm)
		if want := i < shareFirst; !excess || strings.HasPrefix(answer, "SIP/2.0 503 ") != want {
			t.Errorf("INVITE %d: excess %v, %q", i, excess, answer)
		}
	}
}

func TestDroppingAllocatesNothing(t *testing.T) {
	b, from := late(t)
	storm := from("203.0.113.9")
	b.exhaust(t, storm)
	b.send("OPTIONS", "logged", storm)
	b.w.u.dir = openDirectory{}
	j := job{raw: []byte(benchRequest("REGISTER", "more", "", 1, "")), from: storm, at: time.Now()}
	if n := testing.AllocsPerRun(100, func() { b.w.do(&j) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAnAnswerThatIsWaitedForIsNoExcess(t *testing.T) {
	b, from := late(t)
	provider := from("203.0.113.9")
	b.exhaust(t, provider)
	ask := sip.NewRequest(sip.OPTIONS, sip.Uri{Scheme: "sip", Host: "203.0.113.9"})
	callID := sip.CallIDHeader("ours")
	for _, h := range []sip.Header{&sip.FromHeader{Address: ask.Recipient, Params: sip.HeaderParams{{K: "tag", V: "a"}}}, &sip.ToHeader{Address: ask.Recipient}, &callID, &sip.CSeqHeader{SeqNo: 1, MethodName: sip.OPTIONS}} {
		ask.AppendHeader(h)
	}
	wait := make(waiter, 1)
	if err := b.w.sendFirst(ask, []path{provider}, wait); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b.link.last), "\r\n")
	answer := "SIP/2.0 200 OK\r\n" + rest
	before := b.w.u.Excess()
	for i, raw := range []string{strings.Replace(answer, "branch=", "branch=x", 1), strings.Replace(answer, "1 OPTIONS", "1 REGISTER", 1), answer} {
		b.w.do(&job{raw: []byte(raw), from: provider, at: time.Now()})
		if n, awaited := b.w.u.Excess()-before, i == 2; n != int64(min(i+1, 2)) || len(wait) == 1 != awaited {
			t.Errorf("%q: %d dropped, %d taken", raw, n, len(wait))
		}
	}
}
