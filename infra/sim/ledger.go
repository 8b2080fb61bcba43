package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// ledger is the log of a run: what was published, by call.
type ledger struct {
	mu    sync.Mutex
	calls map[string][]entry // by call id
	users int                // events about registrations
}

// entry is one event of a call.
type entry struct {
	id   string
	kind string // without "offhook."
	seq  int64
	at   time.Time
	data []byte
}

// Publish is events.Publisher.
func (l *ledger) Publish(e events.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var base event.Base
	if err := json.Unmarshal(e.Data, &base); err != nil || base.CallID == "" {
		l.users++
		return nil
	}
	l.calls[e.Key] = append(l.calls[e.Key], entry{e.ID, strings.TrimPrefix(e.Type, event.Prefix), base.Seq, base.At, bytes.Clone(e.Data)})
	return nil
}

// lines are the events of all calls in an order that does not depend on the run: by the call's name and seq.
func (l *ledger) lines(nameOf func(string) string, zero time.Time) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for id, list := range l.calls {
		name := nameOf(id)
		for _, e := range list {
			if strings.Contains(string(e.data), `"with_call"`) {
				e.data = callIDs.ReplaceAllFunc(e.data, func(other []byte) []byte {
					if string(other) == id {
						return other
					}
					return []byte(nameOf(string(other)))
				})
			}
			data := statistics.ReplaceAllString(strings.ReplaceAll(string(e.data), strings.TrimPrefix(id, "call_"), name), "")
			all = append(all, fmt.Sprintf("%s %04d %12s %-15s %s", name, e.seq, e.at.Sub(zero), e.kind, data))
		}
	}
	slices.Sort(all)
	return all
}

// statistics of the media are not compared: when a call ends at the very instant of a frame, either may be first.
var statistics = regexp.MustCompile(`,?"media":\{[^}]*\}`)

// first event of a kind.
func first(list []entry, kind string) (entry, bool) {
	i := slices.IndexFunc(list, func(e entry) bool { return e.kind == kind })
	if i < 0 {
		return entry{}, false
	}
	return list[i], true
}

// twice the same event is one: the log promises at least once.
func distinct(list []entry) []entry {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(e entry) bool {
		again := seen[e.id]
		seen[e.id] = true
		return again
	})
}
