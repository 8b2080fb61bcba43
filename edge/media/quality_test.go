package media

import (
	"math"
	"testing"
	"time"
)

func TestQualityOfALeg(t *testing.T) {
	for _, c := range []struct {
		name   string
		s      Stats
		r, mos float64 // by hand
	}{
		{"a good line", Stats{PacketsReceived: 1000, PacketsSent: 1000}, 91.76, 4.38},
		{"nothing came", Stats{PacketsSent: 1000, RemoteLost: 5}, 0, 0},
		{"5 % lost", Stats{PacketsReceived: 950, Lost: 50, PacketsSent: 1000}, 75.98, 3.86},
		{"10 % lost on the way there", Stats{PacketsReceived: 1000, PacketsSent: 1000, RemoteLost: 100}, 64.69, 3.34},
		{"by satellite", Stats{PacketsReceived: 1000, RoundTrip: 600 * time.Millisecond}, 64.46, 3.33},
		{"30 ms of jitter", Stats{PacketsReceived: 1000, RemoteJitterMS: 30}, 89.84, 4.33},
		{"everything lost", Stats{PacketsReceived: 1, Lost: 1e6, PacketsSent: 1, RemoteLost: 1e6, RoundTrip: maxRoundTrip}, 0, 1},
	} {
		c.s.rate()
		if math.Abs(c.s.RFactor-c.r) > 0.05 || math.Abs(c.s.MOS-c.mos) > 0.015 {
			t.Errorf("%s: R %.2f MOS %.3f, want %.2f %.2f", c.name, c.s.RFactor, c.s.MOS, c.r, c.mos)
		}
	}
}

func TestMoreLossIsNeverBetter(t *testing.T) {
	before := 5.0
	for lost := range uint64(500) {
		s := Stats{PacketsReceived: 1000 - lost, Lost: lost}
		s.rate()
		if s.MOS > before || s.MOS < 1 || math.IsNaN(s.MOS) {
			t.Fatalf("%d lost of 1000: %f after %f", lost, s.MOS, before)
		}
		before = s.MOS
	}
}
