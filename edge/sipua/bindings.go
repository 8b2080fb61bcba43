package sipua

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/sipua/digest"
)

const (
	maxDevices   = 10              // contacts of one address of record
	foreignGrace = 5 * time.Second // how much longer other nodes' bindings are kept, for their own node to tell the end
)

// aor is an address of record.
type aor struct{ tenant, user string }

// bindings keeps who is registered where, and what registering needs. It is safe for many goroutines.
type bindings struct {
	u        *UA
	auth     *digest.Authenticator
	gateways *gateways
	counts   counts

	order sync.Mutex // held over a change and the telling of it, so that the handler hears changes in their order
	mu    sync.RWMutex
	byAOR map[aor]map[string]Binding // by bindingKey; guarded by mu
	total int                        // guarded by mu
	pages map[string][]aor           // who registered over a WebSocket, by its flow; guarded by mu
	clock *time.Timer                // fires at the next expiry; guarded by mu
	next  time.Time                  // guarded by mu
}

func newBindings(u *UA) *bindings {
	return &bindings{
		u: u, auth: digest.NewAuthenticator(u.cfg.Secret, u.cfg.SHA256, u.dir), gateways: newGateways(u), byAOR: map[aor]map[string]Binding{}, pages: map[string][]aor{},
	}
}

// Bindings lists where a user is registered now, best first.
func (u *UA) Bindings(tenant, user string) []Binding {
	return u.bindings.list(aor{tenant, user}, time.Now())
}

// AllBindings lists every registration, sorted by tenant, user and preference.
func (u *UA) AllBindings() []Binding {
	b := u.bindings
	b.mu.RLock()
	keys := slices.Collect(maps.Keys(b.byAOR))
	b.mu.RUnlock()
	slices.SortFunc(keys, func(x, y aor) int {
		return cmp.Or(cmp.Compare(x.tenant, y.tenant), cmp.Compare(x.user, y.user))
	})
	var all []Binding
	now := time.Now()
	for _, k := range keys {
		all = append(all, b.list(k, now)...)
	}
	return all
}

// Restore takes bindings that another edge, or this one before a restart, has published; the handler isn't told of them.
// Of two accounts of one binding the one with the newer CSeq counts, or with another Call-ID the later expiry.
func (u *UA) Restore(restored []Binding) {
	b, now := u.bindings, time.Now()
	b.order.Lock()
	defer b.order.Unlock()
	for _, one := range restored {
		if old, ok := b.get(one); one.Expires.After(now) && (!ok || newer(one, old)) {
			b.put(one)
		}
	}
}

// Forget drops a binding that another edge has published as removed; the handler isn't told. It reports whether there was
// one. It must not be called from Handler.OnBinding.
func (u *UA) Forget(tenant, user, contact string) bool {
	b := u.bindings
	b.order.Lock()
	defer b.order.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, one := range b.byAOR[aor{tenant, user}] {
		if one.Contact == contact {
			b.delete(one, key)
			return true
		}
	}
	return false
}

func newer(one, old Binding) bool {
	if one.CallID == old.CallID && one.CSeq != old.CSeq {
		return one.CSeq > old.CSeq
	}
	return one.Expires.After(old.Expires)
}

// list gives the live bindings of an address of record: higher q first, of equals the fresher one.
func (b *bindings) list(k aor, now time.Time) []Binding {
	b.mu.RLock()
	all := make([]Binding, 0, len(b.byAOR[k]))
	for _, one := range b.byAOR[k] {
		if one.Expires.After(now) && !b.closed(one) {
			all = append(all, one)
		}
	}
	b.mu.RUnlock()
	slices.SortFunc(all, func(x, y Binding) int {
		return cmp.Or(cmp.Compare(y.Q, x.Q), y.Expires.Compare(x.Expires), cmp.Compare(x.Contact, y.Contact))
	})
	return all
}

func (b *bindings) get(one Binding) (Binding, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	old, ok := b.byAOR[aor{one.Tenant, one.User}][bindingKey(one)]
	return old, ok
}

func (b *bindings) put(one Binding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := aor{one.Tenant, one.User}
	if b.byAOR[k] == nil {
		b.byAOR[k] = map[string]Binding{}
	}
	before := len(b.byAOR[k])
	b.byAOR[k][bindingKey(one)] = one
	if b.onPage(one) && !slices.Contains(b.pages[one.Flow], k) {
		b.pages[one.Flow] = append(b.pages[one.Flow], k)
	}
	b.total += len(b.byAOR[k]) - before
	b.wakeAt(b.end(one))
}

// delete wants mu held.
func (b *bindings) delete(one Binding, key string) {
	k := aor{one.Tenant, one.User}
	if _, ok := b.byAOR[k][key]; !ok {
		return
	}
	delete(b.byAOR[k], key)
	b.total--
	if len(b.byAOR[k]) == 0 {
		delete(b.byAOR, k)
	}
}

func (b *bindings) remove(one Binding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delete(one, bindingKey(one))
}

// bindingKey names a binding within its address of record: instance and reg-id (RFC 5626 6), else the Contact.
func bindingKey(one Binding) string { return cmp.Or(one.Instance, contactKey(one.Contact)) }

// end is when we let go of a binding.
func (b *bindings) end(one Binding) time.Time {
	if one.Node != b.u.cfg.Node {
		return one.Expires.Add(foreignGrace)
	}
	return one.Expires
}
