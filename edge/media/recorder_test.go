package media

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/offhook/offhook/edge/media/g711"
)

// tape reads a recorder to its end.
type tape struct {
	*Recorder
	pcm  []int16
	done chan struct{}
}

func (r *rig) record(o Recording, rows ...Heard) *tape {
	t := &tape{Recorder: r.eng.Record(o), done: make(chan struct{})}
	t.Hear(rows)
	go t.read()
	return t
}

func (t *tape) read() {
	defer close(t.done)
	buf := make([]int16, 7*2*wideFrame)
	for {
		n, more := t.Read(buf)
		if !more {
			return
		}
		t.pcm = append(t.pcm, buf[:n]...)
	}
}

// ended stops it and gives its frames: the middle sample of each, by channel.
func (t *tape) ended(test *rig) (frames [][2]int16, why RecordEnd, st RecorderStats) {
	test.Helper()
	t.Stop()
	<-t.done
	size := frameSize * t.channels
	for f := range slices.Chunk(t.pcm, size) {
		v := [2]int16{f[80*t.channels]}
		if t.channels == 2 {
			v[1] = f[80*2+1]
		}
		frames = append(frames, v)
	}
	why, st = t.Ended()
	if got := time.Duration(len(t.pcm)/size) * frameTime; got != st.Duration {
		test.Errorf("%v were read, %v were recorded", got, st.Duration)
	}
	return frames, why, st
}

// coded gives a level as it survives the coding.
func coded(level int16) (code byte, heard int16) {
	var b [1]byte
	var s [1]int16
	g711.ULaw.Encode(b[:], []int16{level})
	g711.ULaw.Decode(s[:], b[:])
	return b[0], s[0]
}

var (
	codeA, levelA = coded(1000)
	codeB, levelB = coded(-3000)
)

// runs shortens frames: "40*[1000 0] 50*[0 0]".
func runs(frames [][2]int16) (s string) {
	for i := 0; i < len(frames); {
		n := 1
		for i+n < len(frames) && frames[i+n] == frames[i] {
			n++
		}
		s += fmt.Sprintf("%d*%v ", n, frames[i])
		i += n
	}
	return s
}

func near(frames [][2]int16, want [2]int16) (n int) {
	for _, f := range frames {
		if f == want {
			n++
		}
	}
	return n
}

func TestTwoChannelsStayInTime(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end}})
		rec := r.record(Recording{Channels: 2}, Heard{From: a.end}, Heard{From: b.end, Channel: 1})
		a.talk(codeA, 50)
		b.talk(codeB, 50)
		time.Sleep(time.Second)
		for range 50 {
			a.say(codeA)
			b.say(codeB)
			time.Sleep(20 * time.Millisecond)
		}
		frames, why, st := rec.ended(r)
		if len(frames) != 200 || why != RecordStopped || st.Lost+st.Late != 0 {
			r.Fatal(len(frames), why, st)
		}
		// 40 ms wait in the buffers of both before they sound
		for at, want := range map[int][2]int16{10: {levelA, 0}, 45: {levelA, 0}, 60: {0, levelB}, 95: {0, levelB}, 125: {}, 160: {levelA, levelB}, 199: {levelA, levelB}} {
			if frames[at] != want {
				r.Errorf("frame %d is %v, want %v: %s", at, frames[at], want, runs(frames))
			}
		}
		if got := len(b.hears()); got != 100 {
			r.Errorf("the relay passed %d packets beside the recording", got)
		}
	})
}

func TestOneChannelIsTheSum(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		rec := r.record(Recording{Channels: 1}, Heard{From: a.end}, Heard{From: b.end, Channel: 1})
		for range 50 {
			a.say(codeA)
			b.say(codeB)
			time.Sleep(20 * time.Millisecond)
		}
		frames, _, _ := rec.ended(r)
		if n := near(frames, [2]int16{levelA + levelB}); len(frames) != 50 || n < 46 {
			r.Error(runs(frames))
		}
	})
}

func TestTimeBeginsWithTheFirstParty(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec := r.record(Recording{})
		time.Sleep(3 * time.Second)
		rec.Hear([]Heard{{From: a.end}})
		a.talk(codeA, 25)
		rec.Hear(nil) // on hold: it lasts
		time.Sleep(500 * time.Millisecond)
		if frames, _, _ := rec.ended(r); len(frames) != 50 {
			r.Error(runs(frames))
		}
	})
}

func TestPauseIsCutOut(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec := r.record(Recording{}, Heard{From: a.end})
		a.talk(codeA, 50)
		rec.Pause(true)
		a.talk(codeB, 50)
		rec.Pause(false)
		a.talk(codeA, 50)
		frames, _, st := rec.ended(r)
		if n := near(frames, [2]int16{levelB}); len(frames) != 100 || n > 3 || st.Late != 0 {
			r.Error(st, runs(frames))
		}
	})
}

func TestSilenceEndsIt(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		never := r.record(Recording{Silence: time.Second}, Heard{From: a.end})
		rec := r.record(Recording{Silence: 3 * time.Second}, Heard{From: a.end})
		time.Sleep(2 * time.Second)
		if why, st := never.Ended(); why != RecordSilence || st.Duration != time.Second {
			r.Error("who says nothing at all", why, st)
		}
		a.talk(codeA, 50)
		faint, _ := coded(200)
		a.talk(faint, 100) // noise on the line is silence
		if why, _ := rec.Ended(); why != 0 {
			r.Error("ended after 2 s of noise")
		}
		a.talk(faint, 100)
		if why, st := rec.Ended(); why != RecordSilence || st.Duration < 5900*time.Millisecond || st.Duration > 6200*time.Millisecond {
			r.Error(why, st)
		}
		if _, why, _ := rec.ended(r); why != RecordSilence {
			r.Error("Stop changed the reason to", why)
		}
		never.Stop()
	})
}

func TestLimitIsOfRecordedTime(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec := r.record(Recording{Limit: 2 * time.Second}, Heard{From: a.end})
		time.Sleep(time.Second)
		rec.Pause(true)
		time.Sleep(10 * time.Second)
		rec.Pause(false)
		time.Sleep(5 * time.Second)
		if frames, why, _ := rec.ended(r); len(frames) != 100 || why != RecordLimit {
			r.Error(len(frames), why)
		}
		if r.eng.wheel.count != 0 || len(r.eng.recorders) != 0 {
			r.Error("something is left")
		}
	})
}

func TestLostFramesAreCountedAndKeepTheirTime(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec := &tape{Recorder: r.eng.Record(Recording{Channels: 2}), done: make(chan struct{})}
		rec.Hear([]Heard{{From: a.end}})
		a.talk(codeA, 300) // nobody reads: 200 have room
		go rec.read()
		a.talk(codeA, 100)
		frames, _, st := rec.ended(r)
		if len(frames) != 400 || st.Lost != 100 || st.Late != 0 {
			r.Fatal(len(frames), st)
		}
		for i, f := range frames[10:390] {
			if lost := i+10 >= 200 && i+10 < 300; (f[0] == 0) != lost {
				r.Fatalf("frame %d: %s", i+10, runs(frames))
			}
		}
	})
}

func TestLostFramesAtTheEndAreSilence(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec := &tape{Recorder: r.eng.Record(Recording{}), done: make(chan struct{})}
		rec.Hear([]Heard{{From: a.end}})
		a.talk(codeA, 250)
		rec.Stop()
		go rec.read()
		if frames, _, st := rec.ended(r); len(frames) != 250 || st.Lost != 50 || frames[249][0] != 0 {
			r.Error(st, runs(frames))
		}
	})
}

func TestWheelThatStoodStillIsSilenceInItsPlace(t *testing.T) {
	x := newBench(t, onlyU, onlyU)
	rec := x.eng.Record(Recording{Limit: 30 * frameTime})
	rec.Hear([]Heard{{From: x.a}})
	for range 10 {
		x.packet()
		x.turn(x.a, rec)
	}
	x.slot += 7 * slots
	x.turn(x.a, rec)
	if _, st := rec.Ended(); st.Late != 7 || st.Duration != 18*frameTime {
		t.Errorf("%+v", st)
	}
	x.slot += 1000 * slots
	x.turn(x.a, rec)
	why, st := rec.Ended()
	if why != RecordLimit || st.Duration != 30*frameTime {
		t.Errorf("%v %+v", why, st)
	}
	n, _ := rec.Read(make([]int16, 100*frameSize))
	if n != 30*frameSize {
		t.Errorf("%d samples", n)
	}
	rec.Stop()
}

func TestDigitsPassBesideARecording(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		b.end.Hear([]Heard{{From: a.end}})
		rec := r.record(Recording{}, Heard{From: a.end})
		a.talk(codeA, 5)
		a.press(101, 5, nil)
		got := b.hears()
		if len(got) != 13 || got[12].PayloadType != 101 {
			r.Errorf("%d packets", len(got))
		}
		rec.ended(r)
	})
}

func TestEngineThatEndsEndsItsRecordings(t *testing.T) {
	var rec *tape
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		rec = r.record(Recording{}, Heard{From: a.end})
		a.talk(codeA, 10)
	})
	if why, st := rec.Ended(); why != RecordStopped || st.Duration != 200*time.Millisecond {
		t.Error(why, st)
	}
	after := rec.eng.Record(Recording{})
	if n, more := after.Read(make([]int16, frameSize)); n != 0 || more {
		t.Error("a closed engine records")
	}
}

// Two hundred calls, both parties in each, every one of its own level: none may lose or mix up a frame.
func TestTwoHundredRecordingsAtOnceLoseNoFrame(t *testing.T) {
	inBubble(t, func(c *Config) { c.MaxPort = 20000 + 4*250 }, func(r *rig) {
		const calls, seconds = 200, 5
		var phones []*phone
		var tapes []*tape
		for range calls {
			a, b := r.phone(onlyU), r.phone(onlyU)
			a.end.Hear([]Heard{{From: b.end}})
			b.end.Hear([]Heard{{From: a.end}})
			phones = append(phones, a, b)
			tapes = append(tapes, r.record(Recording{Channels: 2}, Heard{From: a.end}, Heard{From: b.end, Channel: 1}))
		}
		var wg sync.WaitGroup
		for i, p := range phones {
			wg.Go(func() { p.hum(byte(i%100), seconds*50) })
		}
		wg.Wait()
		for i, tape := range tapes {
			frames, _, st := tape.ended(r)
			want := [2]int16{level(byte(2 * i % 100)), level(byte((2*i + 1) % 100))}
			if n := near(frames, want); len(frames) < seconds*50 || st.Lost+st.Late != 0 || n < seconds*50-3 {
				r.Errorf("recording %d: %+v, %d frames of %v: %s", i, st, n, want, runs(frames))
			}
		}
	})
}

func level(code byte) int16 {
	var s [1]int16
	g711.ULaw.Decode(s[:], []byte{code})
	return s[0]
}

// hum sends n frames without waiting for their being handled.
func (p *phone) hum(code byte, n int) {
	payload := make([]byte, frameSize)
	for i := range payload {
		payload[i] = code
	}
	for i := range n {
		h := rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * frameSize, SSRC: p.ssrc}
		b, _ := (&rtp.Packet{Header: h, Payload: payload}).Marshal()
		_, _ = p.sock.WriteToUDPAddrPort(b, p.peer)
		time.Sleep(20 * time.Millisecond)
	}
}

func TestAMonitorHearsEachFrameOfItsRowsUntilItStops(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.phone(onlyU)
		var mu sync.Mutex
		var frames []int16
		m := r.eng.Monitor(func(pcm []int16) {
			mu.Lock()
			defer mu.Unlock()
			frames = append(frames, pcm[80])
		})
		m.Hear([]Heard{{From: a.end}})
		a.talk(codeA, 50)
		m.Hear(nil)
		time.Sleep(time.Second)
		m.Hear([]Heard{{From: a.end}})
		time.Sleep(100 * time.Millisecond)
		m.Stop()
		a.talk(codeA, 50)
		mu.Lock()
		defer mu.Unlock()
		if n := len(frames); n < 54 || n > 56 || frames[25] != levelA || frames[n-1] != 0 {
			t.Error(n, frames)
		}
	})
}
