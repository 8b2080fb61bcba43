// Package run puts the parts of a process together: configuration, log, edge, functions, HTTP. It holds no behaviour of calls.
package run

import (
	"context"
	"errors"
	"fmt"
)

// Stack runs parts on top of each other: they start in order and stop in reverse, each waited for.
type Stack struct {
	parts  []part
	failed chan error
}

type part struct {
	name string
	stop context.CancelFunc
	done chan error // how it ended after stop
}

// NewStack is empty.
func NewStack() *Stack { return &Stack{failed: make(chan error, 1)} }

// Start runs a part until Stop. A part that ends by itself fails the stack.
func (s *Stack) Start(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := part{name: name, stop: cancel, done: make(chan error, 1)}
	s.parts = append(s.parts, p)
	go func() {
		err := run(ctx)
		if ctx.Err() == nil {
			s.fail(name, err)
			err = nil
		}
		p.done <- err
	}()
}

// fail tells Wait of the first part that ended by itself.
func (s *Stack) fail(name string, err error) {
	if err == nil {
		err = errors.New("stopped by itself")
	}
	select {
	case s.failed <- fmt.Errorf("%s: %w", name, err):
	default:
	}
}

// Wait until ctx ends (nil) or a part fails.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Stop ends all parts, the last started first, and tells what went wrong at the end.
func (s *Stack) Stop() error {
	var failed []error
	for len(s.parts) > 0 {
		last := s.parts[len(s.parts)-1]
		s.parts = s.parts[:len(s.parts)-1]
		last.stop()
		if err := <-last.done; err != nil && !errors.Is(err, context.Canceled) {
			failed = append(failed, fmt.Errorf("%s: %w", last.name, err))
		}
	}
	return errors.Join(failed...)
}
