package fn

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"
	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/events"
)

// onLambda answers every invocation of a Lambda: batches of a Kafka event source mapping (MSK or self-managed) and
// requests of a Function URL with invoke mode RESPONSE_STREAM.
type onLambda struct {
	set *Set
	o   ServeOptions
}

// probe tells the kinds of payload apart.
type probe struct {
	Records        json.RawMessage `json:"records"`
	RequestContext *struct {
		HTTP *struct{} `json:"http"`
	} `json:"requestContext"`
}

func (l *onLambda) invoke(ctx context.Context, payload json.RawMessage) (any, error) {
	var p probe
	if err := json.Unmarshal(payload, &p); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	switch {
	case p.Records != nil:
		var batch lambdaevents.KafkaEvent
		if err := json.Unmarshal(payload, &batch); err != nil {
			return nil, fmt.Errorf("kafka batch: %w", err)
		}
		return l.batch(ctx, batch), nil
	case p.RequestContext != nil && p.RequestContext.HTTP != nil:
		var r lambdaevents.LambdaFunctionURLRequest
		if err := json.Unmarshal(payload, &r); err != nil {
			return nil, fmt.Errorf("function URL request: %w", err)
		}
		return lambdaurl.Wrap(l.set.Handler(l.o))(ctx, &r)
	}
	return nil, errors.New("the payload is neither a Kafka batch nor a Function URL request")
}

// batchResponse reports partial success, so that only what failed comes again.
// The mapping needs FunctionResponseTypes: [ReportBatchItemFailures].
type batchResponse struct {
	Failures []itemFailure `json:"batchItemFailures"`
}

type itemFailure struct {
	Item itemIdentifier `json:"itemIdentifier"`
}

type itemIdentifier struct {
	Partition string `json:"partition"` // "topic-0"
	Offset    int64  `json:"offset"`
}

// batch handles partitions side by side and each in order. The first failure ends its partition: Lambda comes again
// from there, so that a call's events stay in order.
func (l *onLambda) batch(ctx context.Context, b lambdaevents.KafkaEvent) batchResponse {
	out := batchResponse{Failures: []itemFailure{}}
	var mu sync.Mutex
	var g errgroup.Group
	for _, name := range slices.Sorted(maps.Keys(b.Records)) {
		g.Go(func() error {
			offset, failed := l.partition(ctx, b.Records[name])
			if failed {
				mu.Lock()
				defer mu.Unlock()
				out.Failures = append(out.Failures, itemFailure{itemIdentifier{name, offset}})
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return no errors
	slices.SortFunc(out.Failures, func(a, b itemFailure) int { return bytes.Compare([]byte(a.Item.Partition), []byte(b.Item.Partition)) })
	return out
}

// partition gives the offset of the first record that failed.
func (l *onLambda) partition(ctx context.Context, records []lambdaevents.KafkaRecord) (offset int64, failed bool) {
	for _, r := range records {
		d, err := delivered(r)
		if err != nil {
			// No event of ours: it will not become one by coming again.
			l.set.log.Error("record skipped", "topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "err", err)
			continue
		}
		if err := l.handle(ctx, d); err != nil {
			l.set.log.Warn("event failed; it comes again", "event", d.ID, "type", d.Type, "partition", d.Partition, "offset", d.Offset, "err", err)
			return r.Offset, true
		}
	}
	return 0, false
}

func (l *onLambda) handle(ctx context.Context, d events.Delivered) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	for _, f := range l.set.Functions {
		if f.Events == nil || !f.wants(d.Type) {
			continue
		}
		if err := f.Events(ctx, d); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, err)
		}
	}
	return nil
}

// delivered reads a record in CloudEvents' binary mode (Kafka protocol binding 3.2).
func delivered(r lambdaevents.KafkaRecord) (events.Delivered, error) {
	key, err := base64.StdEncoding.DecodeString(r.Key)
	if err != nil {
		return events.Delivered{}, fmt.Errorf("key: %w", err)
	}
	value, err := base64.StdEncoding.DecodeString(r.Value)
	if err != nil {
		return events.Delivered{}, fmt.Errorf("value: %w", err)
	}
	h := headers(r.Headers)
	if h["ce_specversion"] != "1.0" {
		return events.Delivered{}, fmt.Errorf("ce_specversion is %q, not 1.0", h["ce_specversion"])
	}
	d := events.Delivered{
		Event: events.Event{
			ID: h["ce_id"], Type: h["ce_type"], Source: h["ce_source"], Subject: h["ce_subject"],
			Time: r.Timestamp.Time, Topic: r.Topic, Key: string(key), Data: value,
		},
		Partition: int(r.Partition), Offset: r.Offset, Attempt: 1,
	}
	if at, err := time.Parse(time.RFC3339Nano, h["ce_time"]); err == nil {
		d.Time = at.UTC()
	}
	return d, d.Validate()
}

func headers(list []map[string]lambdaevents.JSONNumberBytes) map[string]string {
	h := make(map[string]string)
	for _, one := range list {
		for k, v := range one {
			h[k] = string(v)
		}
	}
	return h
}
