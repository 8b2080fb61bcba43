package sipua

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	maxLookups    = 64              // names looked up at once; more wait
	lookupTimeout = 5 * time.Second // for one name
)

// request sends a request other than INVITE outside any dialog and gives its final response. req has From, To,
// Call-ID and CSeq; Via is added. to tells where: Via and Gateway count.
func (u *UA) request(ctx context.Context, req *sip.Request, to InviteRequest) (*sip.Response, error) {
	w := u.worker(req.CallID().Value())
	wait := make(waiter, 1)
	if !w.post(func() { w.requestOut(req, to, wait) }) {
		return nil, ErrClosed
	}
	select {
	case a := <-wait:
		return a.res, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// waiter gets the one outcome of a request.
type waiter chan outcomeOf

type outcomeOf struct {
	res *sip.Response
	err error
}

func (c waiter) put(res *sip.Response, err error) {
	select {
	case c <- outcomeOf{res, err}:
	default: // it has one already
	}
}

func (c waiter) response(_ *clientTx, res *sip.Response) {
	if res.StatusCode >= 200 {
		c.put(res, nil)
	}
}

func (c waiter) failed(_ *clientTx, err error) { c.put(nil, err) }

func (w *worker) requestOut(req *sip.Request, to InviteRequest, wait waiter) {
	hop := req.Recipient.String()
	if r := req.Route(); r != nil {
		hop = r.Address.String()
	}
	w.waysTo(to, hop, func(ways []path, err error) {
		if err == nil {
			err = w.sendFirst(req, ways, wait)
		}
		if err != nil {
			wait.put(nil, err)
		}
	})
}

func (w *worker) sendFirst(req *sip.Request, ways []path, s sink) error {
	if len(ways) == 0 {
		return fmt.Errorf("no address: %w", errTransport)
	}
	h := &sip.ViaHeader{}
	w.stamp(h, ways[0], w.ids.branch(req.CallID().Value()))
	for req.RemoveHeader("Via") {
	}
	req.PrependHeader(h)
	_, err := w.send(req, ways[0], s)
	return err
}

// resolve gives the ways to a hop; then runs on w, at once when its host is an address.
func (u *UA) resolve(w *worker, to hop, then func([]path, error)) {
	if ip, err := netip.ParseAddr(to.host); err == nil {
		then(u.ways(to, []netip.Addr{ip}))
		return
	}
	u.errands.Go(func() {
		u.lookups <- struct{}{}
		defer func() { <-u.lookups }()
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		found, err := u.cfg.Lookup(ctx, to.host)
		w.post(func() {
			if err != nil {
				then(nil, err)
				return
			}
			then(u.ways(to, found))
		})
	})
}

// ways that can be gone of those addresses; the error is the last one's when there is none.
func (u *UA) ways(to hop, found []netip.Addr) (all []path, err error) {
	most := 4
	if to.network != "udp" { // each would be opened
		most = 1
	}
	for _, ip := range found[:min(len(found), most)] {
		p, e := u.net.route(to.network, netip.AddrPortFrom(ip.Unmap(), uint16(to.port)), to.trust)
		if e != nil {
			err = e
			continue
		}
		all = append(all, p)
	}
	if len(all) > 0 {
		err = nil
	}
	return all, err
}
