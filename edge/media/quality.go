package media

import "time"

// The estimate is the E-model of ITU-T G.107 with its defaults, simplified as is usual for a line whose echo and loudness
// nobody measures:
//
//	R     = 93.2 - Id - Ie,eff
//	Id    = 0.024 d + 0.11 (d - 177.3) where d > 177.3; d is the delay of one way in ms
//	Ie,eff = Ie + (95 - Ie) P / (P + Bpl); P is the loss in percent, taken as random
//	MOS   = 1 + 0.035 R + R (R - 60) (100 - R) 7e-6 (annex B)
//
// Ie and Bpl are 0 and 25.1, G.113's for G.711 with concealment, which phones and our own taps have. G.722 counts as the
// same, for what it adds above 4 kHz has no place on this scale; Opus too, which repairs more of a loss than this says. d is
// half the round trip, a packet of 20 ms, and a jitter buffer of four times the jitter, at least 40 ms. Loss and jitter are
// the worse of both directions.
const (
	bestR  = 93.2
	packet = 20.0 // ms
	bpl    = 25.1
)

// rate sets the R factor and what people would say of it.
func (s *Stats) rate() {
	if s.PacketsReceived == 0 {
		return
	}
	loss := max(percent(s.Lost, s.PacketsReceived+s.Lost), percent(s.RemoteLost, s.PacketsSent))
	buffer := min(max(4*max(s.JitterMS, s.RemoteJitterMS), 40), 250)
	delay := float64(s.RoundTrip)/2/float64(time.Millisecond) + packet + buffer
	s.RFactor = min(max(bestR-impairedByDelay(delay)-95*loss/(loss+bpl), 0), 100)
	s.MOS = opinion(s.RFactor)
}

func percent(lost, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return min(float64(lost)/float64(of), 1) * 100
}

func impairedByDelay(ms float64) float64 {
	return 0.024*ms + 0.11*max(ms-177.3, 0)
}

// opinion falls below 1 for the smallest R in the formula; nobody says less.
func opinion(r float64) float64 {
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}
