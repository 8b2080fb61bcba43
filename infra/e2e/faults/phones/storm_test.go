//go:build e2e

package phones

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
	"github.com/offhook/offhook/infra/phone"
)

const (
	stormFor  = 6 * time.Second
	stormRate = 60000 // requests a second
	stormFrom = "127.0.0.66:5066"
	pace      = 50 * time.Millisecond // of the calls that are no storm
)

const stormy = `
tenants:
  demo:
    users: {"101": {password: demo-101}}
    numbers: {"10": {answer: [{verb: answer}, {verb: hangup}]}}
`

// One address sends more than can be served; the calls of a phone elsewhere are served as ever.
func TestAStormOfOneAddressTakesNoCallsFromOthers(t *testing.T) {
	for _, method := range []string{"REGISTER", "INVITE", "OPTIONS"} {
		t.Run(method, func(t *testing.T) {
			h := real.StartOffhook(t, real.OffhookOptions{Config: stormy})
			ctx, stop := context.WithTimeout(t.Context(), stormFor)
			defer stop()
			var storm sync.WaitGroup
			sent := 0
			storm.Go(func() { sent = rage(ctx, t, h.SIP, method) })
			served, failed := callAll(ctx, t, h)
			storm.Wait()
			slices.Sort(served)
			if len(served) == 0 || failed > len(served)/4 { // without shares 2 of 70 calls were served
				t.Fatalf("%d of %d calls failed", failed, failed+len(served))
			}
			m := h.MetricsNow(t)
			t.Logf("%d requests, %.0f in excess, %.0f answered 503 as all stood; %d calls served, %d not, a call took %v (half of them) and %v (nearly all)", sent,
				m["offhook_requests_over_share_total"], m["offhook_calls_shed_total"], len(served), failed, served[len(served)/2], served[len(served)*95/100])
		})
	}
}

// callAll makes one call after another, as many as a busy office does.
func callAll(ctx context.Context, t *testing.T, h *real.Offhook) (served []time.Duration, failed int) {
	for ctx.Err() == nil {
		began := time.Now()
		_, err := phone.Run(t.Context(), phone.Options{Server: h.SIP, As: "101", Target: "10", Patience: 5 * time.Second}, io.Discard)
		var refused *phone.Failed
		switch {
		case errors.As(err, &refused):
			failed++
		case err != nil:
			t.Fatal(err)
		default:
			served = append(served, time.Since(began))
		}
		time.Sleep(pace)
	}
	return served, failed
}

// rage sends requests of new calls until ctx ends, in batches of a millisecond.
func rage(ctx context.Context, t *testing.T, to, method string) (sent int) {
	conn, err := net.DialUDP("udp", udp(t, stormFrom), udp(t, to))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	turn := time.NewTicker(time.Millisecond)
	defer turn.Stop()
	for began := time.Now(); ctx.Err() == nil; <-turn.C {
		for due := int(time.Since(began).Seconds() * stormRate); sent < due; sent++ {
			_, _ = fmt.Fprintf(conn, "%[1]s sip:10@%[2]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bK%[4]d;rport\r\nMax-Forwards: 70\r\n"+
				"From: <sip:101@%[2]s>;tag=%[4]d\r\nTo: <sip:101@%[2]s>\r\nCall-ID: storm%[4]d\r\nCSeq: 1 %[1]s\r\nContact: <sip:101@%[3]s>\r\nContent-Length: 0\r\n\r\n",
				method, to, stormFrom, sent)
		}
	}
	return sent
}

func udp(t *testing.T, addr string) *net.UDPAddr {
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Error(err)
	}
	return a
}
