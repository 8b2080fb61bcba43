package tone

import "math"

// Tones of fax machines (ITU-T T.30 4.3.3.2 and V.25 5.1).
const (
	cng, cngOff  = 1100, 45.0 // 38 Hz are allowed
	cngMin       = 410        // ms; 0.5 s and 15 % are allowed
	cngMax       = 590
	ced, cedOff  = 2100, 20.0 // 15 Hz are allowed
	cedMin       = 1000.0     // ms, of 2.6 to 4 s
	cngOnce      = 0.8        // other machines beep like it
	cngTwice     = 0.99
	cedConfident = 0.95
)

// fax hears a fax that calls by one burst of CNG with quiet after it, and one that answers by a second of CED.
type fax struct{ told bool }

func (f *fax) hear(now *steady, ended steady, over bool) (Finding, bool) {
	if f.told {
		return Finding{}, false
	}
	if math.Abs(now.hz-ced) < cedOff && now.ms() >= cedMin {
		f.told = true
		return Finding{What: Fax, Hz: ced, Confidence: cedConfident}, true
	}
	if over && isCNG(&ended) {
		f.told = true
		return Finding{What: Fax, Hz: cng, Confidence: cngOnce}, true
	}
	return Finding{}, false
}

func isCNG(t *steady) bool {
	long := t.ms()
	return math.Abs(t.hz-cng) < cngOff && long > cngMin && long < cngMax && t.quiet()
}
