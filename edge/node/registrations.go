package node

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

const registrationKey = "registration/"

// goneBecause is why a device is not registered any more.
var goneBecause = map[sipua.BindingChange]string{
	sipua.BindingRemoved: "removed", sipua.BindingExpired: "expired", sipua.BindingLost: "disconnected",
}

// OnBinding puts a registration on the compacted topic, so that a restarted or second edge knows it, and tells it as an event.
func (n *Node) OnBinding(b sipua.Binding, change sipua.BindingChange) {
	reason, gone := goneBecause[change]
	now, record := time.Now(), any(b)
	if gone {
		record = nil
	}
	n.setState(now, "state.registration", registrationKey+b.Tenant+"/"+b.User+"/"+bindingName(b), record)
	if change == sipua.BindingRefreshed {
		return
	}
	kind := event.UserRegistered
	if gone {
		kind = event.UserUnregistered
	}
	data, _ := json.Marshal(event.Registration{Tenant: b.Tenant, At: now, User: b.User, Contact: b.Contact,
		UserAgent: b.UserAgent, ExpiresAt: b.Expires, Reason: reason})
	n.publish(events.Event{ID: newEventID(), Type: event.Prefix + kind, Source: n.source, Subject: b.Tenant + "/" + b.User,
		Time: now, Topic: events.TopicCalls, Key: "user/" + b.Tenant + "/" + b.User, Data: data})
}

// bindingName: a phone with an instance keeps its binding when its Contact changes (RFC 5626 6).
func bindingName(b sipua.Binding) string { return cmp.Or(b.Instance, b.Contact) }

// setState puts a record on the compacted topic; nil takes it away.
func (n *Node) setState(at time.Time, kind, key string, record any) {
	e := events.Event{ID: newEventID(), Type: event.Prefix + kind, Source: n.source, Time: at, Topic: events.TopicState, Key: key}
	if record != nil {
		e.Data, _ = json.Marshal(record) // strings, numbers and times always marshal
	}
	n.publish(e)
}

func (n *Node) publish(e events.Event) {
	if err := n.cfg.Events.Publish(e); err != nil {
		n.metrics.unpublished.Inc()
		n.log.Error("event not taken by the log", "type", e.Type, "key", e.Key, "err", err)
	}
}

func newEventID() string { return "evt_" + strings.TrimPrefix(newCallID(time.Now()), "call_") }

// OnGateway keeps and logs the state of a gateway's registration.
func (n *Node) OnGateway(gateway string, registered bool, err error) {
	n.gateways.Store(gateway, registered)
	switch {
	case registered:
		n.log.Info("gateway registered", "gateway", gateway)
	case err != nil:
		n.log.Warn("gateway not registered", "gateway", gateway, "err", err)
	}
}

// OnState takes a record of the compacted topic: registrations known to other edges or before a restart. A record that
// cannot be read is logged and left: it must not keep an edge from its work.
func (n *Node) OnState(key string, data []byte) {
	if name, ok := strings.CutPrefix(key, lampKey); ok && len(data) > 0 {
		n.onLamp(name, data)
		return
	}
	name, ok := strings.CutPrefix(key, registrationKey)
	if !ok {
		return
	}
	if len(data) == 0 {
		n.forget(name)
		return
	}
	var b sipua.Binding
	if err := json.Unmarshal(data, &b); err != nil || !strings.HasPrefix(name, b.Tenant+"/"+b.User+"/") {
		n.log.Warn("registration on the log cannot be read", "key", key, "err", err)
		return
	}
	n.ua.Restore([]sipua.Binding{b})
}

func (n *Node) forget(name string) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) != 3 {
		return
	}
	contact := parts[2]
	for _, b := range n.ua.Bindings(parts[0], parts[1]) {
		if bindingName(b) == parts[2] {
			contact = b.Contact
		}
	}
	n.ua.Forget(parts[0], parts[1], contact)
}
