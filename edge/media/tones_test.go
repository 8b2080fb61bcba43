package media

import (
	"math"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/pion/rtp"
)

// sing sends tones for so many packets; none are silence. lose leaves packets out.
func (p *phone) sing(packets int, lose func(i int) bool, hz ...float64) {
	for i := range packets {
		var pcm [frameSize]int16
		for n := range pcm {
			for _, f := range hz {
				pcm[n] += int16(5000 * math.Sin(2*math.Pi*f*float64(int(p.ts)+n)/Rate))
			}
		}
		b := make([]byte, frameSize)
		g711.ULaw.Encode(b, pcm[:])
		if lose == nil || !lose(i) {
			p.send(rtp.Header{PayloadType: 0, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc}, b)
		}
		p.seq++
		p.ts += frameSize
		time.Sleep(frameTime)
	}
}

// key7 is 100 ms of tone between pauses.
func (p *phone) key7(lose func(i int) bool) {
	p.sing(10, nil)
	p.sing(5, lose, 852, 1209)
	p.sing(10, nil)
}

func TestTonesAreDigitsWhileTheyAreAskedFor(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		p.key7(nil)
		if got := digitsOf(p.told()); got != "" {
			r.Errorf("nobody asked: %q", got)
		}
		p.end.HearTones(true)
		p.end.HearTones(true)
		p.end.HearTones(false)
		p.key7(nil)
		ev := p.told()
		if digitsOf(ev) != "7" || !ev[0].InBand || ev[0].Duration < 80*time.Millisecond || ev[0].Duration > 120*time.Millisecond {
			r.Errorf("%+v", ev)
		}
		p.end.HearTones(false)
		p.end.HearTones(false)
		p.key7(nil)
		if got := digitsOf(p.told()); got != "" {
			r.Errorf("nobody asks any more: %q", got)
		}
		p.end.HearTones(true)
		p.end.Close()
		p.end.HearTones(true)
		p.key7(nil)
		if n := r.eng.wheel.count; n != 0 {
			r.Errorf("%d left on the wheel", n)
		}
	})
}

func TestALostPacketDoesNotSplitATone(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		p.end.HearTones(true)
		for lost := range 5 {
			p.key7(func(i int) bool { return i == lost })
		}
		if got := digitsOf(p.told()); got != "77777" {
			r.Error(got)
		}
	})
}

func TestWhoSendsDigitsOtherwiseHasNoTones(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p, q := r.phone(bothCodecs), r.phone(onlyU)
		p.end.HearTones(true)
		q.end.HearTones(true)
		p.press(101, 1, nil)
		q.end.DigitsOtherwise()
		p.key7(nil)
		q.key7(nil)
		if got := digitsOf(p.told()) + digitsOf(q.told()); got != "1" {
			r.Error(got)
		}
	})
}
