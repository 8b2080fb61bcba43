package media

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/edge/media/dtls"
	"github.com/offhook/offhook/edge/media/sdp"
	piondtls "github.com/pion/dtls/v3"
	"github.com/pion/transport/v4/packetio"
)

const (
	// keysWithin is how long a party that should be heard may let us wait for a handshake.
	keysWithin = 15 * time.Second
	// shakeWithin is how long a handshake may last that has begun.
	shakeWithin = 10 * time.Second
	// lingers is how long our last message is repeated to a party that missed it.
	lingers = 30 * time.Second
	// maxShaking bounds the handshakes that go on at once; who comes too early comes again.
	maxShaking = 256
	maxFlight  = 32 // packets of a handshake that wait
)

// handshakes are the DTLS associations of an endpoint: one for each port in use.
type handshakes struct {
	awaited atomic.Bool // keys of RTP are still to come

	mu  sync.Mutex
	now [2]*association // by component
}

// association is a handshake and the connection that it runs over: the endpoint's own socket.
type association struct {
	end   *Endpoint
	at    component
	terms dtls.Association
	said  netip.AddrPort
	in    *packetio.Buffer
	ctx   context.Context
	stop  context.CancelFunc

	mu    sync.Mutex
	begun bool
	from  netip.AddrPort // where the other side's messages come from
}

// associate makes what the terms ask for. Terms that say the same as before let the associations be (RFC 8842 section 4).
func (e *Endpoint) associate(terms dtls.Association, mux bool, said netip.AddrPort) {
	ports := []component{rtpComponent}
	if !mux {
		ports = append(ports, rtcpComponent)
	}
	h := &e.dtls
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, old := range h.now {
		needed := slices.Contains(ports, component(c))
		if old != nil && (!needed || !old.same(terms, said)) {
			old.stop()
			h.now[c] = nil
		}
		if needed && h.now[c] == nil {
			h.now[c] = e.begin(component(c), terms, said)
		}
	}
}

// begin makes an association whose keys are waited for. The client begins at once, the server when the first message comes.
func (e *Endpoint) begin(c component, terms dtls.Association, said netip.AddrPort) *association {
	a := &association{end: e, at: c, terms: terms, said: said, in: packetio.NewBuffer()}
	a.in.SetLimitCount(maxFlight)
	a.ctx, a.stop = context.WithCancel(context.Background())
	if c == rtpComponent {
		e.dtls.awaited.Store(true)
		e.require(true, false)
	}
	if terms.Client {
		a.start()
	}
	return a
}

// same says whether an association serves these terms. Without ICE, another address is another association.
func (a *association) same(terms dtls.Association, said netip.AddrPort) bool {
	moved := said != a.said && said.IsValid() && !said.Addr().IsUnspecified() && !a.end.rx.usesICE()
	return a.terms.Client == terms.Client && slices.EqualFunc(a.terms.Prints, terms.Prints, sdp.Fingerprint.Equal) && !moved
}

// end lets go of all associations.
func (h *handshakes) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.awaited.Store(false)
	for c, a := range h.now {
		if a != nil {
			a.stop()
			h.now[c] = nil
		}
	}
}

// take gives a message to its association; false: nobody waits for it.
func (h *handshakes) take(c component, b []byte, from netip.AddrPort) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.now[c]
	if a == nil || !a.begun && !a.terms.Client && (!dtls.Begins(b) || !a.start()) {
		return false
	}
	a.mu.Lock()
	a.from = from
	a.mu.Unlock()
	_, err := a.in.Write(b)
	return err == nil
}

// start runs the handshake if there is room for it.
func (a *association) start() bool {
	e := a.end.eng
	if e.shaking.Add(1) > maxShaking || !e.spawn(a.run) {
		e.shaking.Add(-1)
		return false
	}
	a.begun = true
	return true
}

func (a *association) run() {
	ctx, cancel := context.WithTimeout(a.ctx, shakeWithin)
	conn, keys, err := a.terms.Handshake(ctx, a)
	cancel()
	a.end.eng.shaking.Add(-1)
	if err == nil {
		err = a.end.keyed(a, keys)
	}
	if err != nil {
		a.end.failed(a, err)
		return
	}
	if a.at == rtpComponent {
		a.end.notify(Event{Kind: Keyed})
	}
	a.linger(conn)
}

// linger keeps the connection for a while and ends it without a word: the sound goes on.
func (a *association) linger(conn *piondtls.Conn) {
	ctx, cancel := context.WithTimeout(a.ctx, lingers)
	defer cancel()
	<-ctx.Done()
	a.stop()
	_ = conn.Close()
}

// keyed puts the keys of a handshake in force, unless it is not wanted any more. Where the party proved itself it is heard.
func (e *Endpoint) keyed(a *association, k dtls.Keys) error {
	e.dtls.mu.Lock()
	defer e.dtls.mu.Unlock()
	if e.dtls.now[a.at] != a {
		return context.Canceled
	}
	if a.at == rtcpComponent {
		return e.keyReports(k.Ours, k.Theirs)
	}
	if from := a.sender(); from.IsValid() && e.rx.lock(from) {
		e.tx.redirect(from)
	}
	if e.dtls.now[rtcpComponent] == nil {
		if err := e.keyReports(k.Ours, k.Theirs); err != nil {
			return err
		}
	}
	e.dtls.awaited.Store(false)
	return e.keyRTP(k.Ours, k.Theirs)
}

// failed tells it when it was the sound's handshake that failed. Without reports a call goes on.
func (e *Endpoint) failed(a *association, err error) {
	e.dtls.mu.Lock()
	current := e.dtls.now[a.at] == a
	if current {
		e.dtls.now[a.at] = nil // the next description may begin anew
	}
	e.dtls.mu.Unlock()
	if current && a.at == rtpComponent {
		e.unkeyed(err)
	}
}

// unkeyed tells once that there will be no keys.
func (e *Endpoint) unkeyed(err error) {
	if e.dtls.awaited.Swap(false) {
		e.notify(Event{Kind: KeysFailed, Err: err})
	}
}

func (a *association) sender() netip.AddrPort {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.from
}

// spawn runs something that the engine waits for; false: the engine has ended.
func (e *Engine) spawn(do func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tasks.Go(do)
	return true
}

// ReadFrom gives the next message. With the methods below an association is the net.PacketConn that a handshake asks for.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := a.in.Read(b)
	return n, a.LocalAddr(), err
}

// WriteTo sends to where the messages come from, or to where sound would go; ICE decides it where there is ICE. When the
// association is over, nothing is sent: an alert would make a browser end its call.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	to := a.sender()
	if !to.IsValid() || a.at == rtpComponent && a.end.rx.usesICE() {
		to = a.end.tx.aim()
		if a.at == rtcpComponent {
			to = a.end.rtcp.place(to)
		}
	}
	if a.ctx.Err() == nil && to.IsValid() {
		a.end.sendBeside(b, to, a.at)
	}
	return len(b), nil
}

// Close lets the reader go.
func (a *association) Close() error { return a.in.Close() }

// LocalAddr is no address: who asks has no use for it.
func (a *association) LocalAddr() net.Addr { return &net.UDPAddr{} }

// SetDeadline is SetReadDeadline: sending does not block.
func (a *association) SetDeadline(t time.Time) error { return a.in.SetReadDeadline(t) }

// SetReadDeadline ends a ReadFrom that waits.
func (a *association) SetReadDeadline(t time.Time) error { return a.in.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (a *association) SetWriteDeadline(time.Time) error { return nil }
