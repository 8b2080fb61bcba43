package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/offhook/offhook/events/internal/dirlock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type testSpool struct {
	*Spool[string]
	t    testing.TB
	stop func() error
}

func encodeString(b []byte, s string) []byte { return append(b, s...) }
func sizeString(s string) int                { return len(s) }

// openSpool opens without running; begin runs it.
func openSpool(t testing.TB, dir string, o Options) *testSpool {
	t.Helper()
	s, err := Open(dir, encodeString, sizeString, o)
	if err != nil {
		t.Fatal(err)
	}
	return &testSpool{Spool: s, t: t}
}

func (s *testSpool) begin() *testSpool {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-done, s.Close())
	})
	return s
}

func (s *testSpool) end() {
	s.t.Helper()
	if err := s.stop(); err != nil {
		s.t.Error(err)
	}
}

func (s *testSpool) put(list ...string) {
	s.t.Helper()
	for _, v := range list {
		if err := s.Put(v); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *testSpool) flush() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		s.t.Fatalf("flush: %v, %+v", err, s.Stats())
	}
}

func readAll(t testing.TB, r *Reader) (list []string, next []Pos) {
	t.Helper()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, next
		}
		if err != nil {
			t.Fatal(err)
		}
		list, next = append(list, string(rec.Payload)), append(next, rec.Next)
	}
}

func (s *testSpool) read() []string {
	s.t.Helper()
	list, _ := readAll(s.t, s.Reader())
	return list
}

func numbered(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("record %d %s", i, strings.Repeat("x", i%50)))
	}
	return list
}

func TestRecordsComeBackInOrderAfterAFlushAndAfterARestart(t *testing.T) {
	dir := t.TempDir()
	want := numbered(0, 3000)
	s := openSpool(t, dir, Options{SegmentBytes: 4 << 10}).begin()
	for i := 0; i < len(want); i += 100 {
		s.put(want[i : i+100]...)
		s.flush()
	}
	if got := s.read(); !slices.Equal(got, want) {
		t.Fatalf("%d records came back, want %d", len(got), len(want))
	}
	if n := s.Stats().Segments; n < 10 {
		t.Errorf("%d segments, the bound was not kept", n)
	}
	s.end()
	again := openSpool(t, dir, Options{}).begin()
	defer again.end()
	if got := again.read(); !slices.Equal(got, want) {
		t.Fatalf("%d records after the restart, want %d", len(got), len(want))
	}
	if again.Stats().Recovered != len(want) {
		t.Errorf("%d recovered", again.Stats().Recovered)
	}
}

func TestWhatWasForwardedDoesNotComeBackAndItsSegmentsGo(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, Options{SegmentBytes: 1 << 10}).begin()
	all := numbered(0, 200)
	for _, v := range all {
		s.put(v)
		s.flush()
	}
	_, next := readAll(t, s.Reader())
	before := s.Stats().Segments
	if err := s.Forwarded(next[149]); err != nil {
		t.Fatal(err)
	}
	if err := s.Forwarded(next[10]); err != nil { // an older place changes nothing
		t.Fatal(err)
	}
	if after := s.Stats().Segments; after >= before/2 {
		t.Errorf("%d of %d segments are left", after, before)
	}
	s.end()
	again := openSpool(t, dir, Options{}).begin()
	if got := again.read(); !slices.Equal(got, all[150:]) {
		t.Errorf("%d records came back, want 50", len(got))
	}
	_, next = readAll(t, again.Reader())
	if err := again.Forwarded(next[len(next)-1]); err != nil {
		t.Fatal(err)
	}
	again.end()
	last := openSpool(t, dir, Options{}).begin()
	defer last.end()
	if got := last.read(); len(got) != 0 || last.Stats().Recovered != 0 {
		t.Errorf("%q came back though all was forwarded", got)
	}
}

// A kill -9 leaves the last record cut anywhere.
func TestATailTornAtAnyByteIsCutAndNothingElseIsLost(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, Options{}).begin()
	s.put("one", "two", "the last record of all")
	s.flush()
	s.end()
	name := segmentName(dir, 1)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	last := len(whole) - len("the last record of all") - frameHeader
	for size := 0; size < len(whole); size++ {
		want := []string{"one", "two"}
		switch {
		case size < int(headerSize)+frameHeader+3:
			want = nil
		case size < last:
			want = want[:1]
			if size >= int(headerSize)+2*(frameHeader+3) {
				want = []string{"one", "two"}
			}
		}
		checkTorn(t, whole[:size], want)
		checkTorn(t, append(slices.Clone(whole[:size]), make([]byte, 100)...), want) // a file that grew, but not its content
	}
}

func checkTorn(t *testing.T, content []byte, want []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(segmentName(dir, 1), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openSpool(t, dir, Options{}).begin()
	s.put("after")
	s.flush()
	if got := s.read(); !slices.Equal(got, append(slices.Clone(want), "after")) {
		t.Fatalf("cut at %d: got %q, want %q and what came after", len(content), got, want)
	}
	s.end()
	again := openSpool(t, dir, Options{}).begin()
	defer again.end()
	if got := again.read(); !slices.Equal(got, append(slices.Clone(want), "after")) {
		t.Fatalf("cut at %d, second open: got %q", len(content), got)
	}
}

func TestDamageInTheMiddleRaisesAnAlarmAndTheRestIsRead(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, Options{SegmentBytes: 64}).begin()
	for _, v := range []string{"first", "second", "third"} {
		s.put(strings.Repeat(v, 10)) // one segment each
		s.flush()
	}
	s.end()
	name := segmentName(dir, 2)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var codes []string
	again := openSpool(t, dir, Options{Alarm: func(a Alarm) { codes = append(codes, a.Code) }}).begin()
	defer again.end()
	if got := again.read(); len(got) != 2 || !strings.HasPrefix(got[1], "third") {
		t.Errorf("read %q", got)
	}
	if !slices.Equal(codes, []string{AlarmCorrupt}) {
		t.Errorf("alarms %q", codes)
	}
}

func TestDamageUnderARunningReaderRaisesAnAlarmAndTheRestIsRead(t *testing.T) {
	dir := t.TempDir()
	var alarms atomic.Int64
	s := openSpool(t, dir, Options{Alarm: func(a Alarm) {
		if a.Code == AlarmCorrupt {
			alarms.Add(1)
		}
	}}).begin()
	defer s.end()
	s.put("first", "second")
	s.flush()
	f, err := os.OpenFile(segmentName(dir, 1), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("X"), headerSize+frameHeader+int64(len("first"))+frameHeader); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r := s.Reader()
	if got, _ := readAll(t, r); !slices.Equal(got, []string{"first"}) {
		t.Fatalf("read %q", got)
	}
	s.put("third")
	s.flush()
	if got, _ := readAll(t, r); !slices.Equal(got, []string{"third"}) || alarms.Load() != 1 {
		t.Errorf("then read %q with %d alarms", got, alarms.Load())
	}
}

func TestASecondOwnerIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, Options{}).begin()
	defer s.end()
	if _, err := Open(dir, encodeString, sizeString, Options{}); !errors.Is(err, dirlock.ErrHeld) {
		t.Errorf("got %v", err)
	}
}

func TestTheBoundInMemoryRefusesTheNewestAtOnce(t *testing.T) {
	s := openSpool(t, t.TempDir(), Options{QueueBytes: 1000})
	var err error
	n := 0
	for ; err == nil; n++ {
		err = s.Put(strings.Repeat("x", 36))
	}
	if !errors.Is(err, ErrFull) || n != 11 {
		t.Errorf("record %d gave %v; want the 11th of 100 bytes refused", n, err)
	}
	if err := s.Put(strings.Repeat("x", MaxRecord+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	s.begin()
	s.flush()
	if got := s.read(); len(got) != 10 {
		t.Errorf("%d records were kept, want the 10 that were taken", len(got))
	}
	s.end()
	if err := s.Put("x"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// badDisk is a disk that can be full.
type badDisk struct {
	full, sick atomic.Bool
	created    atomic.Int64
}

type badFile struct {
	File
	disk *badDisk
}

func (d *badDisk) create(name string) (File, error) {
	f, err := createFile(name)
	if err != nil {
		return nil, err
	}
	d.created.Add(1)
	return badFile{f, d}, nil
}

func (f badFile) WriteAt(b []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		n, _ := f.File.WriteAt(b[:len(b)/2], off) // a full disk takes a part
		return n, syscall.ENOSPC
	}
	return f.File.WriteAt(b, off)
}

func (f badFile) Sync() error {
	if f.disk.sick.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// alarmLog hears alarms and remembers the last of each code.
type alarmLog struct {
	heard chan Alarm
	last  map[string]Alarm
}

func newAlarmLog() *alarmLog {
	return &alarmLog{heard: make(chan Alarm, 1000), last: map[string]Alarm{}}
}

func (l *alarmLog) hear(a Alarm) { l.heard <- a }

func (l *alarmLog) await(t *testing.T, code string, cleared bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		if a, ok := l.last[code]; ok && a.Cleared == cleared {
			return
		}
		select {
		case a := <-l.heard:
			l.last[a.Code] = a
		case <-timeout:
			t.Fatalf("no alarm %s, cleared %v", code, cleared)
		}
	}
}

func TestAFullDiskRaisesAlarmsLosesNothingTakenAndGoesOn(t *testing.T) {
	for name, fault := range map[string]func(*badDisk) *atomic.Bool{
		"write": func(d *badDisk) *atomic.Bool { return &d.full },
		"sync":  func(d *badDisk) *atomic.Bool { return &d.sick },
	} {
		t.Run(name, func(t *testing.T) {
			var disk badDisk
			alarms := newAlarmLog()
			dir := t.TempDir()
			s := openSpool(t, dir, Options{QueueBytes: 20_000, Create: disk.create, Alarm: alarms.hear}).begin()
			s.put("before")
			s.flush()
			fault(&disk).Store(true)
			taken := []string{"before"}
			for err := error(nil); err == nil; {
				v := fmt.Sprintf("during %d", len(taken))
				if err = s.Put(v); err == nil {
					taken = append(taken, v)
				}
			}
			alarms.await(t, AlarmWrite, false)
			alarms.await(t, AlarmFull, false)
			if got := s.read(); !slices.Equal(got, []string{"before"}) {
				t.Errorf("what is not on the disk was read: %q", got)
			}
			if s.Stats().Stuck.IsZero() {
				t.Error("it is not told since when the disk takes nothing")
			}
			fault(&disk).Store(false)
			s.flush()
			alarms.await(t, AlarmWrite, true)
			alarms.await(t, AlarmFull, true)
			if since := s.Stats().Stuck; !since.IsZero() {
				t.Errorf("the disk works again, and takes nothing since %v", since)
			}
			s.end()
			again := openSpool(t, dir, Options{}).begin()
			defer again.end()
			if got := again.read(); !slices.Equal(got, taken) {
				t.Errorf("%d records, want the %d that were taken, each once", len(got), len(taken))
			}
			if n := again.Stats().Segments; n > 3 {
				t.Errorf("the full disk left %d segments", n)
			}
		})
	}
}

func TestTheBoundOnDiskHoldsUntilRecordsAreForwarded(t *testing.T) {
	alarms := newAlarmLog()
	s := openSpool(t, t.TempDir(), Options{MaxBytes: 4 << 10, SegmentBytes: 1 << 10, QueueBytes: 4 << 10, Alarm: alarms.hear}).begin()
	defer s.end()
	record := strings.Repeat("y", 200)
	for err := error(nil); err == nil; err = s.Put(record) {
		if s.Stats().DiskBytes < 3<<10 {
			s.flush() // small groups, so that segments are small
		}
	}
	alarms.await(t, AlarmBound, false)
	if n := s.Stats().DiskBytes; n > 4<<10 {
		t.Errorf("%d bytes on disk", n)
	}
	r := s.Reader()
	taken := s.Stats().Accepted
	var got uint64
	for got < taken {
		changed := s.Changed()
		list, next := readAll(t, r)
		if got += uint64(len(list)); len(list) == 0 {
			<-changed
			continue
		}
		if err := s.Forwarded(next[len(next)-1]); err != nil {
			t.Fatal(err)
		}
	}
	alarms.await(t, AlarmBound, true)
}

func TestRecordsThatCannotBeWrittenAtTheEndAreReported(t *testing.T) {
	var disk badDisk
	disk.full.Store(true)
	alarms := newAlarmLog()
	s := openSpool(t, t.TempDir(), Options{Create: disk.create, Alarm: alarms.hear}).begin()
	s.put("a", "b")
	alarms.await(t, AlarmWrite, false)
	if err := s.stop(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "2 records") {
		t.Errorf("got %v", err)
	}
}

func TestARecordIsReadAgainAtItsPlace(t *testing.T) {
	s := openSpool(t, t.TempDir(), Options{SegmentBytes: 100}).begin()
	defer s.end()
	want := numbered(0, 30)
	for _, v := range want {
		s.put(v)
		s.flush()
	}
	var places []Pos
	for r := s.Reader(); ; {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, rec.At)
	}
	for i, p := range slices.Backward(places) {
		rec, err := s.ReadAt(p)
		if err != nil || string(rec.Payload) != want[i] {
			t.Fatalf("place %v: %q, %v; want %q", p, rec.Payload, err, want[i])
		}
	}
	if _, err := s.ReadAt(Pos{Segment: 99, Offset: headerSize}); err == nil {
		t.Error("a place that is not there gave a record")
	}
}

func TestADamagedPositionMeansTwiceButNeverLost(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, Options{}).begin()
	s.put("a", "b")
	s.flush()
	_, next := readAll(t, s.Reader())
	if err := s.Forwarded(next[1]); err != nil {
		t.Fatal(err)
	}
	s.end()
	name := filepath.Join(dir, positionFile)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := range len(b) {
		if err := os.WriteFile(name, b[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if p := loadPosition(dir); p != (Pos{}) {
			t.Fatalf("%d bytes gave %v", size, p)
		}
	}
	again := openSpool(t, dir, Options{}).begin()
	defer again.end()
	if got := again.read(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("read %q", got)
	}
}

// The spool against a model: whatever the order of putting, reading, forwarding, crashing and restarting,
// records come in order, none is lost that was flushed, and none comes before it was flushed.
func TestTheSpoolKeepsItsPromiseInAnyOrderOfUse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "spool")
		if err != nil {
			rt.Fatal(err)
		}
		o := Options{SegmentBytes: int64(rapid.IntRange(32, 2000).Draw(rt, "segment"))}
		s := openSpool(t, dir, o).begin()
		defer func() { s.end() }()
		r := s.Reader()
		count, low, read := 0, 0, 0 // put, forwarded, read
		var places []Pos
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(rt *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(rt, "n") {
					s.put(fmt.Sprintf("%d:%s", count, strings.Repeat("z", rapid.IntRange(0, 300).Draw(rt, "size"))))
					count++
				}
				s.flush()
			},
			"read": func(rt *rapid.T) {
				list, next := readAll(t, r)
				for i, v := range list {
					if !strings.HasPrefix(v, fmt.Sprintf("%d:", read+i)) {
						rt.Fatalf("record %d is %q", read+i, v)
					}
				}
				read += len(list)
				places = append(places, next...)
				if read != count {
					rt.Fatalf("%d of %d records read", read, count)
				}
			},
			"forward": func(rt *rapid.T) {
				if len(places) == 0 {
					return
				}
				n := rapid.IntRange(1, len(places)).Draw(rt, "n")
				if err := s.Forwarded(places[n-1]); err != nil {
					rt.Fatal(err)
				}
				low += n
				places = places[n:]
			},
			"restart": func(rt *rapid.T) {
				s.end()
				if rapid.Bool().Draw(rt, "torn") {
					tear(rt, dir)
				}
				s = openSpool(t, dir, o).begin()
				r, read, places = s.Reader(), low, nil
			},
		})
	})
}

// tear appends part of a frame to the newest segment, as a crash in the middle of a write would.
func tear(rt *rapid.T, dir string) {
	nums, err := segmentNumbers(dir)
	if err != nil || len(nums) == 0 {
		return
	}
	f, err := os.OpenFile(segmentName(dir, nums[len(nums)-1]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		rt.Fatal(err)
	}
	frame, at := beginFrame(nil)
	frame = append(frame, "torn record"...)
	endFrame(frame, at)
	if _, err := f.Write(frame[:rapid.IntRange(1, len(frame)-1).Draw(rt, "cut")]); err != nil {
		rt.Fatal(err)
	}
	if err := f.Close(); err != nil {
		rt.Fatal(err)
	}
}

func BenchmarkPut(b *testing.B) {
	s := openSpool(b, b.TempDir(), Options{QueueBytes: 1 << 40, MaxBytes: 1 << 40})
	record := strings.Repeat("x", 600)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Put(record); err != nil {
			b.Fatal(err)
		}
	}
	_ = s.Close()
}

func BenchmarkThroughTheDisk(b *testing.B) {
	s := openSpool(b, b.TempDir(), Options{QueueBytes: 64 << 20, MaxBytes: 1 << 40}).begin()
	defer s.end()
	record := strings.Repeat("x", 600)
	r := s.Reader()
	b.ReportAllocs()
	for b.Loop() {
		for s.Put(record) != nil {
			s.flush()
			_, next := readAll(b, r)
			if err := s.Forwarded(next[len(next)-1]); err != nil {
				b.Fatal(err)
			}
		}
	}
	s.flush()
}
