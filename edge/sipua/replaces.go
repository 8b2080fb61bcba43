package sipua

import (
	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/refer"
)

// replacesIn reads the Replaces of an INVITE: one, or none (RFC 3891 3).
func replacesIn(req *sip.Request) (*refer.Replaces, error) {
	all := req.GetHeaders("replaces")
	if len(all) == 0 {
		return nil, nil
	}
	if len(all) > 1 {
		return nil, refer.ErrReplaces
	}
	r, err := refer.ParseReplaces(all[0].Value())
	return &r, err
}

// takePlace finds the dialog whose place an INVITE takes, and tells of both; or refuses it (RFC 3891 3).
func (d *Dialog) takePlace(r refer.Replaces, in Invite) {
	d.in.unseen = true
	d.w.named(r, d.tenant, func(other *Dialog, code int) {
		if d.state == over {
			return
		}
		d.w.busy = d
		if code != 0 {
			d.reject(End{Code: code})
			return
		}
		d.in.unseen, in.Replaces = false, other
		d.w.u.handler.OnInvite(d, in)
	})
}

// named looks for the dialog that a Replaces names, at the worker that has it, and comes back with it: code 0, or why an
// INVITE may not take its place. What is another tenant's is unknown.
func (w *worker) named(r refer.Replaces, tenant string, then func(d *Dialog, code int)) {
	owner := w.u.worker(r.CallID)
	owner.post(func() {
		d, code := owner.replaceable(r, tenant)
		w.post(func() { then(d, code) })
	})
}

func (w *worker) replaceable(r refer.Replaces, tenant string) (*Dialog, int) {
	d := w.find(r.CallID, r.To)
	if d == nil {
		_, in := w.tombs.find(tombKey{r.CallID, r.From, true})
		_, out := w.tombs.find(tombKey{r.CallID, r.To, false})
		if in || out {
			return nil, 603 // it was there, and is over
		}
		return nil, 481
	}
	remote := d.remoteTag
	if d.out != nil {
		remote = d.out.branch
	}
	switch {
	case remote != r.From || d.tenant != tenant || d.in != nil && d.in.unseen:
		return nil, 481
	case d.state == closing || d.end != nil:
		return nil, 603
	case d.state == confirmed && r.Early:
		return nil, 486
	case d.state == early && d.inbound: // only one that we began; a REFER means it otherwise
		return d, 481
	}
	return d, 0
}
