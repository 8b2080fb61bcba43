package events

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/offhook/offhook/events/internal/dirlock"
	"github.com/offhook/offhook/events/spool"
)

// nowhere is a broker that cannot be reached.
func nowhere() Kafka {
	return Kafka{Brokers: []string{"127.0.0.1:1"}, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, syscall.ECONNREFUSED
	}}
}

func openLog(t testing.TB, cfg Config) *Log {
	t.Helper()
	cfg.Kafka = nowhere()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPublishSaysWhyAnEventIsNotTaken(t *testing.T) {
	l := openLog(t, Config{QueueBytes: 20 << 20})
	for name, c := range map[string]struct {
		change func(*Event)
		want   error
	}{
		"other topic": {func(e *Event) { e.Topic = "other" }, ErrInvalid},
		"no source":   {func(e *Event) { e.Source = "" }, ErrInvalid},
		"too large":   {func(e *Event) { e.Data = make([]byte, spool.MaxRecord) }, ErrTooLarge},
	} {
		e := valid()
		c.change(&e)
		if err := l.Publish(e); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var err error
	taken := uint64(0)
	for ; err == nil; taken++ {
		e := valid()
		e.Data = make([]byte, 1<<20)
		err = l.Publish(e)
	}
	if s := l.Stats(); !errors.Is(err, ErrSpoolFull) || s.Published != taken-1 || s.Refused != 1 || s.Backlog != s.Published {
		t.Errorf("%v; %+v", err, s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Publish(valid()); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestWithoutABrokerEventsAreSafeOnDiskAndTheEndIsQuick(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, Config{Dir: dir, Grace: -1})
	if _, err := Open(Config{Dir: dir, Kafka: nowhere()}); !errors.Is(err, dirlock.ErrHeld) {
		t.Errorf("a second owner: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for range 100 {
		if err := l.Publish(valid()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Spooled != 100 || s.Forwarded != 0 || s.Backlog != 100 || s.DiskBytes == 0 {
		t.Errorf("%+v", s)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	again := openLog(t, Config{Dir: dir})
	if s := again.Stats(); s.Backlog != 100 {
		t.Errorf("found again: %+v", s)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEventsThatADiskDoesNotTakeCountInTheLag(t *testing.T) {
	full := make(chan spool.Alarm, 1)
	l := openLog(t, Config{Grace: -1, Alarm: func(a spool.Alarm) { full <- a },
		CreateSegment: func(string) (spool.File, error) { return nil, syscall.ENOSPC }})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	if err := l.Publish(valid()); err != nil {
		t.Fatal(err)
	}
	if a := <-full; a.Code != spool.AlarmWrite || a.Meaning() == "" {
		t.Errorf("%+v", a)
	}
	if s := l.Stats(); s.Backlog != 1 || s.Oldest.IsZero() || s.Lag <= 0 {
		t.Errorf("%+v", s)
	}
	stop()
	if err := <-ended; !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

func TestDataIsTheCallersAgainAfterPublish(t *testing.T) {
	l := openLog(t, Config{Grace: -1})
	e := valid()
	want := string(e.Data)
	e.Data = []byte(want)
	if err := l.Publish(e); err != nil {
		t.Fatal(err)
	}
	clear(e.Data)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	rec, err := l.spool.Reader().Next()
	if err != nil {
		t.Fatal(err)
	}
	if f, err := decodeFields(rec.Payload); err != nil || string(f.data) != want {
		t.Errorf("%q, %v; want %q", f.data, err, want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesABadAddress(t *testing.T) {
	for _, k := range []Kafka{{}, {Brokers: []string{"a:1"}, SASL: SASL{Mechanism: "x"}}} {
		if _, err := Open(Config{Dir: t.TempDir(), Kafka: k}); err == nil || !strings.Contains(err.Error(), "kafka") {
			t.Errorf("%v: %v", k, err)
		}
	}
}

// The tracker against a model: the place moves to where nothing before it is missing, in whatever order records finish.
func TestThePlaceNeverPassesARecordThatIsNotForwarded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tr := newTracker()
		open := map[uint64]bool{}
		var added uint64
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			if len(open) == 0 || rapid.Bool().Draw(rt, "add") {
				if n := tr.add(spool.Pos{Segment: 1, Offset: int64(added + 1)}, int64(added+1)); n != added {
					rt.Fatalf("number %d, want %d", n, added)
				}
				open[added] = true
				added++
				continue
			}
			var some []uint64
			for n := range open {
				some = append(some, n)
			}
			slices.Sort(some)
			k := rapid.IntRange(0, len(some)-1).Draw(rt, "from")
			some = some[k:min(k+rapid.IntRange(1, 5).Draw(rt, "n"), len(some))]
			tr.finish(some)
			for _, n := range some {
				delete(open, n)
			}
			low := added
			for n := range open {
				low = min(low, n)
			}
			place, done, left, _ := tr.state()
			if place.Offset != int64(low) || done != low || left != int(added-low) {
				rt.Fatalf("place %d done %d open %d, want %d", place.Offset, done, left, low)
			}
			if oldest := tr.oldest(); len(open) > 0 && oldest != int64(low+1) || len(open) == 0 && oldest != 0 {
				rt.Fatalf("oldest %d, low %d", oldest, low)
			}
		}
	})
}

// BenchmarkPublish is what the call path pays: the writer runs beside it.
func BenchmarkPublish(b *testing.B) {
	l := openLog(b, Config{Grace: -1, MaxBytes: 1 << 40})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	e := valid()
	e.Subject, e.Key = "call_01JZ0123456789ABCDEFGHJKMN", ""
	e.Data = []byte(`{"call_id":"call_01JZ0123456789ABCDEFGHJKMN","tenant":"demo","seq":12,"at":"2026-01-02T03:04:05.123456789Z","leg":2}`)
	b.ReportAllocs()
	for b.Loop() {
		err := l.Publish(e)
		if errors.Is(err, ErrSpoolFull) {
			b.StopTimer()
			err = l.Flush(ctx)
			b.StartTimer()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func BenchmarkEncode(b *testing.B) {
	e := valid()
	e.Data = make([]byte, 600)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = encodeEvent(buf[:0], e)
	}
}
