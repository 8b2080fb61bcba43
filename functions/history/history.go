// Package history keeps one row per call, made from the call's events, in SQLite or PostgreSQL, and answers queries by
// caller, called, agent and time. It is a projection: dropped, it can be made again from the log as far back as that
// goes. It keeps no recordings and no single events, and forgets nothing by itself.
package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/event"
)

const name = "history"

// Spec makes the function.
var Spec = fn.Spec{Name: name, Doc: "keeps a row per call and answers who called whom, when", New: open}

func open(ctx context.Context, env fn.Env) (*fn.Function, error) {
	store, absent, err := Open(ctx, database(env))
	if err != nil {
		return nil, err
	}
	if absent != nil {
		env.Logger.Warn("the database of the history is away; events wait for it in the log", "err", absent)
	}
	h := &history{store: store, writer: newWriter(store), log: env.Logger}
	types := make([]string, 0, len(projections))
	for t := range projections {
		types = append(types, event.Prefix+t)
	}
	return &fn.Function{
		Name: name, Events: h.handle, Types: types, Closer: h,
		Pages: fn.Guard(env.Config, env.Open, pages(store, env.Logger)),
	}, nil
}

// database is where the configuration wants it: a URL, or a file relative to the configuration's folder.
func database(env fn.Env) string {
	where := env.Config().History.Database
	switch {
	case where == "":
		return filepath.Join(env.Data, "history.db")
	case strings.Contains(where, "://") || filepath.IsAbs(where):
		return where
	}
	return filepath.Join(env.Folder, where)
}

func isPostgres(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

type history struct {
	store  *Store
	writer *writer
	log    *slog.Logger
}

const (
	firstPause = 200 * time.Millisecond
	mostPause  = 5 * time.Second
)

// handle writes an event's part of its call's row. A database that is away is waited for as long as ctx lasts: the
// events stay in the log meanwhile. Only what no database will ever take is an error.
func (h *history) handle(ctx context.Context, d events.Delivered) error {
	r, err := project(d)
	if err != nil || r == nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		err := h.writer.write(ctx, r)
		if err == nil || hopeless(err) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		h.log.Warn("history not written; trying again", "event", d.ID, "in", pause, "err", err)
		if !rest(ctx, pause) {
			return fmt.Errorf("event %s: %w", d.ID, err)
		}
	}
}

func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close ends the writer and the database.
func (h *history) Close() error {
	h.writer.stop()
	return h.store.Close()
}
