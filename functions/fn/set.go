package fn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/events"
)

// Group is the consumer group of a function.
func Group(name string) string { return "offhook-" + name }

// Set is some functions made and ready, within this process.
type Set struct {
	Functions []*Function

	log     *slog.Logger
	counts  map[string]*events.ConsumerMetrics // by function, of those that want events
	waiting atomic.Int32                       // functions that want events and have not got their partitions yet
}

// Start makes the functions. If one fails, those made are closed again.
func Start(ctx context.Context, specs []Spec, env Env) (*Set, error) {
	s := &Set{log: env.Logger, counts: map[string]*events.ConsumerMetrics{}}
	for _, spec := range specs {
		one := env
		one.Logger = env.Logger.With("fn", spec.Name)
		f, err := spec.New(ctx, one)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("function %s: %w", spec.Name, err), s.Close())
		}
		s.Functions = append(s.Functions, f)
		if f.Events != nil {
			s.waiting.Add(1)
			s.counts[f.Name] = &events.ConsumerMetrics{}
		}
	}
	return s, nil
}

// Close closes the functions, the last first. Run must have ended.
func (s *Set) Close() error {
	var errs []error
	for _, f := range slices.Backward(s.Functions) {
		if f.Closer == nil {
			continue
		}
		if err := f.Close(); err != nil {
			errs = append(errs, fmt.Errorf("function %s: %w", f.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Ready says whether every function that wants events has its partitions.
func (s *Set) Ready() bool { return s.waiting.Load() <= 0 }

// Run consumes the log, each function in its own Group, until ctx ends.
// The error is one that trying again does not mend: wrong configuration or login.
func (s *Set) Run(ctx context.Context, kafka events.Kafka) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { <-ctx.Done(); return nil }) // also when no function wants events
	for _, f := range s.Functions {
		if f.Events == nil {
			continue
		}
		g.Go(func() error {
			if err := events.Consume(ctx, s.consumer(f, kafka), f.Events); err != nil {
				return fmt.Errorf("function %s: %w", f.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return nil
}

func (s *Set) consumer(f *Function, kafka events.Kafka) events.ConsumerConfig {
	var once atomic.Bool
	return events.ConsumerConfig{
		Kafka: kafka, Group: Group(f.Name), Types: f.Types, Logger: s.log.With("fn", f.Name), Metrics: s.counts[f.Name],
		Assigned: func(int) {
			if !once.Swap(true) {
				s.waiting.Add(-1)
			}
		},
	}
}

// wants says whether f handles events of this type; "offhook.leg.*" is all that begin so.
func (f *Function) wants(eventType string) bool {
	return len(f.Types) == 0 || slices.ContainsFunc(f.Types, func(t string) bool {
		prefix, open := strings.CutSuffix(t, "*")
		return t == eventType || open && strings.HasPrefix(eventType, prefix)
	})
}
