package sim

import (
	"net/netip"
	"time"
)

// Timers of RFC 3261 17: phones repeat as they should.
const (
	t1      = 500 * time.Millisecond
	t2      = 4 * time.Second
	timeout = 64 * t1
)

// request is a request of a phone that waits for its answer.
type request struct {
	raw    string
	method string
	branch string
	heard  bool // a provisional response came: an INVITE is not sent again
	over   bool
	timer  *time.Timer
	limit  *time.Timer
	done   func(*message) // each response; nil: none came in time
}

// repeated is a final response that is sent again until its ACK comes.
type repeated struct {
	raw    string
	gap    time.Duration
	timer  *time.Timer
	limit  *time.Timer
	over   bool
	gaveUp func()
}

// device is a phone's socket with its transactions. All of its methods are called with world.mu held.
type device struct {
	w       *world
	at      netip.AddrPort
	clients map[string]*request // by branch and method
	servers map[string]string   // last response by branch and method
	branch  int
	onAsked func(*message)
}

func (w *world) device(at netip.AddrPort, onAsked func(*message)) *device {
	d := &device{w: w, at: at, clients: map[string]*request{}, servers: map[string]string{}, onAsked: onAsked}
	w.net.Receive(at, w.receiver(d.receive))
	return d
}

func (d *device) close() { d.w.net.Receive(d.at, nil) }

func (d *device) write(raw string) { d.w.net.Send(d.at, edgeSIP, []byte(raw)) }

func (d *device) receive(raw []byte) {
	m, err := parse(raw)
	if err != nil {
		d.w.problem("", "the edge sent what is no SIP message: %v\n%s", err, raw)
		return
	}
	if m.code != 0 {
		d.response(m)
		return
	}
	key := param(m.get("via"), "branch") + m.method
	if last, known := d.servers[key]; known && m.method != "ACK" {
		if last != "" {
			d.write(last)
		}
		return
	}
	if m.method != "ACK" {
		d.servers[key] = ""
	}
	d.onAsked(m)
}

// answer sends a response and keeps it for copies of the request.
func (d *device) answer(req *message, raw string) {
	d.servers[param(req.get("via"), "branch")+req.method] = raw
	d.write(raw)
}

// ask sends a request until it is answered; done gets every response, or nil.
func (d *device) ask(method, branch, raw string, done func(*message)) *request {
	r := &request{raw: raw, method: method, branch: branch, done: done}
	d.clients[branch+method] = r
	d.write(raw)
	d.again(r, t1)
	r.limit = d.w.after(timeout, func() {
		if !r.over && !(r.heard && r.method == "INVITE") {
			d.settle(r)
			r.done(nil)
		}
	})
	return r
}

func (d *device) again(r *request, gap time.Duration) {
	r.timer = d.w.after(gap, func() {
		if r.over || r.heard && r.method == "INVITE" {
			return
		}
		d.write(r.raw)
		if gap *= 2; r.method != "INVITE" {
			gap = min(gap, t2)
		}
		d.again(r, gap)
	})
}

func (d *device) settle(r *request) {
	r.over = true
	r.timer.Stop()
	r.limit.Stop()
}

func (d *device) response(m *message) {
	_, method := m.cseq()
	r := d.clients[param(m.get("via"), "branch")+method]
	if r == nil {
		return
	}
	if m.code < 200 {
		r.heard = true
	} else if !r.over {
		d.settle(r)
	} else if method != "INVITE" {
		return
	}
	r.done(m)
}

// repeat sends a final response to an INVITE until it is stopped or given up.
func (d *device) repeat(req *message, raw string, gaveUp func()) *repeated {
	d.answer(req, raw)
	p := &repeated{raw: raw, gap: t1, gaveUp: gaveUp}
	d.once(p)
	p.limit = d.w.after(timeout, func() {
		if !p.over {
			p.stop()
			p.gaveUp()
		}
	})
	return p
}

func (d *device) once(p *repeated) {
	p.timer = d.w.after(p.gap, func() {
		if p.over {
			return
		}
		d.write(p.raw)
		p.gap = min(2*p.gap, t2)
		d.once(p)
	})
}

func (p *repeated) stop() {
	p.over = true
	p.timer.Stop()
	p.limit.Stop()
}
