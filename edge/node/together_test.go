package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/schemas/event"
)

// The verbs that make calls meet, on the whole edge. Longer stories are in infra/e2e.

func byes(dialogs ...*dialog) {
	for _, d := range dialogs {
		d.request("BYE", "", "")
		d.p.expect("200 BYE")
		wait(100 * time.Millisecond)
	}
}

func TestAParkedCallIsPickedUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		id := r.only().ID
		if v := r.only(); v.Status != "parked" || v.Place != "701" {
			t.Errorf("view: %+v", v)
		}
		b, _ := r.joins(6001, `[{"verb": "pickup", "slot": "701"}]`)
		r.hears("a<b b<a", a, b)
		if live := r.node.Calls(""); len(live) != 2 || live[0].Status != "bridged" || live[1].Status != "bridged" || live[1].Agent != "anna" || live[0].Place != "" || len(r.node.Parked("")) != 0 {
			t.Errorf("live: %+v", live)
		}
		a.heard()
		b.heard()
		if err := r.node.Beside(id, document(t, `[{"verb": "dtmf", "digits": "5w6", "party": "agent"}]`), false); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		if got := b.heard(); !slices.Equal(got, []byte{101, 101}) || slices.Contains(a.heard(), 101) {
			t.Errorf("b heard %v", got)
		}
		byes(dialA)
		b.reply(b.expect("BYE"), 200, "", "")
	})
}

func TestMembersOfARoomAreMutedFromOutside(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		board := `[{"verb": "conference", "room": "board", "beep": "none"}]`
		a, dialA := r.joins(6000, board)
		id := r.only().ID
		b, dialB := r.joins(6001, board)
		c, dialC := r.joins(6002, board)
		r.hears("a<bc b<ac c<ab", a, b, c)
		if err := r.node.Beside(id, document(t, `[{"verb": "mute"}]`), false); err != nil {
			t.Fatal(err)
		}
		r.hears("a<bc b<c c<b", a, b, c)
		if v, _ := r.node.Call(id); v.Status != "conference" || v.Place != "board" {
			t.Errorf("view: %+v", v)
		}
		byes(dialA, dialB, dialC)
		if rooms := r.node.Conferences(""); len(rooms) != 0 {
			t.Errorf("left: %+v", rooms)
		}
	})
}

func TestAWhisperIsHeardByTheAgentAlone(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		bob := r.phone(7000)
		client := r.phone(6000)
		r.script(bridge)
		d := client.dial("200")
		d.invite(client.sdp("sendrecv", withDigits))
		bob.take(withDigits)
		client.expect("100 INVITE")
		d.learn(client.expect("200 INVITE"))
		d.request("ACK", "", "")
		id := r.only().ID
		wait(100 * time.Millisecond)
		manager, dialM := r.joins(6001, `[{"verb": "supervise", "call": "`+id+`", "mode": "whisper"}]`)
		r.hears("a<b b<ac c<ab", client, bob, manager)
		live := r.node.Calls("")
		if !live[0].Supervised || live[1].Supervised || live[1].Status != "supervising" || live[1].Place != id {
			t.Errorf("live: %+v", live)
		}
		byes(dialM)
		if v, _ := r.node.Call(id); v.Supervised || r.log.count(event.CallSupervised) < 2 {
			t.Errorf("view: %+v", v)
		}
		r.hears("a<b b<a", client, bob)
		byes(d)
		bob.reply(bob.expect("BYE"), 200, "", "")
	})
}

func TestTheFirstOfAQueueIsPickedUpAndTheNextMovesUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		sales := `[{"verb": "enqueue", "queue": "sales"}]`
		a, _ := r.joins(6000, sales)
		_, dialB := r.joins(6001, sales)
		wait(2 * time.Second)
		c, dialC := r.joins(6002, `[{"verb": "pickup", "queue": "sales"}]`)
		r.hears("a<b b<a", a, c)
		queues := r.node.Queues("demo")
		if len(queues) != 1 || len(queues[0].Calls) != 1 || queues[0].Calls[0].Position != 1 {
			t.Errorf("queues: %+v", queues)
		}
		byes(dialC, dialB)
		a.reply(a.expect("BYE"), 200, "", "")
	})
}

func TestDigitsGoAcrossCalls(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, dialA := r.joins(6000, `[{"verb": "park", "slot": "701"}]`)
		b := r.phone(6001)
		r.script(`[{"verb": "pickup", "slot": "701"}, {"verb": "pause", "for": "1s"}]`)
		dialB := b.established("200", withoutDigits)
		wait(100 * time.Millisecond)
		a.press(5)
		info := b.expect("INFO")
		b.reply(info, 200, "", "")
		if !strings.HasPrefix(info.body, "Signal=5") {
			t.Errorf("b got %q", info.body)
		}
		a.heard()
		dialB.request("INFO", "application/dtmf-relay", "Signal=7\r\nDuration=100\r\n")
		b.expect("200 INFO")
		wait(time.Second)
		if got := a.heard(); !slices.Contains(got, 101) {
			t.Errorf("a heard %v", got)
		}
		dialA.request("BYE", "", "")
		a.expect("200 BYE")
		b.reply(b.expect("BYE"), 200, "", "")
	})
}

func TestKeysOfAMemberOrASupervisorAreNotForTheOthers(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		board := `[{"verb": "conference", "room": "board", "beep": "none"}]`
		a, dialA := r.joins(6000, board)
		b, dialB := r.joins(6001, board)
		r.hears("a<b b<a", a, b)
		b.heard()
		a.press(5)
		wait(time.Second)
		if got := b.heard(); slices.Contains(got, 101) {
			t.Errorf("b heard %v", got)
		}
		byes(dialA, dialB)
	})
}

func TestARoomIsSpokenToAndEndedFromOutside(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		board := `[{"verb": "conference", "room": "board", "beep": "none"}]`
		a, _ := r.joins(6000, board)
		b, _ := r.joins(6001, board)
		room := r.node.Conferences("demo")[0].Call
		a.heard()
		b.heard()
		if err := r.node.Beside(room, document(t, `[{"verb": "play", "audio": "news", "to": "all"}]`), false); err != nil {
			t.Fatal(err)
		}
		wait(500 * time.Millisecond)
		if !slices.Contains(a.heard(), 0) || !slices.Contains(b.heard(), 0) {
			t.Error("the members heard nothing")
		}
		if err := r.node.HangUp(room); err != nil {
			t.Fatal(err)
		}
		for _, p := range []*phone{a, b} {
			p.reply(p.expect("BYE"), 200, "", "")
		}
	})
}
