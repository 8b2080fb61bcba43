package history

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func environment(t *testing.T, database string, keys ...config.APIKey) fn.Env {
	cfg := &config.Config{Keys: keys, History: config.History{Database: database}}
	data := t.TempDir()
	return fn.Env{Config: func() *config.Config { return cfg }, Data: data, Folder: data, Logger: slog.New(slog.DiscardHandler), Getenv: os.Getenv}
}

func start(t *testing.T, env fn.Env) *fn.Function {
	t.Helper()
	f, err := open(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func delivered(t testing.TB, kind string, data any) events.Delivered {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return events.Delivered{Event: events.Event{ID: "e", Type: event.Prefix + kind, Data: raw}}
}

// story is the events of one call that 101 and then 105 spoke with.
func story(t testing.TB, id, tenant, from, to string, at time.Time) []events.Delivered {
	base := func(seq int64, after time.Duration) event.Base {
		return event.Base{CallID: id, Tenant: tenant, Seq: seq, At: at.Add(after)}
	}
	answered, bridged := at.Add(time.Second), at.Add(5*time.Second)
	ringing := event.Call{Base: base(1, 0), Direction: "inbound", From: from, FromName: "Anna", To: to, Trunk: "local"}
	answer := ringing
	answer.Base = base(3, time.Second)
	return []events.Delivered{
		delivered(t, event.CallRinging, ringing),
		delivered(t, event.CallAnswered, answer),
		delivered(t, event.CallBridged, event.Leg{Base: base(7, 5*time.Second), Leg: 2, AgentNumber: "101", AgentName: "Ilze"}),
		delivered(t, event.CallBridged, event.Leg{Base: base(9, 9*time.Second), Leg: 3, AgentNumber: "105", AgentName: "Juris"}),
		delivered(t, event.CallHangup, event.Hangup{
			Base: base(12, 20*time.Second), Cause: event.Cause{Class: "normal", Reason: "hangup", SIP: 200}, By: "caller", Direction: "inbound",
			From: from, FromName: "Anna", To: to, Trunk: "local", Agent: "105", AgentName: "Juris", CreatedAt: at, AnsweredAt: &answered, BridgedAt: &bridged,
			DurationMS: 20000, TalkMS: 15000, Legs: []event.LegEnd{{Leg: 1, Direction: "inbound"}, {Leg: 2, Direction: "outbound", Target: "user:101", AnsweredAt: &bridged, Cause: event.Cause{Class: "normal"}}},
		}),
	}
}

func feed(t testing.TB, f *fn.Function, list ...events.Delivered) {
	t.Helper()
	for _, d := range list {
		if err := f.Events(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
}

func storeOf(f *fn.Function) *Store { return f.Closer.(*history).store }

func one(t *testing.T, s *Store, id string) Call {
	t.Helper()
	c, ok, err := s.Call(t.Context(), "", id)
	if err != nil || !ok {
		t.Fatalf("call %s: %v %v", id, ok, err)
	}
	return c
}

// databases are those that every test runs on; the e2e build adds PostgreSQL.
var databases = map[string]func(t *testing.T) string{"sqlite": func(*testing.T) string { return "" }}

func onEach(t *testing.T, test func(t *testing.T, database string)) {
	for name, where := range databases {
		t.Run(name, func(t *testing.T) { test(t, where(t)) })
	}
}

func TestCallHasItsRowFromRingingToTheEnd(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		list := story(t, "call_1", "demo", "+37120001111", "100", began)
		feed(t, f, list[0])
		if c := one(t, storeOf(f), "call_1"); c.Caller != "+37120001111" || c.Called != "100" || c.EndedAt != nil || !c.CreatedAt.Equal(began) {
			t.Fatalf("%+v", c)
		}
		feed(t, f, list[1:]...)
		c := one(t, storeOf(f), "call_1")
		if c.Agent != "105" || c.AgentName != "Juris" || strings.Join(c.Agents, " ") != "101 105" || c.TalkMS != 15000 || c.DurationMS != 20000 {
			t.Fatalf("%+v", c)
		}
		if !c.AnsweredAt.Equal(began.Add(time.Second)) || !c.BridgedAt.Equal(began.Add(5*time.Second)) || !c.EndedAt.Equal(began.Add(20*time.Second)) {
			t.Fatalf("%+v", c.Times)
		}
		if c.Cause.Class != "normal" || c.Cause.SIP != 200 || c.EndedBy != "caller" || c.CallerName != "Anna" || c.Trunk != "local" || !strings.Contains(string(c.Legs), "user:101") {
			t.Fatalf("%+v", c)
		}
	})
}

func TestEventsThatComeAgainChangeNothing(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		list := story(t, "call_1", "demo", "+371", "100", began)
		feed(t, f, list...)
		want := fmt.Sprintf("%+v", one(t, storeOf(f), "call_1"))
		feed(t, f, list[2:]...)
		feed(t, f, list...)
		if got := fmt.Sprintf("%+v", one(t, storeOf(f), "call_1")); len(got) != len(want) {
			t.Fatalf("%s\n%s", got, want)
		}
		other := story(t, "call_1", "other", "evil", "100", began)[4]
		feed(t, f, other)
		if c := one(t, storeOf(f), "call_1"); c.Tenant != "demo" || c.Caller == "evil" || len(c.Agents) != 2 {
			t.Fatalf("another tenant changed it: %+v", c)
		}
	})
}

func TestLastEventAloneMakesTheWholeRow(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		feed(t, f, story(t, "call_1", "demo", "+371", "100", began)[4])
		if c := one(t, storeOf(f), "call_1"); c.Caller != "+371" || !c.CreatedAt.Equal(began) || strings.Join(c.Agents, " ") != "101 105" {
			t.Fatalf("%+v", c)
		}
	})
}

func TestQueriesByCallerCalledAgentAndTime(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		for i := range 5 {
			feed(t, f, story(t, fmt.Sprint("call_", i), "demo", fmt.Sprint("+37", i%2), fmt.Sprint("10", i), began.Add(time.Duration(i)*time.Hour))...)
		}
		feed(t, f, story(t, "call_x", "other", "+370", "100", began)...)
		for text, want := range map[string]string{
			"":                            "4 3 2 1 0",
			"caller=%2B370":               "4 2 0",
			"called=103":                  "3",
			"agent=101&caller=%2B371":     "3 1",
			"agent=999":                   "",
			"from=2026-01-31T14:00:00Z":   "4 3 2",
			"to=2026-01-31T14:00:00Z":     "1 0",
			"from=2026-02-01":             "",
			"limit=2":                     "4 3",
			"caller=%2B370&agent=105":     "4 2 0",
			"caller=x%00%27%20OR%201%3D1": "",
		} {
			if got := ids(get(t, f, "demo", "?"+text)); got != want {
				t.Errorf("%s: %q, want %q", text, got, want)
			}
		}
	})
}

func TestPagesFollowEachOtherWithoutGapOrDouble(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		for i := range 7 {
			feed(t, f, story(t, fmt.Sprint("call_", i), "demo", "+371", "100", began)[0]) // all at the same time
		}
		var got []string
		next := ""
		for range 4 {
			p := get(t, f, "demo", "?limit=2&cursor="+next)
			got = append(got, ids(p))
			next = p.Next
		}
		if strings.Join(got, " ") != "6 5 4 3 2 1 0" || next != "" {
			t.Fatalf("%v %q", got, next)
		}
	})
}

func ids(p Page) string {
	var all []string
	for _, c := range p.Calls {
		all = append(all, strings.TrimPrefix(c.ID, "call_"))
	}
	return strings.Join(all, " ")
}

func ask(f *fn.Function, tenant, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/history/calls"+path, nil)
	pages(storeOf(f), slog.New(slog.DiscardHandler)).ServeHTTP(w, r.WithContext(fn.WithTenant(r.Context(), tenant)))
	return w
}

func get(t *testing.T, f *fn.Function, tenant, query string) (p Page) {
	t.Helper()
	w := ask(f, tenant, query)
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", query, w.Code, w.Body)
	}
	return p
}

func TestATenantSeesItsOwnCallsOnly(t *testing.T) {
	f := start(t, environment(t, "", config.APIKey{Name: "a", Key: config.Secret{Value: "key-a"}, Tenant: "a"}, config.APIKey{Name: "all", Key: config.Secret{Value: "key-all"}}))
	feed(t, f, story(t, "call_1", "a", "+371", "100", began)...)
	feed(t, f, story(t, "call_2", "b", "+371", "100", began)...)
	for _, tt := range []struct {
		key, path string
		status    int
		has, not  string
	}{
		{"", "", 401, "unauthorized", "call_"},
		{"wrong", "", 401, "unauthorized", "call_"},
		{"key-a", "", 200, "call_1", "call_2"},
		{"key-a", "?tenant=b", 403, "forbidden", "call_"},
		{"key-a", "/call_2", 404, "not_found", "+371"},
		{"key-a", "/call_1", 200, "+371", "call_2"},
		{"key-all", "", 200, "call_2", "nothing"},
		{"key-all", "?tenant=a", 200, "call_1", "call_2"},
		{"key-all", "?limit=0", 400, "bad_limit", "call_"},
		{"key-all", "?from=yesterday", 400, "bad_time", "call_"},
		{"key-all", "?cursor=zz", 400, "bad_cursor", "call_"},
		{"key-all", "?limit=x", 400, `bad_limit","detail":"limit is a number from 1 to 500, not \"x\""`, "call_"},
		{"key-all", "?limit=-1", 400, "bad_limit", "call_"},
		{"key-all", "?limit=5&limit=6", 400, "repeated_parameter", "call_"},
		{"key-all", "?caller=%zz", 400, "bad_query", "call_"},
		{"key-all", "?who=1", 400, "unknown_parameter", "call_"},
		{"key-all", "/call_1?limit=1", 400, "unknown_parameter", "+371"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/history/calls"+tt.path, nil)
		if tt.key != "" {
			r.Header.Set("Authorization", "Bearer "+tt.key)
		}
		f.Pages.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != tt.status || !strings.Contains(body, tt.has) || strings.Contains(body, tt.not) {
			t.Errorf("%+v: %d %s", tt, w.Code, body)
		}
	}
}

func TestPartitionsSideBySideAllArrive(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		f := start(t, environment(t, database))
		var wg sync.WaitGroup
		for p := range 12 {
			wg.Go(func() {
				for i := range 5 {
					feed(t, f, story(t, fmt.Sprint("call_", p, "_", i), "demo", "+371", "100", began)...)
				}
			})
		}
		wg.Wait()
		if p := get(t, f, "", "?limit=500"); len(p.Calls) != 60 {
			t.Fatal(len(p.Calls))
		}
	})
}

func TestEventsWithoutACallAreRefusedAndOthersLeftAlone(t *testing.T) {
	f := start(t, environment(t, ""))
	for _, data := range []string{`{}`, `[]`, `{"call_id":"c","tenant":"t","seq":0}`} {
		if err := f.Events(t.Context(), events.Delivered{Event: events.Event{Type: "offhook.call.ringing", Data: []byte(data)}}); err == nil {
			t.Errorf("%s was taken", data)
		}
	}
	feed(t, f, events.Delivered{Event: events.Event{Type: "offhook.custom.x", Data: []byte(`{}`)}})
}

// signal is a log that tells of each line.
type signal chan struct{}

func (s signal) Write(p []byte) (int, error) {
	s <- struct{}{}
	return len(p), nil
}

func TestDatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	env := environment(t, "")
	warned := make(chan struct{}, 100)
	env.Logger = slog.New(slog.NewTextHandler(signal(warned), nil))
	f := start(t, env)
	s := storeOf(f)
	if _, err := s.write.Exec(`ALTER TABLE calls RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Events(context.Background(), story(t, "call_1", "demo", "+371", "100", began)[0]) }()
	select {
	case err := <-done:
		t.Fatalf("given up: %v", err)
	case <-warned:
	}
	if _, err := s.write.Exec(`ALTER TABLE away RENAME TO calls`); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	one(t, s, "call_1")
}

func TestFileOfTheDatabaseIsRelativeToTheConfiguration(t *testing.T) {
	env := environment(t, "my calls.db")
	start(t, env)
	if _, err := os.Stat(filepath.Join(env.Folder, "my calls.db")); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkProjection(b *testing.B) {
	s, _, err := Open(context.Background(), filepath.Join(b.TempDir(), "h.db"))
	if err != nil {
		b.Fatal(err)
	}
	w := newWriter(s)
	defer func() { w.stop(); s.Close() }()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 12 {
		wg.Go(func() {
			for i := range work {
				r, err := project(story(b, fmt.Sprint("call_", i), "demo", "+371", "100", began)[4])
				if err == nil {
					err = w.write(context.Background(), r)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	wg.Wait()
}

func TestADatabaseThatIsAwayIsWaitedFor(t *testing.T) {
	f := start(t, environment(t, "postgres://h:hidden@127.0.0.1:1/x"))
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := f.Events(short, story(t, "call_1", "demo", "+371", "100", began)[0]); err == nil || short.Err() == nil {
		t.Errorf("the event is not held back: %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/history/calls", nil)
	w := httptest.NewRecorder()
	pages(storeOf(f), slog.New(slog.DiscardHandler)).ServeHTTP(w, r.WithContext(fn.WithTenant(r.Context(), "")))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"database_away"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTablesAreMadeOnceTheDatabaseIsThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "later")
	s, err := connect(filepath.Join(folder, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Calls(t.Context(), Query{}); err == nil {
		t.Fatal("a database without a folder")
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if page, err := s.Calls(t.Context(), Query{}); err != nil || len(page.Calls) != 0 {
		t.Errorf("%v %v", page, err)
	}
}

func TestADatabaseThatIsNoneStopsTheStartAndShowsNoPassword(t *testing.T) {
	for where, want := range map[string]string{
		"postgres://h:hidden@127.0.0.1:no/x":        "history.database: cannot be read; expected a URL such as postgres://",
		"postgres://h:hid den@127.0.0.1:5432/x":     "history.database: cannot be read",
		"postgres://h:hidden@127.0.0.1/x?sslmode=x": "history.database: cannot be read",
		"mysql://h:hidden@127.0.0.1/x":              "history.database: expected a file or a postgres:// URL, found one of mysql://",
		"none/here.db":                              "none/here.db: ",
	} {
		if _, err := open(t.Context(), environment(t, where)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hid") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	env := environment(t, "")
	f := start(t, env)
	feed(t, f, story(t, "call_1", "demo", "+371", "100", began)...)
	files, err := filepath.Glob(filepath.Join(env.Data, "history.db*"))
	if err != nil || len(files) < 2 { // the journal too
		t.Fatalf("%v %v", files, err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}
