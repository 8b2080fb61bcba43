package run

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/all"
	"github.com/offhook/offhook/functions/fn"
)

// Local are functions that run inside this process.
type Local struct {
	list []*fn.Function
	log  *slog.Logger
}

// OpenLocal makes functions by name; all of them when none is named.
func OpenLocal(ctx context.Context, settings *Settings, data string, log *slog.Logger, names ...string) (*Local, error) {
	l := &Local{log: log}
	for _, spec := range all.Specs {
		if len(names) > 0 && !slices.Contains(names, spec.Name) {
			continue
		}
		f, err := spec.New(ctx, fn.Env{Config: settings.Config, Folder: settings.Folder(), Data: data, Logger: log.With("function", spec.Name), Getenv: os.Getenv})
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("function %s: %w", spec.Name, err)
		}
		l.list = append(l.list, f)
	}
	return l, nil
}

// Asks are the functions that answer asks.
func (l *Local) Asks() map[string]http.Handler {
	return l.handlers(func(f *fn.Function) http.Handler { return f.Asks })
}

// Pages are the functions' further HTTP.
func (l *Local) Pages() map[string]http.Handler {
	return l.handlers(func(f *fn.Function) http.Handler { return f.Pages })
}

func (l *Local) handlers(of func(*fn.Function) http.Handler) map[string]http.Handler {
	m := map[string]http.Handler{}
	for _, f := range l.list {
		if h := of(f); h != nil {
			m[f.Name] = h
		}
	}
	return m
}

// Start consumes the log for each function that wants events, in a group of its own.
func (l *Local) Start(s *Stack, kafka events.Kafka) {
	for _, f := range l.list {
		if f.Events == nil {
			continue
		}
		s.Start("function "+f.Name, func(ctx context.Context) error {
			return events.Consume(ctx, events.ConsumerConfig{Kafka: kafka, Group: fn.Group(f.Name), Topics: []string{events.TopicCalls},
				Types: f.Types, Logger: l.log.With("function", f.Name)}, f.Events)
		})
	}
}

// Close lets go of what the functions hold.
func (l *Local) Close() {
	for _, f := range l.list {
		if f.Closer == nil {
			continue
		}
		if err := f.Closer.Close(); err != nil {
			l.log.Warn("function not closed", "function", f.Name, "err", err)
		}
	}
}

// localRouter is the router inside an edge, used unless the configuration names another.
func localRouter(ctx context.Context, settings *Settings, data string, log *slog.Logger) (map[string]http.Handler, error) {
	l, err := OpenLocal(ctx, settings, data, log, "router")
	if err != nil {
		return nil, err
	}
	return l.Asks(), nil
}

// FunctionOptions are what the command line says of `offhook fn`.
type FunctionOptions struct {
	Names []string
	Data  string
	HTTP  string
	Kafka string
}

// Functions runs functions as a process of their own: consumer groups, and HTTP for asks and pages.
func Functions(ctx context.Context, settings *Settings, opts FunctionOptions, log *slog.Logger) error {
	kafka, err := events.ParseKafka(opts.Kafka)
	if err != nil {
		return fmt.Errorf("--kafka: %w", err)
	}
	var specs []fn.Spec
	for _, name := range opts.Names {
		i := slices.IndexFunc(all.Specs, func(s fn.Spec) bool { return s.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no function %q; there are %v", name, all.Names())
		}
		specs = append(specs, all.Specs[i])
	}
	env := fn.Env{Config: settings.Config, Folder: settings.Folder(), Data: opts.Data, Logger: log, Getenv: os.Getenv}
	return fn.Serve(ctx, fn.ServeOptions{Specs: specs, Env: env, HTTP: opts.HTTP, Kafka: kafka})
}
