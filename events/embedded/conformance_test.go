package embedded_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/events/eventstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheEmbeddedBrokerConforms(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir()}
	b := start(t, cfg)
	cfg.Addr = b.Address()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	eventstest.Run(t, func(*testing.T) events.Kafka { return b.Kafka() }, eventstest.Hooks{
		Compact: func(*testing.T) { b.Compact() },
		Restart: func(t *testing.T) {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			b = start(t, cfg)
		},
	})
}
