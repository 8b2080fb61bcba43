package run

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// The garbage of a busy edge is short-lived messages, and while the collector works answers wait for it: the more memory it
// may fill first, the seldomer that is. So it gets a part of the machine's, and what a quiet process does not need any more
// goes back to the system.
const (
	leastPercent = 200 // GOGC
	mostPercent  = 1000
	mostGarbage  = 512 << 20 // bytes
	tidyEvery    = time.Second
	quietBytes   = 4 << 20  // allocated in tidyEvery: it does next to nothing
	worthIt      = 32 << 20 // garbage that is left lying
)

// heap is what the collector knows.
type heap struct {
	allocated uint64 // since the process began
	objects   uint64 // bytes in use and not yet collected
	live      uint64 // bytes that the last collection left
}

func readHeap() heap {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()}
}

// percent is GOGC for a heap, when so much garbage may lie about.
func (h heap) percent(garbage uint64) int {
	return int(min(max(100*garbage/max(h.live, 1), leastPercent), mostPercent))
}

// idle: nothing goes on since before, and much is left lying.
func (h heap) idle(before heap) bool {
	return h.allocated-before.allocated < quietBytes && h.objects > 2*h.live+worthIt
}

// keepMemory sees to the collector until ctx ends; GOGC in the environment has the last word.
func keepMemory(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		<-ctx.Done()
		return nil
	}
	garbage := min(memory()/8, mostGarbage)
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	before, percent := readHeap(), leastPercent
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := readHeap()
		if p := now.percent(garbage); p*10 < percent*9 || p*10 > percent*11 {
			percent = p
			debug.SetGCPercent(p)
		}
		if now.idle(before) {
			debug.FreeOSMemory()
		}
		before = now
	}
}

// memory is what the process may use: the machine's, or its control group's when that is less; 0 when nobody says.
func memory() uint64 {
	total := memTotal("/proc/meminfo")
	group, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", "memory.max"))
	if limit, bad := strconv.ParseUint(strings.TrimSpace(string(group)), 10, 64); err == nil && bad == nil {
		total = min(total, limit)
	}
	return total
}

func memTotal(path string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == "MemTotal:" {
			kb, _ := strconv.ParseUint(words[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}
