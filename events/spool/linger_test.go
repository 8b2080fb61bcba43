package spool

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// busyFile tells of each sync.
type busyFile struct {
	File
	synced func()
}

func (f busyFile) Sync() error {
	f.synced()
	return f.File.Sync()
}

func TestRecordsOfALingerAreOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *testSpool
		syncs := 0
		s = openSpool(t, t.TempDir(), Options{Create: func(name string) (File, error) {
			f, err := createFile(name)
			return busyFile{f, func() {
				if syncs++; syncs == 2 { // the first is the segment's header
					s.put("during the sync")
				}
			}}, err
		}}).begin()
		defer s.end()
		written := func(want uint64, when string) {
			t.Helper()
			synctest.Wait()
			if got := s.Stats().Written; got != want {
				t.Errorf("%s: %d records are written, want %d", when, got, want)
			}
		}
		s.put("after a rest")
		written(1, "at once")
		s.put("soon after")
		time.Sleep(linger - time.Nanosecond)
		written(1, "within the linger")
		time.Sleep(time.Nanosecond)
		written(3, "after it")
		if syncs != 3 {
			t.Errorf("%d syncs, want one for the header and two for the groups", syncs)
		}
		began := time.Now()
		s.put("awaited")
		s.flush()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a flush waited %v", waited)
		}
		time.Sleep(time.Minute)
		s.put("after another rest")
		written(5, "at once again")
	})
}

// What was put may be changed at once, also while earlier records wait for a disk that refuses them.
func TestNothingOfAValueIsKept(t *testing.T) {
	var disk badDisk
	alarms := newAlarmLog()
	shared := make([]byte, 0, 1<<10)
	b, err := Open(t.TempDir(), func(b, v []byte) []byte { return append(b, v...) }, func(v []byte) int { return len(v) },
		Options{Create: disk.create, Alarm: alarms.hear})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	disk.full.Store(true)
	want := numbered(0, 3*groupRecords/2) // more than a group
	for i, v := range want {
		if shared = append(shared[:0], v...); b.Put(shared) != nil {
			t.Fatal("refused")
		}
		if i == 0 {
			alarms.await(t, AlarmWrite, false) // the first is a group of its own, and stays one
		}
	}
	clear(shared)
	disk.full.Store(false)
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if got, _ := readAll(t, b.Reader()); !slices.Equal(got, want) {
		t.Errorf("%d records came back, want %d as they were put", len(got), len(want))
	}
	if s := b.Stats(); s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("%+v", s)
	}
	cancel()
	if err := errors.Join(<-done, b.Close()); err != nil {
		t.Error(err)
	}
}

func TestTheMemoryOfAStreamIsUsedAgainAndThatOfALongRecordIsNot(t *testing.T) {
	q := newQueue(64<<20, encodeString)
	write := func(v string) *block {
		if err := q.put(v, len(v)); err != nil {
			t.Fatal(err)
		}
		b := q.next()
		q.drop()
		return b
	}
	first := write("one")
	if write("two") != first {
		t.Error("a block was not used again")
	}
	if write(strings.Repeat("x", MaxRecord)) != first || write("three") == first {
		t.Error("the memory of a long record was kept")
	}
}
