package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/offhook/offhook/infra/run"
)

// logger writes lines that stand well beside the events'; JSON for machines.
func logger(out io.Writer, o Options) *slog.Logger {
	if o.JSON {
		return run.NewLogger(out, true, o.Level)
	}
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(o.Level)) // the command line admits only known levels
	return slog.New(&lines{out: out, level: level, mu: new(sync.Mutex)})
}

// lines is a slog.Handler: time, end of the call's id, level, message, attributes.
type lines struct {
	out   io.Writer
	level slog.Level
	attrs []slog.Attr
	mu    *sync.Mutex
}

func (h *lines) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *lines) WithGroup(string) slog.Handler { return h }

func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &with
}

func (h *lines) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "ask failed") {
		return nil // its event, printed beside, says it better
	}
	call, rest := "", ""
	show := func(a slog.Attr) bool {
		switch text := a.Value.String(); {
		case a.Key == "call":
			call = shortID(text)
		case a.Key != "tenant" && a.Key != "stack":
			rest += " " + a.Key + "=" + text
		case a.Key == "stack":
			rest += "\n" + text
		}
		return true
	}
	for _, a := range h.attrs {
		show(a)
	}
	r.Attrs(show)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintf(h.out, "%s  %-6s  %-16s  %s%s\n", r.Time.Local().Format("15:04:05.000"), call, strings.ToLower(r.Level.String()), r.Message, rest)
	return err
}
