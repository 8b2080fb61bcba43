package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"

	"github.com/offhook/offhook/edge/ask"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/all"
	"github.com/offhook/offhook/functions/fn"
)

// Local makes functions inside this process; all of them when none is named.
// open admits readers from loopback to their pages without a key.
func Local(ctx context.Context, settings *Settings, data string, open bool, log *slog.Logger, names ...string) (*fn.Set, error) {
	specs, err := named(names)
	if err != nil {
		return nil, err
	}
	env := environment(settings, data, log)
	env.Open = open
	return fn.Start(ctx, specs, env)
}

func environment(settings *Settings, data string, log *slog.Logger) fn.Env {
	return fn.Env{Config: settings.Config, Folder: settings.Folder(), Data: data, Logger: log, Getenv: os.Getenv}
}

func named(names []string) ([]fn.Spec, error) {
	if len(names) == 0 {
		return all.Specs, nil
	}
	var specs []fn.Spec
	for _, name := range names {
		i := slices.IndexFunc(all.Specs, func(s fn.Spec) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no function %q; there are %v", name, all.Names())
		}
		specs = append(specs, all.Specs[i])
	}
	return specs, nil
}

// asks are the functions of a set that answer asks.
func asks(set *fn.Set) map[string]http.Handler {
	return handlers(set, func(f *fn.Function) http.Handler { return f.Asks })
}

// atOnce are those of them that can answer from memory.
func atOnce(set *fn.Set) map[string]ask.AtOnce {
	m := map[string]ask.AtOnce{}
	if set == nil {
		return m
	}
	for _, f := range set.Functions {
		if f.AtOnce != nil {
			m[f.Name] = ask.AtOnce(f.AtOnce)
		}
	}
	return m
}

// Pages are the functions' further HTTP.
func Pages(set *fn.Set) map[string]http.Handler {
	return handlers(set, func(f *fn.Function) http.Handler { return f.Pages })
}

func handlers(set *fn.Set, of func(*fn.Function) http.Handler) map[string]http.Handler {
	m := map[string]http.Handler{}
	if set == nil {
		return m
	}
	for _, f := range set.Functions {
		if h := of(f); h != nil {
			m[f.Name] = h
		}
	}
	return m
}

// FunctionOptions are what the command line says of `offhook fn`.
type FunctionOptions struct {
	Names   []string
	Data    string
	HTTP    string
	Kafka   string
	Secrets []string // Standard Webhooks: asks must be signed with one of them; none: not checked
}

// Functions runs functions as a process of their own: consumer groups, and HTTP for asks and pages.
func Functions(ctx context.Context, settings *Settings, opts FunctionOptions, log *slog.Logger) error {
	kafka, err := events.ParseKafka(opts.Kafka)
	if err != nil {
		return fmt.Errorf("--kafka: %w", err)
	}
	specs, err := named(opts.Names)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(opts.Data, 0o700); err != nil {
		return fmt.Errorf("--data %s cannot be used: %w; give another with --data", opts.Data, err)
	}
	stack := NewStack()
	stack.Start("configuration", func(ctx context.Context) error { return settings.watch(ctx, log) })
	started := func(address string) {
		log.Info("functions started", "names", opts.Names, "http", address, "data", opts.Data)
	}
	err = fn.Serve(ctx, fn.ServeOptions{Specs: specs, Env: environment(settings, opts.Data, log), HTTP: opts.HTTP, Kafka: kafka, Secrets: opts.Secrets, Started: started})
	return errors.Join(err, stack.Stop())
}
