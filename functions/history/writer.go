package history

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// mostBatch is the most rows of one transaction.
const mostBatch = 256

// writer puts what several partitions bring at the same time into one transaction: one wait for the disk for all.
type writer struct {
	store *Store
	work  chan job
	quit  chan struct{}
	done  sync.WaitGroup
}

type job struct {
	ctx  context.Context
	row  *row
	done chan error // one place: nobody waits for the reader
}

func newWriter(s *Store) *writer {
	w := &writer{store: s, work: make(chan job), quit: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

func (w *writer) stop() {
	close(w.quit)
	w.done.Wait()
}

var errStopped = errors.New("history is closing")

// write returns when the row is in the database.
func (w *writer) write(ctx context.Context, r *row) error {
	j := job{ctx: ctx, row: r, done: make(chan error, 1)}
	select {
	case w.work <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errStopped
	}
	return <-j.done
}

func (w *writer) run() {
	for {
		select {
		case <-w.quit:
			return
		case first := <-w.work:
			w.commit(w.gather(first))
		}
	}
}

// gather takes what waits already.
func (w *writer) gather(first job) []job {
	jobs := []job{first}
	for len(jobs) < mostBatch {
		select {
		case j := <-w.work:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// commit writes all rows, or where one of them fails each by itself, so that a bad one spoils no other.
func (w *writer) commit(jobs []job) {
	rows := make([]*row, len(jobs))
	for i, j := range jobs {
		rows[i] = j.row
	}
	slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(a.id, b.id) }) // one order of locks for all writers
	err := w.store.apply(jobs[0].ctx, rows)
	for _, j := range jobs {
		if len(jobs) == 1 || !hopeless(err) { // a server that is away would be waited for by each
			j.done <- err
			continue
		}
		j.done <- w.store.apply(j.ctx, []*row{j.row})
	}
}

// hopeless: the database understood and will never take it: data exceptions, violated constraints, and statements that
// it cannot carry out (PostgreSQL error classes 22, 23, 42). SQLite fails for reasons that pass: locked, full, read-only.
func hopeless(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.ContainsFunc([]string{"22", "23", "42"}, func(class string) bool { return strings.HasPrefix(pg.Code, class) })
}
