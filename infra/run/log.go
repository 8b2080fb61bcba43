package run

import (
	"context"
	"fmt"
	"os"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/events"
)

// WireEvent is an event as the REST interface and the command line show it.
type WireEvent = api.WireEvent

// PrintLog reads events from a broker: one call's, or all from the beginning, and new ones when follow is set.
func PrintLog(ctx context.Context, brokers, call string, follow bool, show func(WireEvent) error, pattern string) error {
	kafka, err := events.ParseKafka(brokers)
	if err != nil {
		return fmt.Errorf("--kafka: %w", err)
	}
	take := func(d events.Delivered) error {
		if !api.Matches(pattern, d.Type) {
			return nil
		}
		return show(api.EventJSON(d))
	}
	if call != "" && !follow {
		list, err := events.Call(ctx, kafka, call)
		for i := 0; err == nil && i < len(list); i++ {
			err = take(list[i])
		}
		return err
	}
	cfg := events.TailConfig{Topics: []string{events.TopicCalls}, From: events.FromBeginning, CallID: call, Stop: !follow, Logger: NewLogger(os.Stderr, false, "warn")}
	if err := events.Tail(ctx, kafka, cfg, take); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// ReplayDead puts dead letters back and tells how many.
func ReplayDead(ctx context.Context, brokers, topic, group string) (int, error) {
	kafka, err := events.ParseKafka(brokers)
	if err != nil {
		return 0, fmt.Errorf("--kafka: %w", err)
	}
	return events.Replay(ctx, kafka, events.ReplayConfig{Topic: topic, Group: group})
}
