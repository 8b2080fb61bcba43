package node_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// The verbs that make calls meet have their own tests. Here they are as small as the shell needs them: one that can be
// found by a name and takes who comes, one that lends the caller's leg to a name.

type keeper struct {
	Names  []string
	Room   bool // it ends with the last guest
	Guests int
}

func (k *keeper) Begin(r *call.Run) {
	r.Answer()
	for _, n := range k.Names {
		r.Announce(n, 0)
	}
}

func (k *keeper) Input(r *call.Run, in call.Input) {
	if _, ok := in.(call.LegEnded); ok {
		if k.Guests--; k.Guests == 0 && k.Room {
			r.Done(ask.Result{Status: call.StatusDone})
		}
	}
}

// Borrow takes one guest, a room any number.
func (k *keeper) Borrow(r *call.Run, in call.Lent) (int, string) {
	if k.Guests == 1 && !k.Room {
		return 0, "not_found"
	}
	k.Guests++
	return r.Take(in), ""
}

type lender struct {
	To   string
	For  time.Duration
	Loan int
	Why  string
}

func (l *lender) Begin(r *call.Run) { r.Answer(); r.After(0) }

func (l *lender) Input(r *call.Run, in call.Input) {
	switch in := in.(type) {
	case call.TimerFired:
		if l.Loan != 0 {
			r.Done(ask.Result{Status: call.StatusDone})
			return
		}
		if l.Loan = r.Lend(r.Caller(), l.To, call.Lent{As: call.AsPickup, Number: r.Asked().From}); l.For != 0 {
			r.After(l.For)
		}
	case call.LoanEnded:
		r.Done(ask.Result{Status: call.StatusFailed, Error: in.Why})
	}
}

// meetingVerbs: park waits under its slot, conference goes to its room, pickup to what it names.
func meetingVerbs() call.Registry {
	of := func(build func(verb.Verb) call.Verb) call.Kind {
		return call.Kind{Make: build, Blank: func() call.Verb { return nil }}
	}
	reg := maps.Clone(verbs.Registry)
	reg["park"] = of(func(v verb.Verb) call.Verb { return &keeper{Names: []string{"slot:" + v.(*verb.Park).Slot}} })
	reg["enqueue"] = of(func(v verb.Verb) call.Verb { return &keeper{Names: []string{"queue:" + v.(*verb.Enqueue).Queue}} })
	reg["room"] = of(func(v verb.Verb) call.Verb {
		return &keeper{Names: []string{"room:" + v.(*verb.Conference).Room}, Room: true}
	})
	reg["conference"] = of(func(v verb.Verb) call.Verb { return &lender{To: "room:" + v.(*verb.Conference).Room} })
	reg["pickup"] = of(func(v verb.Verb) call.Verb {
		p := v.(*verb.Pickup)
		switch {
		case p.Queue != "":
			return &lender{To: "queue:" + p.Queue}
		case p.User != "": // lends for three seconds
			return &lender{To: "slot:" + p.User, For: 3 * time.Second}
		}
		return &lender{To: "slot:" + p.Slot}
	})
	return reg
}

const twoTenants = `
tenants:
  demo:
    domains: [demo.test]
    users: {"101": {name: Ilze, password: demo-101}}
    trunks: {local: {allow: [127.0.0.0/8]}}
  other:
    domains: [other.test]
    trunks: {local: {allow: [127.0.0.2]}}
`

// meeting is a rig whose calls are told apart by what they dial.
func meeting(t *testing.T, test func(*rig)) {
	t.Helper()
	registry := meetingVerbs()
	inBubble(t, func(s *setup) {
		s.config, s.node.Workers = twoTenants, 4
		s.node.NewCall = func(id string) call.Stepper { return call.New(id, registry) }
	}, test)
}

// joins calls in from a port and runs a document there.
func (r *rig) joins(port uint16, document string) (*phone, *dialog) {
	r.Helper()
	p := r.phone(port)
	r.script(document)
	d := p.established("200", withDigits)
	wait(100 * time.Millisecond)
	return p, d
}

// talk has each phone speak in a voice of its own, one after another, and tells who heard whom.
func talk(phones ...*phone) map[string]string {
	heard := map[string]string{}
	for i, p := range phones {
		for _, q := range phones {
			q.voices()
		}
		for range 10 {
			p.say(byte(10 + i))
			time.Sleep(20 * time.Millisecond)
		}
		wait(300 * time.Millisecond)
		for j, q := range phones {
			if slices.Contains(q.voices(), byte(10+i)) {
				heard[name(j)] += name(i)
			}
		}
	}
	return heard
}

func name(i int) string { return string(rune('a' + i)) }

func (r *rig) hears(want string, phones ...*phone) {
	r.Helper()
	heard := talk(phones...)
	var got []string
	for _, who := range slices.Sorted(maps.Keys(heard)) {
		got = append(got, who+"<"+heard[who])
	}
	if strings.Join(got, " ") != want {
		r.Fatalf("who hears whom: %v, want %s", got, want)
	}
}

func TestTheLegOfOneCallSpeaksInAnother(t *testing.T) {
	meeting(t, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		b, _ := r.joins(6001, `[{"verb": "pickup", "slot": "701"}, {"verb": "pause", "for": "1s"}]`)
		r.hears("a<b b<a", a, b)
		dialA.request("BYE", "", "")
		a.expect("200 BYE")
		wait(100 * time.Millisecond)
		r.hears("", b)
		b.reply(b.expect("BYE"), 200, "", "")
	})
}

func TestALegThatIsTakenBackHearsItsOwnCallAgain(t *testing.T) {
	meeting(t, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		b, dialB := r.joins(6001, `[{"verb": "pickup", "user": "701"}, {"verb": "park", "slot": "702"}]`)
		r.hears("a<b b<a", a, b)
		wait(3 * time.Second)
		c, dialC := r.joins(6002, `[{"verb": "pickup", "slot": "702"}]`) // b is the home call of its leg again
		r.hears("b<c c<b", a, b, c)
		d, dialD := r.joins(6003, `[{"verb": "pickup", "slot": "701"}]`) // and a, which had it, may take another
		r.hears("a<d b<c c<b d<a", a, b, c, d)
		for _, x := range []*dialog{dialA, dialB} {
			x.request("BYE", "", "")
			x.p.expect("200 BYE")
		}
		for _, x := range []*dialog{dialC, dialD} { // whom they had picked up has gone
			x.p.reply(x.p.expect("BYE"), 200, "", "")
		}
	})
}

func TestARoomIsMadeByTheFirstAndGoesWithTheLast(t *testing.T) {
	meeting(t, func(r *rig) {
		board := `[{"verb": "conference", "room": "board"}]`
		a, dialA := r.joins(6000, board)
		b, dialB := r.joins(6001, board)
		r.hears("a<b b<a", a, b)
		c, dialC := r.joins(6002, board)
		r.hears("a<bc b<ac c<ab", a, b, c)
		rooms := r.node.Conferences("demo")
		if len(rooms) != 1 || rooms[0].Room != "board" || len(rooms[0].Members) != 3 || len(r.node.Conferences("other")) != 0 {
			t.Errorf("rooms: %+v", rooms)
		}
		if live := r.node.Calls(""); len(live) != 3 {
			t.Errorf("the room is listed as a call: %+v", live)
		}
		for i, d := range []*dialog{dialA, dialB, dialC} {
			d.request("BYE", "", "")
			d.p.expect("200 BYE")
			wait(100 * time.Millisecond)
			if rooms = r.node.Conferences(""); i < 2 && (len(rooms) != 1 || len(rooms[0].Members) != 2-i) {
				t.Errorf("after %d left: %+v", i+1, rooms)
			}
		}
		if len(rooms) != 0 {
			t.Errorf("an empty room: %+v", rooms)
		}
	})
}

func TestNobodyReachesWhatIsAnotherTenants(t *testing.T) {
	meeting(t, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		b, dialB := r.joins(6001, `[{"verb": "conference", "room": "board"}]`)
		x := r.phoneAt("127.0.0.2", 6002)
		r.script(`[{"verb": "pickup", "slot": "701"}]`)
		x.established("200", withDigits)
		wait(100 * time.Millisecond)
		if end := last[event.Verb](r, event.VerbEnded); end.Tenant != "other" || end.Result.Error != "not_found" {
			t.Errorf("the other tenant's pickup: %+v %+v", end, end.Result)
		}
		x.reply(x.expect("BYE"), 200, "", "")
		y := r.phoneAt("127.0.0.2", 6003)
		r.script(`[{"verb": "conference", "room": "board"}]`)
		dialY := y.established("200", withDigits)
		wait(100 * time.Millisecond)
		r.hears("", a, b, y)
		if mine, theirs := r.node.Conferences("demo"), r.node.Conferences("other"); len(mine) != 1 || len(theirs) != 1 || mine[0].Call == theirs[0].Call {
			t.Errorf("rooms of the one %+v, of the other %+v", mine, theirs)
		}
		if parked := r.node.Parked("demo"); len(parked) != 1 || parked[0].Slot != "701" || len(r.node.Parked("other")) != 0 {
			t.Errorf("parked: %+v", parked)
		}
		for _, d := range []*dialog{dialA, dialB, dialY} {
			d.request("BYE", "", "")
			d.p.expect("200 BYE")
		}
	})
}

// TestACrashGivesLegsBack: the call that has a leg, or whose leg it is, ends by a fault of the program.
func TestACrashGivesLegsBack(t *testing.T) {
	for _, c := range []struct{ name, first, second string }{{"of the borrower", "fault", "200"}, {"of the home", "200", "fault"}} {
		t.Run(c.name, func(t *testing.T) {
			registry := meetingVerbs()
			inBubble(t, func(s *setup) {
				s.node.NewCall = func(id string) call.Stepper { return &faulty{Stepper: call.New(id, registry), at: "digit"} }
			}, func(r *rig) {
				a, b := r.phone(6000), r.phone(6001)
				r.script(`[{"verb": "park", "slot": "701"}]`)
				dialA := a.established(c.first, withDigits)
				wait(100 * time.Millisecond)
				r.script(`[{"verb": "pickup", "slot": "701"}, {"verb": "park", "slot": "702"}]`)
				dialB := b.established(c.second, withDigits)
				wait(100 * time.Millisecond)
				r.hears("a<b b<a", a, b)
				crashes, stays := dialA, dialB
				if c.second == "fault" {
					crashes, stays = dialB, dialA
				}
				crashes.p.press(5)
				crashes.p.reply(crashes.p.expect("BYE"), 200, "", "")
				wait(100 * time.Millisecond)
				if live := r.node.Calls(""); len(live) != 1 || live[0].To != "200" {
					t.Fatalf("live: %+v", live)
				}
				slot := "701"
				if c.first == "fault" {
					slot = "702"
				}
				d, dialD := r.joins(6002, `[{"verb": "pickup", "slot": "`+slot+`"}]`)
				r.hears("a<b b<a", stays.p, d)
				for _, x := range []*dialog{dialD, stays} {
					x.request("BYE", "", "")
					x.p.expect("200 BYE")
				}
			})
		})
	}
}

func TestACrashAtTheEndOfALentLegLeavesNothingBehind(t *testing.T) {
	registry := meetingVerbs()
	inBubble(t, func(s *setup) {
		s.node.NewCall = func(id string) call.Stepper { return &faulty{Stepper: call.New(id, registry), at: "leg_ended"} }
	}, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		b := r.phone(6001)
		r.script(`[{"verb": "pickup", "slot": "701"}]`)
		dialB := b.established("fault", withDigits)
		wait(100 * time.Millisecond)
		if n := r.node.Lent(); n != 1 {
			t.Fatalf("%d legs are lent", n)
		}
		byes(dialB)
		if n := r.node.Lent(); n != 0 {
			t.Errorf("%d legs are lent", n)
		}
		c, dialC := r.joins(6002, `[{"verb": "pickup", "slot": "701"}]`)
		r.hears("a<b b<a", a, c)
		byes(dialC, dialA)
	})
}

func TestTwoWhoPickFromAQueueAtOnceGetOneEach(t *testing.T) {
	meeting(t, func(r *rig) {
		wait1, dial1 := r.joins(6000, `[{"verb": "enqueue", "queue": "sales"}]`)
		wait2, dial2 := r.joins(6001, `[{"verb": "enqueue", "queue": "sales"}]`)
		queue := r.node.Queues("demo")
		if len(queue) != 1 || len(queue[0].Calls) != 2 || queue[0].Calls[0].Position != 1 || queue[0].Calls[0].Call > queue[0].Calls[1].Call {
			t.Fatalf("queues: %+v", queue)
		}
		pick1, pick2 := r.phone(6002), r.phone(6003)
		r.script(`[{"verb": "pickup", "queue": "sales"}]`)
		d1, d2 := pick1.dial("200"), pick2.dial("200")
		d1.invite(pick1.sdp("sendrecv", withDigits))
		d2.invite(pick2.sdp("sendrecv", withDigits))
		for _, d := range []*dialog{d1, d2} {
			d.p.expect("100 INVITE")
			d.learn(d.p.expect("200 INVITE"))
			d.request("ACK", "", "")
		}
		wait(100 * time.Millisecond)
		if heard := talk(wait1, wait2, pick1, pick2); heard["a"]+heard["b"] != "cd" && heard["a"]+heard["b"] != "dc" {
			t.Errorf("who hears whom: %v", heard)
		}
		for _, d := range []*dialog{d1, d2, dial1, dial2} {
			d.request("BYE", "", "")
			d.p.expect("200 BYE")
		}
	})
}

// told counts the places that calls are told, by call.
type told struct {
	call.Stepper
	id string
	at func(id string, p call.Placed)
}

func (s told) Step(now time.Time, in call.Input) []call.Output {
	if p, ok := in.(call.Placed); ok {
		s.at(s.id, p)
	}
	return s.Stepper.Step(now, in)
}

func TestPlacesOfAQueueAreToldAtABoundedRate(t *testing.T) {
	registry := meetingVerbs()
	var mu sync.Mutex
	places := map[string][]call.Placed{}
	inBubble(t, func(s *setup) {
		s.node.NewCall = func(id string) call.Stepper {
			return told{call.New(id, registry), id, func(id string, p call.Placed) {
				mu.Lock()
				defer mu.Unlock()
				places[id] = append(places[id], p)
			}}
		}
	}, func(r *rig) {
		var first string
		var dialogs []*dialog
		for n := range 20 {
			_, d := r.joins(6000+uint16(n), `[{"verb": "enqueue", "queue": "sales"}]`)
			if dialogs = append(dialogs, d); first == "" {
				first = r.only().ID
			}
		}
		wait(2 * time.Second)
		queue := r.node.Queues("")[0].Calls
		mu.Lock()
		for i, w := range queue {
			mine := places[w.Call]
			if len(mine) == 0 || mine[len(mine)-1] != (call.Placed{Name: "queue:sales", Position: i + 1, Size: 20}) {
				t.Errorf("call %d was told %v", i, mine)
			}
		}
		if n := len(places[first]); n < 3 || n > 5 { // two seconds of joining, and one after
			t.Errorf("the first was told %d times: %v", n, places[first])
		}
		clear(places)
		mu.Unlock()
		for _, d := range dialogs { // the first leave first, so that all the others move up each time
			d.request("BYE", "", "")
			d.p.expect("200 BYE")
		}
		wait(time.Second)
		mu.Lock()
		defer mu.Unlock()
		for id, mine := range places {
			if len(mine) > 2 {
				t.Errorf("%s was told %d times in a moment", id, len(mine))
			}
		}
	})
}

func TestDigitsOfOurOwnKeepTheirTimeInINFO(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "answer"}, {"verb": "dtmf", "digits": "1w2#"}, {"verb": "pause", "for": "5s"}]`)
		anna := r.phone(6000)
		anna.established("200", withoutDigits)
		var at []time.Time
		for _, want := range []string{"Signal=1", "Signal=2", "Signal=#"} {
			m := anna.expect("INFO")
			anna.reply(m, 200, "", "")
			if at = append(at, time.Now()); !strings.HasPrefix(m.body, want) {
				t.Errorf("got %q, want %s", m.body, want)
			}
		}
		if a, b := at[1].Sub(at[0]), at[2].Sub(at[1]); a < 650*time.Millisecond || a > 700*time.Millisecond || b < 150*time.Millisecond || b > 200*time.Millisecond {
			t.Errorf("pauses of %v and %v", a, b)
		}
		anna.reply(anna.expect("BYE"), 200, "", "")
	})
}
