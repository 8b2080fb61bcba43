package history

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAServerThatIsAwayIsAskedOnceForAllThatWaits: each time may take seconds.
func TestAServerThatIsAwayIsAskedOnceForAllThatWaits(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked.Add(1)
			c.Close()
		}
	})
	s, err := connect("postgres://u@" + l.Addr().String() + "/d?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{store: s}
	jobs := make([]job, 20)
	for i := range jobs {
		jobs[i] = job{ctx: context.Background(), row: &row{id: "call_1", tenant: "demo", seq: 1}, done: make(chan error, 1)}
	}
	w.commit(jobs)
	for _, j := range jobs {
		if err := <-j.done; err == nil {
			t.Error("written")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	l.Close()
	done.Wait()
	if n := asked.Load(); n > 10 {
		t.Errorf("asked %d times", n)
	}
}
