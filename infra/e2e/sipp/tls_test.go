//go:build e2e

package sipp

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/offhook/offhook/infra/e2e/real"
)

// TestAPhoneOverTLSIsCalledAndCalls: over the certificate that `offhook dev --tls` has made; the other phone is a plain one.
func TestAPhoneOverTLSIsCalledAndCalls(t *testing.T) {
	secure := fmt.Sprintf("127.0.0.1:%d", real.Port(t, 1))
	h := real.StartOffhook(t, real.OffhookOptions{Args: []string{"--tls", secure}})
	a := real.NewBaresip(t, real.BaresipOptions{User: "101", Password: "demo-101", Server: secure, Transport: "tls",
		Trusts: filepath.Join(h.Data, "tls", "cert.pem"), Tone: 600})
	b := real.NewBaresip(t, real.BaresipOptions{User: "105", Password: "demo-105", Server: h.SIP, Tone: 1000})
	wire := real.StartCapture(t, "udp portrange 10000-40000")
	var spoken [][2]time.Time
	for _, way := range []struct {
		from, to *real.Baresip
		server   string
	}{{b, a, h.SIP}, {a, b, secure}} {
		way.from.Do(t, "dial", "sip:"+way.to.User+"@"+way.server)
		way.to.Answer(t)
		way.from.Wait(t, "CALL_ESTABLISHED")
		a.Do(t, "hold", "") // a re-INVITE over TLS
		<-time.After(500 * time.Millisecond)
		a.Do(t, "resume", "")
		<-time.After(500 * time.Millisecond)
		start := time.Now()
		<-time.After(2 * time.Second)
		spoken = append(spoken, [2]time.Time{start, time.Now()})
		way.to.Do(t, "hangup", "")
		way.from.Wait(t, "CALL_CLOSED")
		way.to.Wait(t, "CALL_CLOSED")
	}
	packets := wire.Packets(t)
	for n, span := range spoken {
		for _, ear := range []struct {
			p  *real.Baresip
			hz int
		}{{a, 1000}, {b, 600}} {
			if got, all := real.Hears(real.HeardAt(packets, ear.p.Ears(), span[0], span[1]), ear.hz); got < all/2 || all < 10 {
				t.Errorf("call %d: %s hears %d Hz in %d of %d windows", n+1, ear.p.User, ear.hz, got, all)
			}
		}
	}
}
