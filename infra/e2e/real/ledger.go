package real

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
)

// Ledger is what the event log has, read from the broker itself, by call and in the log's order.
type Ledger struct {
	Calls  map[string][]Event
	IDs    map[string]int // event id -> how often
	Total  int            // records of calls
	Double int            // records that came again
}

// ReadLog reads the whole log up to its present end.
func ReadLog(t *testing.T, kafka events.Kafka) *Ledger {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	l := &Ledger{Calls: map[string][]Event{}, IDs: map[string]int{}}
	must(t, events.Tail(ctx, kafka, events.TailConfig{From: events.FromBeginning, Stop: true}, l.take))
	must(t, ctx.Err())
	return l
}

// take keeps the first of each id: at least once is what the log promises.
func (l *Ledger) take(d events.Delivered) error {
	l.IDs[d.ID]++
	if !strings.HasPrefix(d.Subject, "call_") {
		return nil
	}
	if l.Total++; l.IDs[d.ID] > 1 {
		l.Double++
		return nil
	}
	e := Event{ID: d.ID, Type: d.Type, Subject: d.Subject, Time: d.Time}
	if err := json.Unmarshal(d.Data, &e.Data); err != nil {
		return err
	}
	l.Calls[d.Subject] = append(l.Calls[d.Subject], e)
	return nil
}

// Check holds every call against what must be true: seq 1, 2, 3 ... in the log's own order, and one final event, which is the last.
// Calls that cut says true of may lack their end.
func (l *Ledger) Check(t *testing.T, cut func(call string) bool) {
	t.Helper()
	faults := 0
	for id, all := range l.Calls {
		fault := timelineFault(all, cut != nil && cut(id))
		if fault == "" {
			continue
		}
		if faults++; faults <= 5 {
			t.Errorf("call %s: %s", id, fault)
		}
	}
	if faults > 5 {
		t.Errorf("%d of %d calls have faults", faults, len(l.Calls))
	}
}

func timelineFault(all []Event, cut bool) string {
	for i, e := range all {
		if e.Seq() != i+1 {
			return "event " + e.ID + " (" + e.Type + ") out of order; the call has " + strings.Join(kinds(all), " ")
		}
		if final := e.Type == "offhook.call.hangup"; final && i != len(all)-1 || !final && i == len(all)-1 && !cut {
			return e.Type + " is event " + e.ID + " of " + strings.Join(kinds(all), " ")
		}
	}
	return ""
}

func kinds(all []Event) []string {
	list := make([]string, 0, len(all))
	for _, e := range all {
		list = append(list, strings.TrimPrefix(e.Type, "offhook."))
	}
	return list
}

// Ended counts the calls with a final event.
func (l *Ledger) Ended() int {
	n := 0
	for _, all := range l.Calls {
		if all[len(all)-1].Type == "offhook.call.hangup" {
			n++
		}
	}
	return n
}

// Of are the calls to a number.
func (l *Ledger) Of(number string) [][]Event {
	var list [][]Event
	for _, all := range l.Calls {
		if all[0].Data["to"] == number {
			list = append(list, all)
		}
	}
	return list
}

// Find is the first event of a type in a timeline.
func Find(all []Event, kind string) (Event, bool) {
	i := slices.IndexFunc(all, func(e Event) bool { return e.Type == "offhook."+kind })
	if i < 0 {
		return Event{}, false
	}
	return all[i], true
}

// Cause of a call's end: class and reason.
func Cause(all []Event) string {
	cause, _ := all[len(all)-1].Data["cause"].(map[string]any)
	class, _ := cause["class"].(string)
	reason, _ := cause["reason"].(string)
	return class + "/" + reason
}
