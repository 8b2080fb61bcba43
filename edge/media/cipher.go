package media

import (
	"net/netip"

	"github.com/offhook/offhook/edge/media/srtp"
)

// cipher is the encryption of what one part of an endpoint sends or receives. A part that must be encrypted and has no keys
// yet sends nothing and takes nothing.
type cipher struct {
	on   bool
	seal *srtp.Sealer
	open *srtp.Opener
}

// require says whether there must be keys; those there are stay unless they are not good any more.
func (c *cipher) require(on, keep bool) {
	if c.on = on; !on || !keep {
		c.seal, c.open = nil, nil
	}
}

// send and receive put keys in force. The same key again goes on where it was: begun anew, it would repeat itself.
func (c *cipher) send(k srtp.Key) (err error) {
	if c.seal == nil || !c.seal.Key().Equal(k) {
		c.seal, err = k.Sealer()
	}
	return err
}

func (c *cipher) receive(k srtp.Key) (err error) {
	if c.open == nil || !c.open.Key().Equal(k) {
		c.open, err = k.Opener()
	}
	return err
}

// sealed encrypts RTP where it is.
func (c *cipher) sealed(b []byte) ([]byte, bool) {
	if !c.on {
		return b, true
	}
	if c.seal == nil {
		return nil, false
	}
	b, err := c.seal.RTP(b)
	return b, err == nil
}

func (c *cipher) sealedReport(b []byte) ([]byte, bool) {
	if !c.on {
		return b, true
	}
	if c.seal == nil {
		return nil, false
	}
	b, err := c.seal.RTCP(b)
	return b, err == nil
}

func (c *cipher) openedReport(b []byte) ([]byte, bool) {
	if !c.on {
		return b, true
	}
	if c.open == nil {
		return nil, false
	}
	b, err := c.open.RTCP(b)
	return b, err == nil
}

// unsealed decrypts RTP where it is. What cannot be the party's is not tried.
func (r *receiver) unsealed(b []byte, from netip.AddrPort) ([]byte, bool) {
	if !r.cipher.on {
		return b, true
	}
	if r.cipher.open == nil || !r.source.may(from, r.learn) {
		return nil, false
	}
	b, err := r.cipher.open.RTP(b)
	return b, err == nil
}

// require is what an agreement says of all parts of the endpoint.
func (e *Endpoint) require(on, keep bool) {
	e.rx.mu.Lock()
	e.rx.cipher.require(on, keep)
	e.rx.mu.Unlock()
	e.rtcp.mu.Lock()
	e.rtcp.cipher.require(on, keep)
	e.rtcp.mu.Unlock()
	e.tx.mu.Lock()
	defer e.tx.mu.Unlock()
	e.tx.cipher.require(on, keep)
	e.tx.ready()
}

// keyRTP and keyReports put keys in force. RTP and RTCP are encrypted apart, so each may have its half of the same keys.
func (e *Endpoint) keyRTP(ours, theirs srtp.Key) error {
	e.rx.mu.Lock()
	err := e.rx.cipher.receive(theirs)
	e.rx.mu.Unlock()
	if err != nil {
		return err
	}
	e.tx.mu.Lock()
	defer e.tx.mu.Unlock()
	err = e.tx.cipher.send(ours)
	e.tx.ready()
	return err
}

func (e *Endpoint) keyReports(ours, theirs srtp.Key) error {
	e.rtcp.mu.Lock()
	defer e.rtcp.mu.Unlock()
	if err := e.rtcp.cipher.receive(theirs); err != nil {
		return err
	}
	return e.rtcp.cipher.send(ours)
}
