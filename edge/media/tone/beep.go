package tone

import "time"

// A beep is one steady tone. Below it busy tones lie, above it what modems send.
const (
	beepLow, beepHigh = 460, 2050
	beepMin, beepMax  = 160.0, 4000.0 // ms
)

// beep tells a tone when it is over: that is when it is one's turn to speak.
func beep(t *steady) (Finding, bool) {
	long := t.ms()
	if t.hz < beepLow || t.hz > beepHigh || long < beepMin || long > beepMax || !t.quiet() {
		return Finding{}, false
	}
	confidence := 0.7
	if long >= 250 {
		confidence = 0.9
	}
	return Finding{What: Beep, Hz: t.hz, Duration: time.Duration(long * float64(time.Millisecond)), Confidence: confidence}, true
}
