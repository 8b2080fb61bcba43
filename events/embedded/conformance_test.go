package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/events/eventstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheEmbeddedBrokerConforms(t *testing.T) {
	cfg := embedded.Config{Dir: t.TempDir(), Addr: lasting(t)}
	b := start(t, cfg)
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

// lasting is an address that stays free while the broker is away: its port is none of those that the kernel gives to clients.
func lasting(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}
