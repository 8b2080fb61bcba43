// Package events is the log: envelope, spool, forwarder, consumer groups and the embedded broker.
// It does not know calls; an event is an id, a type, a key and JSON data.
package events

import (
	"context"
	"time"
)

// Topics.
const (
	TopicCalls = "offhook.calls" // 12 partitions, key = call id
	TopicState = "offhook.state" // compacted; registrations, snapshots, config; key = kind/tenant/name
	DLQSuffix  = ".dlq"
)

// Event is one CloudEvents 1.0 event. On Kafka it is binary mode: ce_ headers, Data is the value.
type Event struct {
	ID      string // set once, kept over retries: "<call id>-<seq>" for a call's
	Type    string // with "offhook."
	Source  string // "/offhook/edge/NODE"
	Subject string // call id
	Time    time.Time
	Topic   string // default TopicCalls
	Key     string // partition key
	Data    []byte // JSON; nil on TopicState is a tombstone
}

// Publisher takes events without blocking: nil means the event will not be lost once Flush or the group commit is through.
// ErrSpoolFull says the bound was reached. Data is the caller's again when Publish returns: who keeps it copies it.
type Publisher interface {
	Publish(e Event) error
}

// Delivered is an event as read from the log.
type Delivered struct {
	Event
	Partition int
	Offset    int64
	Attempt   int // 1, 2, ...
}

// Handler handles one event, at least once. An error is tried again, then goes to the dead letters.
type Handler func(ctx context.Context, d Delivered) error
