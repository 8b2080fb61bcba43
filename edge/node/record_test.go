package node_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/recordings"
	"github.com/offhook/offhook/edge/verbs"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// recording makes a node that records to a folder.
func recording(t *testing.T, dir string) func(*setup) {
	store, err := recordings.Open(recordings.Config{Folder: dir, Node: "riga"})
	if err != nil {
		t.Fatal(err)
	}
	return func(s *setup) {
		s.node.Record = func(n recordings.New) (node.Tape, error) { return store.Create(n) }
	}
}

// hum sends sound of one code, 20 ms a packet.
func (p *phone) hum(code byte, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		p.rtp(0, false, uint32(time.Now().UnixMilli())*8, bytes.Repeat([]byte{code}, 160))
	}
}

func level(code byte) int16 {
	var s [1]int16
	g711.ULaw.Decode(s[:], []byte{code})
	return s[0]
}

// stored reads the file that an event tells of: its samples, by channel, and what each channel has most of.
func (r *rig) stored(dir string, ev event.Recording) (seconds float64, most [2]int16) {
	r.Helper()
	seconds, seen := r.samples(dir, ev)
	for ch := range most {
		for v, n := range seen[ch] {
			if v != 0 && n > seen[ch][most[ch]] {
				most[ch] = v
			}
		}
	}
	return seconds, most
}

// samples reads that file: how often each channel has a sample.
func (r *rig) samples(dir string, ev event.Recording) (seconds float64, seen [2]map[int16]int) {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(dir, ev.Location))
	if err != nil {
		r.Fatal(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != ev.SHA256 || int64(len(b)) != ev.Bytes {
		r.Errorf("%d bytes of another file than %+v tells", len(b), ev)
	}
	channels := int(binary.LittleEndian.Uint16(b[22:]))
	seen = [2]map[int16]int{{}, {}}
	for i := 44; i+1 < len(b); i += 2 {
		seen[(i-44)/2%channels][int16(binary.LittleEndian.Uint16(b[i:]))]++
	}
	seconds = float64(len(b)-44) / float64(2*rate(b)*channels)
	if ms := seconds * 1000; ms != float64(ev.DurationMS) {
		r.Errorf("%v ms in the file, %d told", ms, ev.DurationMS)
	}
	return seconds, seen
}

// rate of a WAV file.
func rate(b []byte) int { return int(binary.LittleEndian.Uint32(b[24:])) }

func TestARecordingOf16kHz(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		r.script(`[{"verb": "record", "wide": true, "time_limit": "2s"}, {"verb": "hangup"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.hum(0x20, 2*time.Second)
		anna.expect("BYE")
		ev := last[event.Recording](r, event.RecordingStored)
		if seconds, most := r.stored(dir, ev); seconds != 2 || most[0] != level(0x20) {
			t.Errorf("%v s of %v", seconds, most)
		}
		b, err := os.ReadFile(filepath.Join(dir, ev.Location))
		if err != nil || rate(b) != 16000 {
			t.Errorf("%d Hz, %v", rate(b), err)
		}
	})
}

// about says that a value is as wanted, within what buffers and packets make of it.
func about(got, want float64) bool { return got > want-0.1 && got < want+0.1 }

func TestBothPartiesAreRecordedOnTwoChannels(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		r.ask.set("fn:router", `[{"verb": "record", "id": "whole", "channels": 2, "background": true}, {"verb": "dial", "to": {"sip": "sip:bob@127.0.0.1:7000"}}]`)
		anna, bob := r.phone(6000), r.phone(7000)
		caller := anna.dial("200")
		caller.invite(anna.sdp("sendrecv", withDigits))
		anna.expect("100 INVITE")
		m := bob.expect("INVITE")
		bob.reply(m, 180, "", "")
		time.Sleep(3 * time.Second) // it rings: nobody is recorded
		bob.toEdge(m.body)
		bob.reply(m, 200, "", bob.sdp("sendrecv", withDigits))
		bob.expect("ACK")
		callee := bob.callee(m)
		anna.expect("180 INVITE")
		caller.learn(anna.expect("200 INVITE"))
		caller.request("ACK", "", "")
		var wg sync.WaitGroup
		wg.Go(func() { anna.hum(0x20, 2*time.Second) })
		wg.Go(func() { bob.hum(0x30, 2*time.Second) })
		wg.Wait()
		if live := r.counter("offhook_recordings_live"); live != 1 {
			t.Error("live:", live)
		}
		callee.request("BYE", "", "")
		bob.expect("200 BYE")
		anna.reply(anna.expect("BYE"), 200, "", "")
		ev := last[event.Recording](r, event.RecordingStored)
		seconds, most := r.stored(dir, ev)
		if !about(seconds, 2) || most != [2]int16{level(0x20), level(0x30)} || ev.VerbID != "whole" || ev.Why != "hangup" {
			t.Errorf("%v s of %v: %+v", seconds, most, ev)
		}
		types := r.log.types(events.TopicCalls)
		if n := len(types); types[n-1] != event.CallHangup || !slices.Contains(types, event.RecordingStored) {
			t.Error(types)
		}
		if end := last[event.Hangup](r, event.CallHangup); !slices.Equal(end.Recordings, []string{ev.Recording}) {
			t.Error(end.Recordings)
		}
		if live, stored := r.counter("offhook_recordings_live"), r.counter("offhook_recordings_stored_total"); live != 0 || stored != 1 {
			t.Error(live, stored)
		}
	})
}

func TestVoiceMailEndsByKeyAndPauseIsCutOut(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		r.script(`[{"verb": "parallel", "do": [[{"verb": "pause", "for": "3s"}, {"verb": "record", "action": "pause"}, {"verb": "pause", "for": "2s"}, {"verb": "record", "action": "resume"}]]},
			{"verb": "record", "beep": true, "finish_on": "#", "name": "../greeting"}, {"verb": "log", "text": "{result.cause} {result.duration_ms}"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits) // the beep lasts a second
		anna.hum(0x20, 7*time.Second)
		anna.press(11)
		anna.expect("BYE")
		ev := last[event.Recording](r, event.RecordingStored)
		seconds, most := r.stored(dir, ev)
		if !about(seconds, 4.1) || most[0] != level(0x20) || ev.Why != "finish_key" || ev.Name != "-greeting.wav" {
			t.Errorf("%v s of %v: %+v", seconds, most, ev)
		}
	})
}

func TestSilenceAndLimitEndARecording(t *testing.T) {
	dir := t.TempDir()
	inBubble(t, recording(t, dir), func(r *rig) {
		r.script(`[{"verb": "record", "silence": "2s"}, {"verb": "record", "time_limit": "1s"}, {"verb": "hangup"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.hum(0x20, time.Second)
		anna.expect("BYE")
		var why []string
		for _, e := range r.log.list() {
			if e.Type == event.Prefix+event.RecordingStored {
				why = append(why, string(e.Data))
			}
		}
		if len(why) != 2 || !bytes.Contains([]byte(why[0]), []byte(`"why":"silence"`)) || !bytes.Contains([]byte(why[1]), []byte(`"why":"time_limit"`)) {
			t.Fatal(why)
		}
		if seconds, _ := r.stored(dir, last[event.Recording](r, event.RecordingStored)); seconds != 1 {
			t.Error(seconds)
		}
	})
}

// badTape is a file on a disk that gets full, or whose upload never comes to an end.
type badTape struct {
	room  int
	stuck bool
}

func (b *badTape) Write(pcm []int16) error {
	if b.room -= len(pcm); b.room < 0 {
		return &fs.PathError{Op: "write", Path: "/secret/place", Err: syscall.ENOSPC}
	}
	return nil
}

func (b *badTape) Store(ctx context.Context) (recordings.Stored, error) {
	if b.stuck {
		<-ctx.Done()
		return recordings.Stored{Location: "s3://b/x.wav", Bytes: 44}, errors.New("not uploaded yet")
	}
	return recordings.Stored{Location: "demo/x.wav", Bytes: 44, SHA256: "00"}, nil
}

func TestFullDiskIsToldAndTheCallGoesOn(t *testing.T) {
	tape := &badTape{room: 8000}
	change := func(s *setup) { s.node.Record = func(recordings.New) (node.Tape, error) { return tape, nil } }
	inBubble(t, change, func(r *rig) {
		r.script(`[{"verb": "record", "background": true}, {"verb": "answer"}, {"verb": "pause", "for": "1m"}]`)
		anna := r.phone(6000)
		call := anna.established("200", withDigits)
		anna.hum(0x20, 3*time.Second)
		ev := last[event.Recording](r, event.RecordingFailed)
		if ev.Error != "no space left on device" || ev.Why != "failed" || ev.Location != "demo/x.wav" {
			t.Errorf("%+v", ev)
		}
		if r.only().Status != "answered" || r.counter("offhook_recordings_failed_total") != 1 {
			t.Error("the call did not go on")
		}
		call.request("BYE", "", "")
		anna.expect("200 BYE")
	})
}

func TestWithoutAPlaceRecordingsFail(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "record"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.expect("BYE")
		if ev := last[event.Recording](r, event.RecordingFailed); ev.Why != "failed" || ev.Error == "" {
			t.Errorf("%+v", ev)
		}
	})
}

func TestUploadThatHangsIsGivenUpWhenTheNodeStops(t *testing.T) {
	change := func(s *setup) {
		s.node.Record = func(recordings.New) (node.Tape, error) { return &badTape{room: 1e9, stuck: true}, nil }
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		r.script(`[{"verb": "record"}]`)
		anna := r.phone(6000)
		anna.established("200", withDigits)
		anna.hum(0x20, time.Second)
		go func() {
			if m := anna.expect("BYE"); m.start != "" {
				anna.reply(m, 200, "", "")
			}
		}()
		stopped := time.Now()
		r.stops["node"]()
		if err := <-r.done["node"]; err != nil {
			t.Error(err)
		}
		if took := time.Since(stopped); took > 1500*time.Millisecond {
			t.Error("took", took)
		}
		r.done["node"] <- nil
		types := r.log.types(events.TopicCalls)
		if n := len(types); types[n-1] != event.CallHangup || !slices.Contains(types, event.RecordingFailed) {
			t.Error(types)
		}
		r.stop()
	})
}

func TestCrashedCallLeavesItsRecordingStored(t *testing.T) {
	dir := t.TempDir()
	var stored atomic.Int64
	change := func(s *setup) {
		recording(t, dir)(s)
		record := s.node.Record
		s.node.Record = func(n recordings.New) (node.Tape, error) {
			tape, err := record(n)
			return counted{tape, &stored}, err
		}
		s.node.NewCall = func(id string) call.Stepper { return &faulty{Stepper: verbs.NewCall(id), at: "timer_fired"} }
	}
	inBubble(t, change, func(r *rig) {
		r.script(`[{"verb": "record", "background": true}, {"verb": "answer"}, {"verb": "pause", "for": "1s"}]`)
		anna := r.phone(6000)
		anna.established("fault", withDigits)
		anna.hum(0x20, 2*time.Second)
		anna.reply(anna.expect("BYE"), 200, "", "")
		synctest.Wait()
		if r.counter("offhook_call_panics_total") != 1 || stored.Load() != 1 || r.counter("offhook_recordings_live") != 0 {
			t.Error("stored", stored.Load(), "live", r.counter("offhook_recordings_live"))
		}
	})
	files, err := filepath.Glob(filepath.Join(dir, "demo/*/*.wav"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if st, err := os.Stat(files[0]); err != nil || st.Size() < 44+15000 {
		t.Error(st, err)
	}
}

type counted struct {
	node.Tape
	stored *atomic.Int64
}

func (c counted) Store(ctx context.Context) (recordings.Stored, error) {
	defer c.stored.Add(1)
	return c.Tape.Store(ctx)
}
