package run

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheCollectorMayUseSomeOfTheMemory(t *testing.T) {
	for _, c := range []struct {
		live, garbage uint64
		percent       int
	}{
		{100 << 20, 1 << 30, 1000}, {512 << 20, 1 << 30, 200}, {4 << 30, 1 << 30, 200}, {256 << 20, 1 << 30, 400},
		{0, 1 << 30, 1000}, {50 << 20, 0, 200},
	} {
		if got := (heap{live: c.live}).percent(c.garbage); got != c.percent {
			t.Errorf("%d live: %d, want %d", c.live, got, c.percent)
		}
	}
}

func TestAQuietProcessGivesMemoryBack(t *testing.T) {
	before := heap{allocated: 1 << 40}
	for _, c := range []struct {
		allocated, objects uint64
		idle               bool
	}{
		{1 << 20, 400 << 20, true}, {1 << 20, 120 << 20, false}, {8 << 20, 400 << 20, false},
	} {
		if got := (heap{before.allocated + c.allocated, c.objects, 50 << 20}).idle(before); got != c.idle {
			t.Errorf("%+v: idle %v", c, got)
		}
	}
}

func TestTheSizeOfTheMemoryIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meminfo")
	if err := os.WriteFile(path, []byte("MemFree: 12 kB\nMemTotal:       2048 kB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := memTotal(path); got != 2<<20 {
		t.Error(got)
	}
	if got := memTotal(path + "x"); got != 0 {
		t.Error(got)
	}
	if h := readHeap(); h.allocated == 0 || h.objects == 0 {
		t.Errorf("%+v", h)
	}
}
