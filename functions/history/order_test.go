package history

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// moved is a call whose caller was replaced and whose last agent has no name.
func moved(t *testing.T, id string) []events.Delivered {
	list := story(t, id, "demo", "+371", "100", began)
	base := event.Base{CallID: id, Tenant: "demo", Seq: 9, At: began.Add(9 * time.Second)}
	list[3] = delivered(t, event.CallBridged, event.Leg{Base: base, Leg: 3, CallerNumber: "+372", CallerName: "Berta", AgentNumber: "+373"})
	var end event.Hangup
	if err := json.Unmarshal(list[4].Data, &end); err != nil {
		t.Fatal(err)
	}
	end.From, end.FromName, end.Agent, end.AgentName = "+372", "Berta", "+373", ""
	list[4] = delivered(t, event.CallHangup, end)
	return list
}

// permutations calls with every order of 0 to n-1.
func permutations(n int, with func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var from func(int)
	from = func(at int) {
		if at == n {
			with(order)
			return
		}
		for i := at; i < n; i++ {
			order[at], order[i] = order[i], order[at]
			from(at + 1)
			order[at], order[i] = order[i], order[at]
		}
	}
	from(0)
}

func asJSON(t *testing.T, c Call) string {
	t.Helper()
	c.ID = ""
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEventsMakeTheSameRowInAnyOrder(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		feed(t, f, moved(t, "call_0")...)
		want := asJSON(t, one(t, storeOf(f), "call_0"))
		n := 0
		permutations(5, func(order []int) {
			n++
			id := fmt.Sprint("call_", n)
			list := moved(t, id)
			for _, i := range order {
				feed(t, f, list[i], list[i])
			}
			if got := asJSON(t, one(t, storeOf(f), id)); got != want {
				t.Errorf("%v:\n%s\n%s", order, got, want)
			}
		})
	})
}

func TestAnAgentWithoutANameHasNotTheNameOfTheOneBefore(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		feed(t, f, moved(t, "call_1")...)
		if c := one(t, storeOf(f), "call_1"); c.Agent != "+373" || c.AgentName != "" || c.Caller != "+371" || c.CallerName != "Anna" {
			t.Fatalf("%+v", c)
		}
	})
}

func TestAgentsAreThoseWhoSpokeWithTheCaller(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		list := story(t, "call_1", "demo", "+371", "100", began)
		var end event.Hangup
		if err := json.Unmarshal(list[4].Data, &end); err != nil {
			t.Fatal(err)
		}
		at := began.Add(time.Second)
		for _, l := range []event.LegEnd{
			{Direction: "inbound", Target: "number:+371", Cause: event.Cause{Class: "normal", Reason: "transferred"}},
			{Direction: "outbound", Target: "user:107", Cause: event.Cause{Class: "refused", Reason: "not_confirmed"}},
			{Direction: "outbound", Target: "user:108", Cause: event.Cause{Class: "cancelled", Reason: "completed_elsewhere"}},
			{Direction: "lent", Target: "user:109", Cause: event.Cause{Class: "normal", Reason: "transferred"}},
		} {
			l.AnsweredAt = &at
			end.Legs = append(end.Legs, l)
		}
		list[4] = delivered(t, event.CallHangup, end)
		feed(t, f, list...)
		if c := one(t, storeOf(f), "call_1"); strings.Join(c.Agents, " ") != "101 105 109" {
			t.Errorf("%v", c.Agents)
		}
	})
}

func TestNumbersAreFoundHoweverTheyAreWritten(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		feed(t, f, story(t, "call_1", "demo", "+37120001111", "00 an.na/1", began)...)
		feed(t, f, story(t, "call_2", "demo", "0037120001111", "67", began.Add(time.Second))...)
		feed(t, f, story(t, "call_3", "demo", "37120001111", "+67000001", began.Add(2*time.Second))...)
		feed(t, f, story(t, "call_4", "demo", "anna", "100", began.Add(3*time.Second))...)
		for text, want := range map[string]string{
			"caller=%2B37120001111":          "3 2 1",
			"caller=+37120001111":            "3 2 1", // the + that a query makes a space of
			"caller=0037120001111":           "3 2 1",
			"caller=37120001111":             "3 2 1",
			"caller=%2B371+2000-1111":        "3 2 1",
			"caller=20001111":                "",
			"caller=anna":                    "4",
			"caller=an%25":                   "",
			"called=67":                      "2",
			"called=00+an.na/1":              "1",
			"called=67000001":                "3",
			"from=2026-01-31T14:00:01+02:00": "4 3 2", // the same + in a time
		} {
			if got := ids(get(t, f, "demo", "?"+text)); got != want {
				t.Errorf("%s: %q, want %q", text, got, want)
			}
		}
	})
}

func TestAnIDThatNoCallHasIsNotFound(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		for _, id := range []string{"/call_1", "/%00", "/%ff"} {
			if w := ask(f, "demo", id); w.Code != http.StatusNotFound {
				t.Errorf("%s: %d %s", id, w.Code, w.Body)
			}
		}
	})
}

func TestNoQueryReadsTheWholeHistory(t *testing.T) {
	f := start(t, environment(t, ""))
	next := cursor(Call{ID: "call_1", Times: Times{CreatedAt: began}})
	for _, q := range []Query{
		{}, {Tenant: "demo"}, {Cursor: next}, {Tenant: "demo", Cursor: next},
		{Caller: "100"}, {Tenant: "demo", Caller: "+37120001111"}, {Called: "100"}, {Tenant: "demo", Called: "+37120001111"},
		{Agent: "101"}, {Tenant: "demo", Agent: "101"},
	} {
		for _, step := range plan(t, storeOf(f), q) {
			all := strings.HasPrefix(step, "SCAN") && step != "SCAN calls USING INDEX calls_all_time"
			paged := q.Cursor != "" && !strings.Contains(step, "(created_at,id)<(?,?)")
			one := (q.Caller+q.Called+q.Agent) != "" && strings.HasPrefix(step, "SEARCH calls USING INDEX calls_time")
			if all || paged || one {
				t.Errorf("%+v: %s", q, step)
			}
		}
	}
}

func plan(t *testing.T, s *Store, q Query) (steps []string) {
	t.Helper()
	where, args, err := s.where(q)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.read.Query(`EXPLAIN QUERY PLAN SELECT `+columns+` FROM calls`+where+s.order(q)+` LIMIT 51`, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return steps
}
