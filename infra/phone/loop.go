package phone

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// stage of the one call.
type stage int

const (
	unused  stage = iota
	calling       // we sent an INVITE
	ringing       // we got one
	up            // 2xx was sent or received
	ending        // BYE was sent
	over          // nothing more will happen
)

// patienceToLeave bounds how long the end may take once the caller of Run wants it.
const patienceToLeave = 5 * time.Second

// phone is one run. All of it is touched by Run's goroutine only; the wire and the media deliver into channels.
type phone struct {
	o    Options
	log  *slog.Logger
	wire *wire
	tl   *timeline

	clock     clock
	exchanges map[string]*exchange // by branch
	served    map[string]*served
	cseq      uint32
	tag       string // ours

	call       call
	registered bool
	leaving    bool // the call is over, only loose ends are left
	lingering  bool
	forced     bool // no more waiting for them
	report     Report
	failure    error
}

// call is the one call.
type call struct {
	stage     stage
	dialog    *dialog
	media     *media
	invite    *exchange // ours
	incoming  *served   // theirs
	began     time.Time
	answered  time.Time
	held      *Hold     // by us
	heldBy    bool      // by the other side
	cancelled bool      // our CANCEL is out
	change    *exchange // our re-INVITE or UPDATE
	accept    *accept   // our 2xx until its ACK
	digits    string    // still to be sent
	dialling  bool
}

func newPhone(o Options, out io.Writer) *phone {
	return &phone{
		o: o, log: o.Logger, tag: sip.GenerateTagN(12), cseq: 1,
		exchanges: map[string]*exchange{}, served: map[string]*served{},
		tl: &timeline{out: out, json: o.JSON, notify: o.Notify, start: time.Now()},
	}
}

// run is the phone's life.
func (p *phone) run(ctx context.Context) error {
	w, err := openWire(ctx, p.o)
	if err != nil {
		return err
	}
	p.wire = w
	defer w.close()
	m, err := openMedia(p.o, p.wire, p.tl.start)
	if err != nil {
		return err
	}
	p.call.media = m
	if err := knock(p.o); err != nil {
		return errors.Join(err, m.close(&p.report))
	}
	p.begin()
	p.loop(ctx)
	err = m.close(&p.report)
	p.tl.summary(p.report)
	if p.failure != nil {
		err = p.failure
	}
	return err
}

func (p *phone) begin() {
	switch {
	case p.o.As != "" && (p.o.Wait || p.o.Register):
		p.register()
	default:
		p.ready()
	}
}

// ready: registered, where that was wanted.
func (p *phone) ready() {
	if !p.o.Wait {
		p.dial()
		return
	}
	host, port := p.wire.local()
	p.tl.tell("waiting", Here, 0, "waiting for a call at %s:%d", host, port)
	if p.o.Patience > 0 {
		p.clock.after(p.o.Patience, p.noCall)
	}
}

func (p *phone) noCall() {
	if p.call.stage == unused {
		p.report.Outcome = Nothing
		p.failure = &Failed{"waiting", 408, "No call came"}
		p.leave()
	}
}

// loop runs until the call is over and nothing is left to be answered.
func (p *phone) loop(ctx context.Context) {
	interrupt := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !p.forced && !(p.leaving && p.idle() && !p.registered && !p.lingering) {
		timer.Reset(p.clock.next())
		select {
		case <-interrupt:
			interrupt = nil
			p.interrupt()
		case m := <-p.wire.in:
			p.message(m)
		case e := <-p.call.media.events:
			p.heard(e)
		case <-timer.C:
		}
		p.clock.due()
	}
}

// interrupt hangs up, cancels or stops waiting.
func (p *phone) interrupt() {
	p.clock.after(patienceToLeave, func() { p.forced = true })
	switch p.call.stage {
	case unused:
		p.report.Outcome = Nothing
		p.leave()
	case ringing:
		p.refuse(480, "Temporarily Unavailable")
	default:
		p.hangup()
	}
}

// message takes what came over the wire.
func (p *phone) message(m sip.Message) {
	switch m := m.(type) {
	case *sip.Response:
		p.response(m)
	case *sip.Request:
		p.request(m)
	}
}

// leave ends the phone once loose ends are tied up.
func (p *phone) leave() {
	if p.leaving {
		return
	}
	p.call.stage = over
	p.leaving = true
	p.clock.after(patienceToLeave, func() { p.forced = true })
	if p.registered {
		p.unregister()
	}
	p.linger()
}

// linger answers repetitions of their last request for a while, as its response may have been lost. On this machine none is.
func (p *phone) linger() {
	host, _ := p.wire.local()
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); p.wire.reliable() || (err == nil && ip.IsLoopback()) {
		return
	}
	p.lingering = true
	p.clock.after(t1+t1/4, func() { p.lingering = false })
}

// hangup ends the call in the way its stage asks for.
func (p *phone) hangup() {
	switch p.call.stage {
	case calling:
		p.cancel()
	case ringing:
		p.refuse(480, "Temporarily Unavailable")
	case up:
		p.bye()
	}
}

// ended is the end of a call that was up.
func (p *phone) ended(by string) {
	if p.leaving {
		return
	}
	if p.report.Outcome == Answered { // not when the answer crossed our CANCEL
		p.report.EndedBy = by
		p.report.Talked = Seconds(time.Since(p.call.answered))
	}
	p.call.media.stop()
	p.leave()
}

func (p *phone) sequence() uint32 {
	p.cseq++
	return p.cseq
}
