package media

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// disorder is a party whose stream does all that streams do, and who hears it.
type disorder struct {
	*rig
	rnd     *rand.Rand
	a, b, c *phone
	late    []rtp.Packet
	did     []string
	sent    map[uint16]heard // to b, by number
}

var disorders = []struct {
	name string
	do   func(*disorder)
}{
	{"pause", func(d *disorder) { time.Sleep(d.upTo(4000 * time.Millisecond)) }},
	{"pause in its time", func(d *disorder) {
		pause := d.upTo(4000 * time.Millisecond)
		time.Sleep(pause)
		d.a.ts += uint32(pause/time.Millisecond) * perSlot
	}},
	{"another stream", func(d *disorder) {
		d.a.ssrc, d.a.seq, d.a.ts, d.late = d.rnd.Uint32(), uint16(d.rnd.Uint32()), d.rnd.Uint32(), nil
		time.Sleep(quiet + frameTime)
	}},
	{"numbers go on", func(d *disorder) { d.a.seq += uint16(d.rnd.IntN(5000)) }},
	{"numbers go back", func(d *disorder) { d.a.seq, d.late = d.a.seq-uint16(200+d.rnd.IntN(30000)), nil }},
	{"begins anew", func(d *disorder) {
		d.a.talk(1, 100)
		d.hears()
		back := 1 + d.rnd.IntN(99)
		d.a.seq, d.a.ts, d.late = d.a.seq-uint16(back), d.a.ts-uint32(back)*frameSize, nil
	}},
	{"time jumps", func(d *disorder) { d.a.ts, d.late = d.a.ts+1<<30+d.rnd.Uint32N(1<<31), nil }},
	{"comfort noise", func(d *disorder) { d.a.rest() }},
	{"burst", func(d *disorder) {
		for range d.rnd.IntN(30) {
			d.a.say(2)
		}
	}},
	{"digit", func(d *disorder) { d.b.end.SendDigits("1") }},
	{"hold", func(d *disorder) { d.b.offer(d.b.sdpOf(onlyU, "a=sendonly\r\n")) }},
	{"resume", func(d *disorder) { d.b.offer(d.b.sdpOf(onlyU)) }},
	{"relay", func(d *disorder) { d.b.end.Hear([]Heard{{From: d.a.end}}) }},
	{"mix", func(d *disorder) { d.b.end.Hear([]Heard{{From: d.a.end}, {From: d.c.end}}) }},
}

func (d *disorder) upTo(most time.Duration) time.Duration {
	return time.Duration(d.rnd.Int64N(int64(most))).Truncate(time.Millisecond)
}

// talk says frames, of which some are lost, come twice or come late.
func (d *disorder) talk(n int) {
	for range n {
		p := rtp.Packet{Header: rtp.Header{SequenceNumber: d.a.seq, Timestamp: d.a.ts, SSRC: d.a.ssrc}, Payload: bytes.Repeat([]byte{byte(d.a.seq)}, frameSize)}
		d.a.seq++
		d.a.ts += frameSize
		switch d.rnd.IntN(20) {
		case 0:
		case 1:
			d.late = append(d.late, p)
		case 2:
			d.a.send(p.Header, p.Payload)
			fallthrough
		default:
			d.a.send(p.Header, p.Payload)
		}
		if len(d.late) > 0 && d.rnd.IntN(3) == 0 {
			d.a.send(d.late[0].Header, d.late[0].Payload)
			d.late = d.late[1:]
		}
		time.Sleep(frameTime)
	}
}

// hears checks that no number is used twice, and gives how many packets came.
func (d *disorder) hears() int {
	got := d.b.hears()
	for _, h := range got {
		if was, is := d.sent[h.SequenceNumber]; is {
			d.Fatalf("number %d twice, %v and %v: %v", h.SequenceNumber, was.Header, h.Header, d.did)
		}
		d.sent[h.SequenceNumber] = h
	}
	return len(got)
}

// step does something, and then all is well again within half a second.
func (d *disorder) step() {
	what := disorders[d.rnd.IntN(len(disorders))]
	d.did = append(d.did, fmt.Sprintf("%v %s", d.eng.now(), what.name))
	what.do(d)
	d.talk(d.rnd.IntN(20))
	if len(d.late) > 0 {
		d.talk(10)
	}
	d.a.talk(1, 25)
	d.hears()
	d.a.talk(1, 20)
	if n := d.hears(); n < 19 && d.b.end.tx.open {
		d.Fatalf("%d packets of 20: %v", n, d.did)
	}
}

// inTime checks that later numbers have later times.
func (d *disorder) inTime(first uint16) {
	prev := d.sent[first]
	for n := first + 1; n-first < 30000; n++ {
		h, is := d.sent[n]
		if !is || len(h.Payload) != frameSize {
			continue
		}
		if step := int32(h.Timestamp - prev.Timestamp); step < frameSize {
			d.Fatalf("number %d steps by %d: %v", n, step, d.did)
		}
		prev = h
	}
}

func TestWhateverAStreamDoesOursGoesOn(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, nil, func(r *rig) {
			d := &disorder{rig: r, rnd: rand.New(rand.NewPCG(seed, 1)), a: r.phone(onlyU), b: r.phone(onlyU), c: r.phone(onlyU), sent: map[uint16]heard{}}
			bridge(d.a, d.b)
			first := d.b.end.tx.clock.seq + 1
			for range 40 {
				d.step()
			}
			d.inTime(first)
		})
	}
}
