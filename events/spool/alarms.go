package spool

import "sync"

// alarms tells of changes only, so that a full disk is one alarm and not one per record.
type alarms struct {
	mu     sync.Mutex
	raised map[string]bool
	tell   func(Alarm)
}

func newAlarms(tell func(Alarm)) *alarms {
	return &alarms{raised: map[string]bool{}, tell: tell}
}

func (a *alarms) raise(code string, err error) {
	a.mu.Lock()
	was := a.raised[code]
	a.raised[code] = true
	a.mu.Unlock()
	if !was || code == AlarmCorrupt { // each damaged place counts
		a.tell(Alarm{Code: code, Err: err})
	}
}

func (a *alarms) clear(code string) {
	a.mu.Lock()
	was := a.raised[code]
	delete(a.raised, code)
	a.mu.Unlock()
	if was {
		a.tell(Alarm{Code: code, Cleared: true})
	}
}
