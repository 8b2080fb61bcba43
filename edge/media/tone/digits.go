package tone

import (
	"math"
	"time"
)

// Digits finds keys sent as tones (ITU-T Q.23) within the limits that Q.24 lists. The zero value is ready.
//
// Windows of 20 ms under a Hann window begin every 10 ms. One is a hit when a row and a column stand out of their groups,
// have most of the power, are of similar strength and have no harmonics, which voices have. Three hits in a row of
// the same key whose frequencies, told by the turn of the phases from window to window, are near enough make a digit; four
// windows without it end it.
type Digits struct {
	tail [hop]int16 // end of the frame before
	last hit        // the window before
	try  press      // may become a digit
	now  press      // is one
	miss int        // windows since the last hit of it
}

const (
	hop    = Size / 2
	window = Size

	begins  = 3 // hits that begin a digit
	ends    = 4 // misses that end it
	offBy   = 0.025
	share   = 0.68 // of the power that both tones have at least
	stands  = 5.0  // by how much a tone is stronger than the others of its group
	twistUp = 5.0  // the column over the row: 7 dB
	twistDn = 12.0 // the row over the column: 10.8 dB
	harmony = 0.1  // of a tone's power that its harmonic has at most
)

const keys = "123A456B789C*0#D"

// hit is one window.
type hit struct {
	key      int8 // index in keys; -1: none
	row, col complex128
}

// press is a key over several windows.
type press struct {
	key      int8
	hits     int
	windows  int        // from its first hit to its last
	row, col complex128 // sum of the turns of the phases
}

// Hear takes a frame of 160 samples and gives the digit that has ended, at most one: digits last 40 ms.
func (d *Digits) Hear(pcm []int16) (f Finding, ok bool) {
	if len(pcm) != Size {
		return Finding{}, false
	}
	var buf [hop + Size]int16
	copy(buf[:], d.tail[:])
	copy(buf[hop:], pcm)
	copy(d.tail[:], pcm[Size-hop:])
	for at := 0; at <= hop; at += hop {
		if done, over := d.window(look((*[window]int16)(buf[at:]))); over {
			f, ok = done.finding(), true
		}
	}
	return f, ok
}

// window takes the next window's hit.
func (d *Digits) window(h hit) (done press, over bool) {
	before := d.last
	d.last = h
	if d.now.hits > 0 {
		d.now.windows++
		if d.miss++; h.key == d.now.key {
			d.miss = 0
		}
		if d.miss >= ends {
			done, over = d.end()
		}
	}
	if h.key < 0 || d.now.hits > 0 && h.key == d.now.key {
		d.try = press{}
		return done, over
	}
	d.try.add(before, h)
	if d.try.hits < begins || !d.try.tuned() {
		return done, over
	}
	if d.now.hits > 0 {
		done, over = d.end()
	}
	d.now, d.try, d.miss = d.try, press{}, 0
	return done, over
}

func (d *Digits) end() (press, bool) {
	done := d.now
	done.windows -= d.miss
	d.now, d.miss = press{}, 0
	return done, true
}

func (p *press) add(before, h hit) {
	if p.hits == 0 || p.key != h.key || before.key != h.key {
		*p = press{key: h.key, hits: 1, windows: 1}
		return
	}
	p.hits++
	p.windows++
	p.row += turn(before.row, h.row, rows[h.key/4])
	p.col += turn(before.col, h.col, columns[h.key%4])
}

// tuned: both frequencies are near theirs. Q.24: 1.5 % and 2 Hz are to be taken, 3.5 % are not.
func (p *press) tuned() bool {
	return near(p.row, rows[p.key/4]) && near(p.col, columns[p.key%4])
}

func near(turned complex128, hz float64) bool {
	off := math.Atan2(imag(turned), real(turned)) * Rate / (2 * math.Pi * hop)
	return math.Abs(off) < offBy*hz
}

// turn is how much further than its frequency's own a phase has turned over a hop.
func turn(a, b complex128, hz float64) complex128 {
	sin, cos := math.Sincos(-2 * math.Pi * hz * hop / Rate)
	return b * complex(real(a), -imag(a)) * complex(cos, sin)
}

func (p *press) finding() Finding {
	long := time.Duration(p.windows+1) * frameTime / 2
	return Finding{What: Digit, Key: keys[p.key : p.key+1], Duration: long, Confidence: 1}
}
