package sound

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Workers and queues.
const (
	localWorkers  = 2  // decoding, synthesis: work for the processor
	remoteWorkers = 32 // fetching: mostly waiting
	ownersShare   = 24 // fetches of one owner at once: servers of one tenant that hang hold up no other
	queueLength   = 256
	jobTime       = 20 * time.Second
	failureKept   = 3 * time.Second // a failure is not tried again before
	failureSize   = 512             // bytes that a remembered failure counts as
)

// key tells sounds apart. owner is the tenant or folder where two owners may mean different sounds by one name.
type key struct{ kind, owner, name string }

// entry is what the store keeps of a sound.
type entry struct {
	key     key
	outcome outcome
	stamp   string  // of the file it came from
	version version // of what was fetched
	until   time.Time
	stale   time.Time // until then it may be given while it is looked at again
	size    int64
}

// loader brings a sound. old is what was kept so far, or nil: an unchanged sound may be given back. It runs in a worker.
type loader func(ctx context.Context, old *entry) (loaded, error)

// loaded is what a loader brought.
type loaded struct {
	clip  *clip
	stamp string
	keep  time.Duration // after which it is looked at again

	version version
	stale   time.Duration // after keep: given still, while it is looked at again
	once    bool          // not to be kept at all
}

// forever is the keep of what cannot change.
const forever = 100 * 365 * 24 * time.Hour

type job struct {
	key     key
	load    loader
	old     *entry
	pending *pending
	remote  bool
	begun   bool

	ahead   bool            // nobody waits for it yet
	by      context.Context // of one that was begun ahead: of who wanted it
	given   context.Context // and this ends when it is given up
	giveUp  func()
	unwatch func() bool
}

// store is the cache of decoded sounds, least recently used goes first, and the workers that fill it. A sound is loaded once however
// many ask for it.
type store struct {
	log    *slog.Logger
	local  chan *job
	remote chan *job
	aside  chan *job // ahead of time

	mu      sync.Mutex
	closed  bool
	max     int64
	used    int64
	recent  *list.List // of *entry, the latest used first
	entries map[key]*list.Element
	flying  map[key]*job
}

func newStore(maxBytes int64, log *slog.Logger) *store {
	return &store{
		log: log, max: maxBytes,
		local: make(chan *job, queueLength), remote: make(chan *job, queueLength), aside: make(chan *job, queueLength),
		recent: list.New(), entries: map[key]*list.Element{}, flying: map[key]*job{},
	}
}

// get gives the kept sound or has it loaded by a worker of queue. An overdue sound that may be stale is given at once while it is
// looked at again.
func (s *store) get(k key, queue chan *job, load loader) *pending {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.touch(k)
	if old != nil && time.Now().Before(old.until) {
		return settled(old.outcome)
	}
	p := s.start(k, queue, old, load)
	if old != nil && old.outcome.err == nil && time.Now().Before(old.stale) {
		return settled(old.outcome)
	}
	return p
}

// start puts a job into its queue, unless the same sound is on its way. s.mu is held.
func (s *store) start(k key, queue chan *job, old *entry, load loader) *pending {
	if s.closed {
		return failed(ErrClosed)
	}
	if j := s.flying[k]; j != nil {
		return s.want(j, queue)
	}
	j := &job{key: k, load: load, old: old, pending: &pending{}}
	if j.remote = queue == s.remote; j.remote {
		if s.fetches(k.owner) >= ownersShare {
			return failed(ErrBusy)
		}
		j.pending.due = time.Now().Add(patience)
	}
	select {
	case queue <- j:
		s.flying[k] = j
		return j.pending
	default:
		return failed(ErrBusy)
	}
}

// fetches counts what is being fetched for an owner. s.mu is held.
func (s *store) fetches(owner string) (n int) {
	for k := range s.flying {
		if s.flying[k].remote && k.owner == owner {
			n++
		}
	}
	return n
}

// forget has a sound loaded anew by the next who asks.
func (s *store) forget(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.entries[k])
	delete(s.flying, k) // those who wait for it get the old one
}

func (s *store) touch(k key) *entry {
	e := s.entries[k]
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	return e.Value.(*entry)
}

// run works until ctx ends and waits for the workers.
func (s *store) run(ctx context.Context) error {
	var g errgroup.Group
	for range localWorkers {
		g.Go(func() error { s.work(ctx, s.local); return nil })
	}
	g.Go(func() error { s.work(ctx, s.aside); return nil })
	for range remoteWorkers {
		g.Go(func() error { s.work(ctx, s.remote); return nil })
	}
	err := g.Wait()
	s.close()
	return err
}

func (s *store) work(ctx context.Context, queue chan *job) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-queue:
			if s.begin(j) {
				s.finish(j, s.do(ctx, j))
			}
		}
	}
}

// do runs a loader within its time. A panic over a hostile file costs that sound, not the process.
func (s *store) do(ctx context.Context, j *job) (e *entry) {
	ctx, cancel := context.WithTimeout(ctx, jobTime)
	defer cancel()
	if j.given != nil {
		defer context.AfterFunc(j.given, cancel)()
	}
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("loading a sound panicked", "kind", j.key.kind, "name", j.key.name, "panic", fmt.Sprint(r))
			e = failure(j.key, fmt.Errorf("loading failed: %v", r))
		}
	}()
	got, err := j.load(ctx, j.old)
	if err != nil {
		return failure(j.key, err)
	}
	e = &entry{key: j.key, outcome: outcome{clip: got.clip}, stamp: got.stamp, version: got.version, size: got.clip.size()}
	if !got.once {
		e.until = time.Now().Add(got.keep)
		e.stale = e.until.Add(got.stale)
	}
	return e
}

func failure(k key, err error) *entry {
	return &entry{key: k, outcome: outcome{err: err}, until: time.Now().Add(failureKept), size: failureSize}
}

// finish tells those who wait, and keeps the sound.
func (s *store) finish(j *job, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.given != nil {
		j.unwatch()
		j.giveUp()
	}
	j.pending.settle(e.outcome)
	if s.flying[j.key] != j { // forgotten or given up meanwhile
		return
	}
	delete(s.flying, j.key)
	s.drop(s.entries[j.key])
	if e.size > s.max || e.until.IsZero() || j.ahead && e.outcome.err != nil {
		return
	}
	s.entries[j.key] = s.recent.PushFront(e)
	s.used += e.size
	for s.used > s.max {
		s.drop(s.recent.Back())
	}
}

func (s *store) drop(el *list.Element) {
	if el == nil {
		return
	}
	e := s.recent.Remove(el).(*entry)
	delete(s.entries, e.key)
	s.used -= e.size
}

// close fails what still waits.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for k, j := range s.flying {
		j.pending.settle(outcome{err: ErrClosed})
		delete(s.flying, k)
	}
}
