package eventstest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/offhook/offhook/events"
)

func (e *env) stateEvent(name, data string) events.Event {
	ev := events.Event{
		ID: e.name + name + data, Type: "offhook.user.registered", Source: "/offhook/edge/suite",
		Topic: events.TopicState, Key: "call_" + e.name + "_" + name,
	}
	if data != "" {
		ev.Data = []byte(data)
	}
	return ev
}

// follow runs State into an inbox and gives what had come when it was loaded.
func (e *env) follow() (box *inbox, loaded []events.Delivered) {
	box = e.inbox()
	ready := make(chan []events.Delivered, 1)
	e.start(func(ctx context.Context) error {
		return events.State(ctx, e.kafka, events.StateHandlers{Record: box.put, Loaded: func() { ready <- box.all() }})
	})
	return box, receive(e, ready)
}

// newest gives each key's last data.
func newest(list []events.Delivered) map[string]string {
	out := map[string]string{}
	for _, d := range list {
		name := d.Key[strings.LastIndexByte(d.Key, '_')+1:]
		if out[name] = string(d.Data); d.Data == nil {
			out[name] = "gone"
		}
	}
	return out
}

func state(e *env) {
	l := e.open()
	e.publish(l, e.stateEvent("a", `{"v":1}`), e.stateEvent("b", `{"v":1}`), e.stateEvent("a", `{"v":2}`), e.stateEvent("b", ""))
	e.drain(l)
	box, loaded := e.follow()
	if got := newest(loaded); got["a"] != `{"v":2}` || got["b"] != "gone" {
		e.t.Errorf("loaded %v", got)
	}
	n := len(loaded)
	e.publish(l, e.stateEvent("c", `{"v":3}`), e.stateEvent("a", ""))
	got := newest(box.await("the changes", atLeast(n+2)))
	if got["c"] != `{"v":3}` || got["a"] != "gone" {
		e.t.Errorf("followed to %v", got)
	}
}

func compaction(e *env) {
	l := e.open()
	for i := range 50 {
		e.publish(l, e.stateEvent("a", fmt.Sprintf(`{"v":%d}`, i)), e.stateEvent("b", fmt.Sprintf(`{"v":%d}`, i)))
		e.drain(l) // batches of their own: the last is never compacted
	}
	e.hooks.Compact(e.t)
	_, loaded := e.follow()
	if len(loaded) >= 100 {
		e.t.Errorf("%d records are left of 100", len(loaded))
	}
	if got := newest(loaded); got["a"] != `{"v":49}` || got["b"] != `{"v":49}` {
		e.t.Errorf("loaded %v", got)
	}
}

func restart(e *env) {
	const calls, each = 12, 60
	l, box := e.open(), e.inbox()
	e.consume(events.ConsumerConfig{}, box.handle)
	for seq := 1; seq <= each; seq++ {
		for c := range calls {
			e.publish(l, e.event(e.call(c), seq))
		}
		switch seq {
		case each / 3:
			box.await("the first third", distinct(calls*each/3))
		case each / 2:
			e.hooks.Restart(e.t)
		}
	}
	e.drain(l)
	list := box.await("all events", distinct(calls*each))
	e.inOrder(list, calls, each)
	all, err := events.Call(e.ctx, e.kafka, e.call(0))
	if err != nil || !slices.IsSortedFunc(all, func(a, b events.Delivered) int { return seqOf(a) - seqOf(b) }) || len(all) != each {
		e.t.Errorf("the log has %d events of a call, %v", len(all), err)
	}
}
