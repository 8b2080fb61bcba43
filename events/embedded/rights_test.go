package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/eventstest"
)

// bareWorld is a world whose broker has no topics.
func bareWorld(t *testing.T, more ...kfake.Opt) *world {
	t.Helper()
	w := &world{t: t, network: eventstest.NewNetwork()}
	cfg := Config{Listen: w.network.Listen, Dial: w.network.Dial, Logger: slog.New(slog.DiscardHandler)}
	cluster, err := kfake.NewCluster(append(options(cfg, 0), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	w.broker = &Broker{cluster: cluster, kafka: events.Kafka{Brokers: cluster.ListenAddrs(), Dial: cfg.Dial}}
	w.broker.closed = w.broker.shutDown
	return w
}

func TestEveryLoginWorksAndAWrongOneDoesNot(t *testing.T) {
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := bareWorld(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "u", "right"))
				defer w.end()
				k := w.broker.Kafka()
				k.SASL = events.SASL{Mechanism: mechanism, Username: "u", Password: "right"}
				if err := events.EnsureTopics(t.Context(), k); err != nil {
					t.Fatal(err)
				}
				k.SASL.Password = "geheim"
				if err := events.EnsureTopics(t.Context(), k); err == nil || strings.Contains(err.Error(), "geheim") {
					t.Errorf("a wrong password gave %v", err)
				}
			})
		})
	}
}

// An edge may not be allowed to make topics: its events wait for whoever makes them, and then come in order.
func TestEventsWaitForATopicThatSomeoneElseMustMake(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := bareWorld(t)
		defer w.end()
		const keyCreateTopics, notAllowed = 19, 29
		var allowed atomic.Bool
		w.broker.cluster.ControlKey(keyCreateTopics, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			if allowed.Load() {
				return nil, nil, false
			}
			resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
			for _, topic := range req.(*kmsg.CreateTopicsRequest).Topics {
				refused := kmsg.NewCreateTopicsResponseTopic()
				refused.Topic, refused.ErrorCode = topic.Topic, notAllowed
				resp.Topics = append(resp.Topics, refused)
			}
			return resp, nil, true
		})
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		w.publish(l, 10, 1, 20)
		time.Sleep(10 * time.Minute)
		if s := l.Stats(); s.Forwarded != 0 || s.Retries == 0 {
			t.Errorf("%+v", s)
		}
		if err := events.Consume(t.Context(), events.ConsumerConfig{Kafka: w.broker.Kafka(), Group: "g"}, nil); !errors.Is(err, kafka.TopicAuthorizationFailed) {
			t.Errorf("a consumer that may not make them: %v", err)
		}
		allowed.Store(true)
		if err := events.EnsureTopics(t.Context(), w.broker.Kafka()); err != nil {
			t.Fatal(err)
		}
		w.publish(l, 10, 21, 40)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(10, 40)
	})
}

// A topic of dead letters that an operator made with a small bound still takes the fact that there was one.
func TestALetterThatNoTopicTakesKeepsItsHeaders(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		const tooLarge = 10
		w.broker.cluster.ControlKey(keyProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			produce := req.(*kmsg.ProduceRequest)
			if len(produce.Topics[0].Partitions[0].Records) < 5000 {
				return nil, nil, false
			}
			return refusal(produce, tooLarge), nil, true
		})
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		big := eventOf(1, 1)
		big.Data = fmt.Appendf(nil, "%q", strings.Repeat("x", 10_000))
		if err := errors.Join(l.Publish(big), l.Publish(eventOf(1, 2))); err != nil {
			t.Fatal(err)
		}
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		var letters []events.Letter
		err := events.Letters(t.Context(), w.broker.Kafka(), events.TopicCalls+events.DLQSuffix, func(l events.Letter) error {
			letters = append(letters, l)
			return nil
		})
		if err != nil || len(letters) != 1 || letters[0].ID != big.ID || string(letters[0].Data) != `{"cut":true}` {
			t.Fatalf("letters %+v, %v", letters, err)
		}
		if n, err := events.Replay(t.Context(), w.broker.Kafka(), events.ReplayConfig{}); n != 0 || err != nil {
			t.Errorf("replay put %d back, %v; its data is gone", n, err)
		}
		list, err := events.Call(t.Context(), w.broker.Kafka(), "call_1")
		if err != nil || len(list) != 1 || list[0].ID != "call_1-2" {
			t.Errorf("the log has %v, %v", list, err)
		}
	})
}

// Many events of one partition are one batch; when the batch is too large its halves go, each event once and in order.
func TestABatchThatIsTooLargeIsHalved(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		const tooLarge = 10
		var refused atomic.Int64
		w.broker.cluster.ControlKey(keyProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			produce := req.(*kmsg.ProduceRequest)
			if len(produce.Topics[0].Partitions[0].Records) < 3000 {
				return nil, nil, false
			}
			refused.Add(1)
			return refusal(produce, tooLarge), nil, true
		})
		l := w.open(events.Config{Dir: dir})
		w.publish(l, 2, 1, 200)
		w.run(l.Run)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(2, 200)
		if refused.Load() == 0 || l.Stats().Poisoned != 0 {
			t.Errorf("%d batches refused, %d poisoned", refused.Load(), l.Stats().Poisoned)
		}
	})
}

func TestReadingWaitsForABrokerThatIsAway(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		l := w.open(events.Config{Dir: dir})
		w.run(l.Run)
		w.publish(l, 1, 1, 1)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.network.Cut()
		got := make(chan string, 10)
		w.run(func(ctx context.Context) error {
			return events.Tail(ctx, w.broker.Kafka(), events.TailConfig{From: events.FromBeginning}, func(d events.Delivered) error {
				got <- d.ID
				return nil
			})
		})
		began := time.Now()
		if _, err := events.Call(t.Context(), w.broker.Kafka(), "call_0"); err == nil || time.Since(began) > 15*time.Second {
			t.Errorf("a timeline gave %v after %s", err, time.Since(began))
		}
		time.Sleep(10 * time.Minute)
		w.network.Mend()
		if id := <-got; id != "call_0-1" {
			t.Errorf("got %s", id)
		}
	})
}

// One event that the broker never takes goes to the dead letters alone: what travelled with it is not lost.
func TestAnEventThatIsRefusedForGoodTakesNoOtherWithIt(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		const invalidRecord = 87
		w.broker.cluster.ControlKey(keyProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			produce := req.(*kmsg.ProduceRequest)
			if produce.Topics[0].Topic != events.TopicCalls || !bytes.Contains(produce.Topics[0].Partitions[0].Records, []byte("bad")) {
				return nil, nil, false
			}
			return refusal(produce, invalidRecord), nil, true
		})
		l := w.open(events.Config{Dir: dir})
		w.publish(l, 2, 1, 20)
		bad := eventOf(0, 0)
		bad.ID, bad.Data = "bad", []byte(`"bad"`)
		if err := l.Publish(bad); err != nil {
			t.Fatal(err)
		}
		w.publish(l, 2, 21, 40)
		w.run(l.Run)
		if err := l.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.inLog(2, 40)
		if n := l.Stats().Poisoned; n != 1 {
			t.Errorf("%d poisoned", n)
		}
	})
}

// A broker may bound how old records are. What waited for too long goes to the dead letters, and holds up nothing.
func TestAnEventThatIsTooOldForTheBrokerIsALetterOfToday(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		const invalidTimestamp = 32
		w.broker.cluster.ControlKey(keyProduce, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.cluster.KeepControl()
			produce := req.(*kmsg.ProduceRequest)
			var batch kmsg.RecordBatch
			if err := batch.ReadFrom(produce.Topics[0].Partitions[0].Records); err != nil || time.Since(time.UnixMilli(batch.FirstTimestamp)) < 24*time.Hour {
				return nil, nil, false
			}
			return refusal(produce, invalidTimestamp), nil, true
		})
		l := w.open(events.Config{Dir: dir})
		old := eventOf(0, 0)
		old.ID, old.Time = "old", time.Now().Add(-48*time.Hour)
		if err := l.Publish(old); err != nil {
			t.Fatal(err)
		}
		w.publish(l, 1, 1, 10)
		w.run(l.Run)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Drain(ctx); err != nil {
			t.Error(err)
		}
		w.inLog(1, 10)
		var letters []events.Letter
		err := events.Letters(t.Context(), w.broker.Kafka(), events.TopicCalls+events.DLQSuffix, func(l events.Letter) error {
			letters = append(letters, l)
			return nil
		})
		if err != nil || len(letters) != 1 || letters[0].ID != "old" || !letters[0].Time.Equal(old.Time.Truncate(time.Nanosecond)) {
			t.Errorf("letters %+v, %v", letters, err)
		}
	})
}
