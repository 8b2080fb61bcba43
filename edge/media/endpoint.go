package media

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"
)

// Endpoint is one RTP port pair and the party behind it. All methods may be called from any goroutine.
type Endpoint struct {
	eng    *Engine
	notify func(Event)
	port   int
	rtcp   control

	sess session  // what offers and answers agreed on
	rx   receiver // what comes
	tx   sender   // what goes
	ear  ear      // tones in what comes
	seat seat
	look appointment

	sinks   atomic.Pointer[[]*Endpoint] // who hears this one as a plain relay; replaced, never changed
	hears   []Heard                     // what Hear was given; guarded by Engine.routes
	mixedBy int                         // how many mixes take its sound; guarded by Engine.routes
	gone    bool                        // closed; guarded by Engine.routes

	dtls handshakes
	unheard
	closing sync.Once
	final   *Stats // once it is closed
}

// unheard is since when the party is not heard.
type unheard struct {
	lastRTP atomic.Int64 // engine time of the last packet, 0: none
	reports atomic.Int64 // and of the last report that the party made of a stream that goes on
	armed   atomic.Int64 // silence counts from here; 0: nothing is expected
	told    atomic.Bool  // Timeout was told
	hurry   atomic.Int64 // the silence after which it is told; 0: Config.Silence
}

func (*Endpoint) hearable() {}

func newEndpoint(e *Engine, notify func(Event)) *Endpoint {
	if notify == nil {
		notify = func(Event) {}
	}
	end := &Endpoint{eng: e, notify: notify}
	end.sess.begin()
	end.tx.begin()
	end.rx.learn = e.cfg.NAT
	return end
}

func (e *Endpoint) setSocket(s socket) {
	e.tx.mu.Lock()
	defer e.tx.mu.Unlock()
	e.tx.socket = s
}

// Port is the local RTP port.
func (e *Endpoint) Port() int { return e.port }

// Stats is what was sent and received so far.
func (e *Endpoint) Stats() Stats {
	var s Stats
	e.sess.count(&s)
	e.tx.count(&s)
	e.rx.count(&s)
	e.rtcp.count(&s)
	if last := e.lastRTP.Load(); last != 0 {
		s.LastReceived = e.eng.start.Add(time.Duration(last))
	}
	s.rate()
	return s
}

// Close ends the endpoint and gives its last Stats, the same ones when it is called again. Who hears it hears nothing.
// No event is told after the event that is being told now.
func (e *Endpoint) Close() Stats {
	e.closing.Do(func() {
		e.armed.Store(0)
		e.hear(nil, true)
		s := e.Stats()
		e.final = &s
		e.release()
		e.eng.ends.remove(e)
	})
	return *e.final
}

// release stops the sound and gives the ports back.
func (e *Endpoint) release() {
	e.dtls.end()
	e.deafen()
	e.rtcp.close(e, e.eng.now())
	s := e.tx.end()
	e.rx.end()
	e.eng.wheel.evict(e, &e.seat)
	if s != nil {
		s.close()
		e.eng.ports.give(e.port, e.eng.now())
	}
}

// Watch starts the count of Config.Silence anew, and lets Timeout be told again. Answer and Accept do so too; a leg that
// rang with early media is watched anew when it is answered.
func (e *Endpoint) Watch() {
	if e.armed.Load() != 0 {
		e.watch(true)
	}
}

// Hurry has a silence of this length tell Timeout from now on, in place of Config.Silence: the party may be gone.
func (e *Endpoint) Hurry(silence time.Duration) { e.hurry.Store(int64(silence)) }

// watch arms the silence timer when the party says that it sends.
func (e *Endpoint) watch(on bool) {
	at := int64(0)
	if on {
		at = max(int64(e.eng.now()), 1)
	}
	e.told.Store(false)
	e.armed.Store(at)
}

// AwaitsKeys: a party that should be heard has not shaken hands yet, and hears nothing. Keyed or KeysFailed follows.
func (e *Endpoint) AwaitsKeys() bool { return e.armed.Load() != 0 && e.dtls.awaited.Load() }

// there is when the party that was heard showed last that it is there: by its sound, or by reports. A phone that is muted and
// sends no silence has nothing but these (RFC 3550 section 6.3.5).
func (e *Endpoint) there() time.Duration {
	last := e.lastRTP.Load()
	if last != 0 {
		last = max(last, e.reports.Load())
	}
	return time.Duration(last)
}

// checkSilence tells of a party that should be heard and is not, and says how long it may still be so: the moment must not
// depend on when reports are due.
func (e *Endpoint) checkSilence(now time.Duration) time.Duration {
	armed := time.Duration(e.armed.Load())
	if armed == 0 {
		return e.eng.cfg.Silence
	}
	since, limit, ev := max(armed, e.there()), cmp.Or(time.Duration(e.hurry.Load()), e.eng.cfg.Silence), Event{Kind: Timeout}
	if e.dtls.awaited.Load() {
		since, limit, ev = armed, keysWithin, Event{Kind: KeysFailed, Err: ErrNoHandshake}
	}
	if left := since + limit - now; left > 0 {
		return left
	}
	if !e.told.Swap(true) {
		e.notify(ev)
	}
	return limit
}
