//go:build e2e

package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/eventstest"
	"github.com/offhook/offhook/infra/e2e/real"
)

func TestApacheKafkaConforms(t *testing.T) {
	b := Start(t)
	restart := eventstest.Hooks{Restart: func(t *testing.T) {
		b.Kill()
		b.Run(t)
	}}
	t.Run("plain", func(t *testing.T) {
		eventstest.Run(t, func(*testing.T) events.Kafka { return b.Kafka() })
	})
	t.Run("tls, scram-sha-512", func(t *testing.T) {
		eventstest.Run(t, func(*testing.T) events.Kafka { return b.SecureKafka("scram-sha-512") })
	})
	t.Run("killed", func(t *testing.T) {
		eventstest.RunRestart(t, b.Kafka(), restart)
	})
}

func TestEveryLoginIsAcceptedAndAWrongOneIsReported(t *testing.T) {
	b := Start(t)
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			k := b.SecureKafka(mechanism)
			if err := events.EnsureTopics(ctx, k); err != nil {
				t.Fatal(err)
			}
			k.SASL.Password = "geheim"
			for name, try := range map[string]func() error{
				"topics":  func() error { return events.EnsureTopics(ctx, k) },
				"consume": func() error { return events.Consume(ctx, events.ConsumerConfig{Kafka: k, Group: "g"}, nil) },
				"tail":    func() error { return events.Tail(ctx, k, events.TailConfig{}, nil) },
			} {
				if err := try(); !errors.Is(err, kafka.SASLAuthenticationFailed) || strings.Contains(err.Error(), k.SASL.Password) {
					t.Errorf("%s with a wrong password gave %v", name, err)
				}
			}
			k = b.SecureKafka(mechanism)
			k.TLS = nil
			if err := events.EnsureTopics(ctx, k); err == nil {
				t.Error("the TLS port was used without TLS")
			}
		})
	}
}

// kcat is a client of another family, librdkafka.
func kcat(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	real.Need(t, "kcat")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kcat", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnotherClientReadsAndWritesTheSameEvents(t *testing.T) {
	b := Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	l, err := events.Open(events.Config{Dir: t.TempDir(), Kafka: b.Kafka()})
	if err != nil {
		t.Fatal(err)
	}
	run(t, l.Run)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	const data = `{"call_id":"call_7","tenant":"demo","seq":1}`
	if err := l.Publish(events.Event{ID: "call_7-1", Type: "offhook.call.ringing", Source: "/offhook/edge/a", Subject: "call_7", Time: at, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	t.Run("reads", func(t *testing.T) { checkRead(t, b, data) })
	t.Run("writes", func(t *testing.T) { checkWritten(t, ctx, b) })
}

func checkRead(t *testing.T, b *Broker, data string) {
	out := kcat(t, "", "-b", b.Address(), "-C", "-t", events.TopicCalls, "-o", "beginning", "-e", "-q", "-J")
	var got struct {
		Key     string   `json:"key"`
		Payload string   `json:"payload"`
		Headers []string `json:"headers"`
		TS      int64    `json:"ts"`
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(out)), &got); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	headers := map[string]string{}
	for i := 0; i+1 < len(got.Headers); i += 2 {
		headers[got.Headers[i]] = got.Headers[i+1]
	}
	want := map[string]string{
		"ce_specversion": "1.0", "ce_id": "call_7-1", "ce_source": "/offhook/edge/a", "ce_type": "offhook.call.ringing",
		"ce_subject": "call_7", "ce_time": "2026-01-02T03:04:05.678Z", "ce_partitionkey": "call_7", "content-type": "application/json",
	}
	if fmt.Sprint(headers) != fmt.Sprint(want) || got.Key != "call_7" || got.Payload != data {
		t.Errorf("got %+v\nheaders %v\nwant    %v", got, headers, want)
	}
}

// checkWritten: what librdkafka partitions by murmur2 lands where one call's timeline looks for it.
func checkWritten(t *testing.T, ctx context.Context, b *Broker) {
	for i := range 10 {
		call := fmt.Sprintf("call_kcat_%d", i)
		kcat(t, `{"call_id":"x"}`, "-b", b.Address(), "-P", "-t", events.TopicCalls, "-k", call, "-X", "partitioner=murmur2_random",
			"-H", "ce_specversion=1.0", "-H", "ce_id="+call+"-1", "-H", "ce_source=/kcat", "-H", "ce_type=offhook.custom.x",
			"-H", "content-type=application/json; charset=utf-8")
		list, err := events.Call(ctx, b.Kafka(), call)
		if err != nil || len(list) != 1 || list[0].ID != call+"-1" || list[0].Source != "/kcat" {
			t.Fatalf("%s: read back %+v, %v", call, list, err)
		}
	}
}
