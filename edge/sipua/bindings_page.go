package sipua

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// onPage: a page in a browser, which is reached over its WebSocket alone.
func (b *bindings) onPage(one Binding) bool {
	return one.Node == b.u.cfg.Node && strings.HasPrefix(one.Via, "ws") // ws: and wss:
}

// closed: the page is gone, as all are from before a restart.
func (b *bindings) closed(one Binding) bool {
	if !b.onPage(one) {
		return false
	}
	f, ok := b.u.net.flow(one.Flow)
	return !ok || viaOf(f.to.network, f.to.addr) != one.Via // since a restart somebody else's may be called so
}

// leave drops what was registered over a WebSocket that is closed: whoever is called there is not there (RFC 5626 5.3).
func (b *bindings) leave(flow string) {
	b.order.Lock()
	defer b.order.Unlock()
	for _, one := range b.left(flow) {
		b.remove(one)
		b.u.handler.OnBinding(one, BindingLost)
	}
}

func (b *bindings) left(flow string) (left []Binding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.pages[flow] {
		for _, one := range b.byAOR[k] {
			if one.Flow == flow && b.onPage(one) {
				left = append(left, one)
			}
		}
	}
	delete(b.pages, flow)
	return left
}

// back finds the WebSocket over which a page has come back whose stream went during a call: its user has registered the
// dialog's contact there.
func (b *bindings) back(who aor, contact string) (path, bool) {
	for _, one := range b.list(who, time.Now()) {
		if !b.onPage(one) || contactKey(one.Contact) != contactKey(contact) {
			continue
		}
		if f, ok := b.u.net.flow(one.Flow); ok {
			return path{f, f.to.addr}, true
		}
	}
	return path{}, false
}

// adrift tells the dialogs of a page whose WebSocket is gone. A call of its own that is not answered is over: it could not be
// told of an answer.
func (w *worker) adrift(f *flow) {
	for _, d := range w.leadingOver(f) {
		switch w.busy = d; {
		case d.in != nil:
			d.in.tx.respond(d.in.req, 487, nil)
			d.finish(EndCause{Why: EndTransport, Remote: true, Code: 487, Phrase: phrase(487)})
		case d.state == confirmed:
			d.tell(DialogEvent{Kind: Adrift})
		}
	}
}

// leadingOver lists the dialogs that lead over a stream, in an order that repeats.
func (w *worker) leadingOver(f *flow) (all []*Dialog) {
	for _, first := range w.calls {
		for d := first; d != nil; d = d.next {
			if d.peer.path.link == link(f) {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Dialog) int {
		return cmp.Or(cmp.Compare(a.callID, b.callID), cmp.Compare(a.localTag, b.localTag))
	})
	return all
}
