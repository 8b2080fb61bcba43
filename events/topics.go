package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	callPartitions  = 12
	statePartitions = 4
	// maxLetter lets a dead letter be whole that its own topic refused as too large.
	maxLetter = 16 << 20
	segment   = 16 << 20
)

// Topics are the topics that the product uses, in the order in which they are shown.
func Topics() []string {
	return []string{TopicCalls, TopicState, TopicCalls + DLQSuffix, TopicState + DLQSuffix}
}

func topicConfig(topic string) kafka.TopicConfig {
	c := kafka.TopicConfig{Topic: topic, NumPartitions: callPartitions, ReplicationFactor: -1}
	set := func(name, value string) {
		c.ConfigEntries = append(c.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	set("segment.bytes", strconv.Itoa(segment))
	switch {
	case topic == TopicState:
		c.NumPartitions = statePartitions
		set("cleanup.policy", "compact")
		set("retention.ms", "-1") // the embedded broker would expire a compacted topic too
	case isLetters(topic):
		c.NumPartitions = 1
		set("max.message.bytes", strconv.Itoa(maxLetter))
		set("retention.ms", strconv.FormatInt((30*24*time.Hour).Milliseconds(), 10))
	}
	return c
}

func isLetters(topic string) bool {
	return len(topic) > len(DLQSuffix) && topic[len(topic)-len(DLQSuffix):] == DLQSuffix
}

// EnsureTopics makes the topics that are missing; none given: Topics. Replicas are the broker's default.
// A topic that is there is left as it is. Errors: the broker cannot be reached or does not allow it.
func EnsureTopics(ctx context.Context, k Kafka, topics ...string) error {
	c, err := k.open()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.ensure(ctx, topics...)
}

func (c *client) ensure(ctx context.Context, topics ...string) error {
	if len(topics) == 0 {
		topics = Topics()
	}
	var missing []string
	for _, t := range topics {
		_, err := c.partitions(ctx, t)
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			missing = append(missing, t)
		} else if err != nil {
			return err // the broker cannot be asked
		}
	}
	if len(missing) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req := &kafka.CreateTopicsRequest{}
	for _, t := range missing {
		req.Topics = append(req.Topics, topicConfig(t))
	}
	res, err := c.CreateTopics(ctx, req)
	if err != nil {
		return err
	}
	var all error
	for topic, err := range res.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			all = errors.Join(all, fmt.Errorf("topic %s: %w", topic, err))
		}
	}
	return all
}

// awaitTopics returns when all topics are known, making them where that is allowed.
// The error is ctx's, or one that waiting does not mend.
func (c *client) awaitTopics(ctx context.Context, log *slog.Logger, topics ...string) error {
	for told := false; ; told = true {
		err := c.ensure(ctx, topics...)
		for _, t := range topics {
			if _, missing := c.partitions(ctx, t); missing != nil {
				err = errors.Join(err, missing)
			}
		}
		if err == nil || hopeless(err) {
			return err
		}
		if !told && ctx.Err() == nil {
			log.Warn("waiting for the event log", "err", err)
		}
		if !sleep(ctx, 500*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// hopeless: errors that only a change of configuration or rights mends.
func hopeless(err error) bool {
	for _, e := range []kafka.Error{
		kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.TopicAuthorizationFailed,
		kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidSessionTimeout,
		kafka.InconsistentGroupProtocol,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
