//go:build e2e

package sipp

import (
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

func TestARegistrationIsKnownToASecondEdgeAndToARestartedOne(t *testing.T) {
	t.Parallel()
	first := real.StartNode(t, real.NodeOptions{Command: "dev", Config: tenants})
	answering := phone(t, first.Offhook, "uas", 2)
	call := func(h *real.Offhook) {
		t.Helper()
		caller := real.Sipp(t, real.SippOptions{Scenario: scenario(t, "uac"), Target: h.SIP, Service: "7"})
		if code := caller.Exited(t, time.Minute); code != 0 {
			t.Errorf("the caller's sipp ended with %d", code)
		}
	}
	second := real.StartNode(t, real.NodeOptions{Command: "edge", Kafka: first.Kafka, Config: tenants})
	call(second.Offhook)
	second.Stop()

	first.Signal(syscall.SIGTERM)
	first.Exited(t, real.Patience)
	first.Again(t)
	call(first.Offhook)
	if code := answering.Exited(t, time.Minute); code != 0 {
		t.Errorf("the phone's sipp ended with %d", code)
	}
}
