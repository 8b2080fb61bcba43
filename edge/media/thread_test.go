package media

import (
	"fmt"
	"strings"
	"testing"
)

// given are the numbers in the order in which they go on, each with what is missing before it, in ms.
func given(t *thread, numbers ...uint16) string {
	var out []string
	give := func(in *inbound) {
		lost := t.follow(in)
		text := fmt.Sprint(in.seq)
		if lost > 0 {
			text = fmt.Sprintf("(%d ms) %s", lost/16, text)
		}
		out = append(out, text)
	}
	for _, n := range numbers {
		in := inbound{codec: full, seq: n, ts: uint32(int16(n)) * 960, payload: []byte{toc20}}
		if t.straight(&in) {
			give(&in)
		}
		for p := t.next(); p != nil; p = t.next() {
			give(p)
		}
	}
	return strings.Join(out, " ")
}

func TestPacketsAreBroughtIntoTheirOrder(t *testing.T) {
	for _, c := range []struct {
		come []uint16
		want string
	}{
		{[]uint16{7, 8, 9}, "7 8 9"},
		{[]uint16{7, 7, 8, 8, 7}, "7 8"},
		{[]uint16{7, 9, 10, 14}, "7 (20 ms) 9 10 (60 ms) 14"}, // nobody was late: nobody waits
		{[]uint16{7, 30}, "7 (120 ms) 30"},
		{[]uint16{7, 9, 8, 10, 12, 11, 13}, "7 (20 ms) 9 10 11 12 13"},
		{[]uint16{7, 9, 8, 10, 12, 13, 14, 15}, "7 (20 ms) 9 10 (20 ms) 12 13 14 15"},
		{[]uint16{7, 10, 8, 9, 11, 14, 14, 13, 12, 15}, "7 (40 ms) 10 11 12 13 14 15"},
		{[]uint16{7, 12, 8, 13, 17, 18, 19, 16, 20, 21}, "7 (80 ms) 12 13 (40 ms) 16 17 18 19 20 21"},
		{[]uint16{65534, 65535, 1, 0, 2, 4, 3, 5}, "65534 65535 (20 ms) 1 2 3 4 5"},
		{[]uint16{7, 9, 8, 10, 12, 9000, 9001}, "7 (20 ms) 9 10 9000 9001"}, // the stream began anew
	} {
		if got := given(new(thread), c.come...); got != c.want {
			t.Errorf("%d: %s, want %s", c.come, got, c.want)
		}
	}
	calm := thread{}
	given(&calm, 7, 9, 8)
	for n := uint16(10); n < 10+forgetful; n++ {
		given(&calm, n)
	}
	if got := given(&calm, 11+forgetful, 10+forgetful); got != fmt.Sprintf("(20 ms) %d", 11+forgetful) {
		t.Errorf("after many packets in order: %s", got)
	}
}

// However packets come, each goes on once and none before an older one.
func FuzzThread(f *testing.F) {
	f.Add([]byte{1, 2, 3, 255, 1, 1, 4, 254, 253, 5})
	f.Fuzz(func(t *testing.T, steps []byte) {
		x, n, last := new(thread), uint16(65000), -1
		for _, step := range steps {
			n += uint16(int8(step))
			in := inbound{codec: full, seq: n, ts: uint32(n) * 960, payload: []byte{toc20}}
			var given []*inbound
			fresh := !x.begun || int16(n-x.last) <= -maxMisorder
			if x.straight(&in) {
				given = append(given, &in)
				x.follow(&in)
			}
			for p := x.next(); p != nil; p = x.next() {
				given = append(given, &inbound{seq: p.seq})
				if lost := x.follow(p); lost > 1920 {
					t.Fatal(lost)
				}
			}
			for _, p := range given {
				if !fresh && last >= 0 && int16(p.seq-uint16(last)) <= 0 {
					t.Fatalf("%d after %d", p.seq, last)
				}
				last, fresh = int(p.seq), false
			}
		}
	})
}
