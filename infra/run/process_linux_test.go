package run

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestEveryThreadIsPreferred runs itself in processes of their own: a priority that was lowered cannot be raised again.
func TestEveryThreadIsPreferred(t *testing.T) {
	if os.Getenv("OFFHOOK_TEST_NICE") != "" {
		before := niceOf(t, os.Getpid())
		if err := prefer(5); err != nil {
			t.Fatal(err)
		}
		fmt.Println("was", before, "is", threadsNice(t))
		return
	}
	for _, start := range []string{"", "nice -n 7"} {
		args := append(strings.Fields(start), os.Args[0], "-test.run", "^TestEveryThreadIsPreferred$")
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "OFFHOOK_TEST_NICE=1")
		out, err := cmd.CombinedOutput()
		var was, is int
		if _, wrong := fmt.Sscanf(string(out), "was %d is [%d]", &was, &is); err != nil || wrong != nil {
			t.Fatalf("%v, %v:\n%s", err, wrong, out)
		}
		if want := map[bool]int{true: 5, false: was}[was == 0]; is != want {
			t.Errorf("started by %q at %d: now at %d, want %d", start, was, is, want)
		}
		if start != "" && was == 0 {
			t.Errorf("%s did nothing", start)
		}
	}
}

// threadsNice are the different priorities of this process's threads.
func threadsNice(t *testing.T) (all []int) {
	t.Helper()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%d threads, %v", len(threads), err)
	}
	seen := map[int]bool{}
	for _, th := range threads {
		id, _ := strconv.Atoi(th.Name())
		if n := niceOf(t, id); !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	return all
}

func niceOf(t *testing.T, thread int) int {
	t.Helper()
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n
}
