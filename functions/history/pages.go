package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/functions/fn"
)

// pages are GET /history/calls and GET /history/calls/{id}.
func pages(s *Store, log *slog.Logger) http.Handler {
	p := &page{store: s, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /history/calls", p.calls)
	mux.HandleFunc("GET /history/calls/{id}", p.call)
	mux.HandleFunc("/history/", func(w http.ResponseWriter, r *http.Request) {
		fn.Fail(w, fn.Problem(http.StatusNotFound, "not_found", "there are GET /history/calls and GET /history/calls/{id}"))
	})
	return mux
}

type page struct {
	store *Store
	log   *slog.Logger
}

func (p *page) calls(w http.ResponseWriter, r *http.Request) {
	q, err := parse(r.URL.RawQuery)
	if err == nil {
		q.Tenant, err = scope(r, q.Tenant)
	}
	if err != nil {
		fn.Fail(w, err)
		return
	}
	found, err := p.store.Calls(r.Context(), q)
	if errors.Is(err, ErrCursor) {
		fn.Fail(w, fn.Problem(http.StatusBadRequest, "bad_cursor", "cursor is the `next` of the page before"))
		return
	}
	p.answer(w, r, found, err)
}

func (p *page) call(w http.ResponseWriter, r *http.Request) {
	tenant, err := scope(r, "")
	if err == nil {
		_, err = given(r.URL.RawQuery, nil)
	}
	if err != nil {
		fn.Fail(w, err)
		return
	}
	c, ok, err := p.store.Call(r.Context(), tenant, clean(r.PathValue("id")))
	if err == nil && !ok {
		fn.Fail(w, fn.Problem(http.StatusNotFound, "not_found", "no such call in the history"))
		return
	}
	p.answer(w, r, c, err)
}

// answer gives v, or tells the log why it cannot; whoever asked only hears that it failed.
func (p *page) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	var raw []byte
	if err == nil {
		raw, err = json.Marshal(v)
	}
	if err != nil {
		p.log.Error("history not answered", "path", r.URL.Path, "err", err)
		if p.store.away(err) {
			err = fn.Problem(http.StatusServiceUnavailable, "database_away", "the database of the history is away; try again later")
		}
		fn.Fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // whoever asked has gone
}

// scope is whose calls a request may see: its key's tenant, else the one that it asks for.
func scope(r *http.Request, asked string) (string, error) {
	tenant, admitted := fn.Tenant(r.Context())
	switch {
	case !admitted:
		return "", fn.Problem(http.StatusUnauthorized, "unauthorized", "give an API key")
	case tenant == "":
		return asked, nil
	case asked != "" && asked != tenant:
		return "", fn.Problem(http.StatusForbidden, "forbidden", "this key is for another tenant")
	}
	return tenant, nil
}

var parameters = []string{"tenant", "caller", "called", "agent", "from", "to", "limit", "cursor"}

// given reads a query that has these parameters alone, each once: what is not understood is not ignored.
func given(query string, names []string) (url.Values, error) {
	refused := func(code, why string) error { return fn.Problem(http.StatusBadRequest, code, why) }
	v, err := url.ParseQuery(query)
	if err != nil {
		return nil, refused("bad_query", "what follows ? is no query: "+err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		switch {
		case len(names) == 0:
			return nil, refused("unknown_parameter", "there are no parameters here")
		case !slices.Contains(names, name):
			return nil, refused("unknown_parameter", fmt.Sprintf("there is no parameter %.64q; there are %s", name, strings.Join(names, ", ")))
		case len(v[name]) > 1:
			return nil, refused("repeated_parameter", name+" is given more than once")
		}
	}
	return v, nil
}

func parse(query string) (Query, error) {
	v, err := given(query, parameters)
	if err != nil {
		return Query{}, err
	}
	q := Query{Tenant: v.Get("tenant"), Caller: v.Get("caller"), Called: v.Get("called"), Agent: v.Get("agent"), Cursor: v.Get("cursor")}
	for _, s := range []*string{&q.Tenant, &q.Caller, &q.Called, &q.Agent} {
		*s = plus(clean(*s))
	}
	if q.From, err = instant("from", v.Get("from")); err != nil {
		return q, err
	}
	if q.To, err = instant("to", v.Get("to")); err != nil {
		return q, err
	}
	if text := v.Get("limit"); text != "" {
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
			return q, fn.Problem(http.StatusBadRequest, "bad_limit", fmt.Sprintf("limit is a number from 1 to %d, not %.64q", MaxLimit, text))
		}
	}
	return q, nil
}

// plus undoes what a query does to the + of a number that was not escaped.
func plus(s string) string {
	if rest, ok := strings.CutPrefix(s, " "); ok {
		return "+" + rest
	}
	return s
}

// instant reads a time: RFC 3339, or a day in UTC.
func instant(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	text = strings.ReplaceAll(text, " ", "+") // of a time zone, not escaped
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fn.Problem(http.StatusBadRequest, "bad_time",
		fmt.Sprintf("%s is a time such as 2026-01-31T12:00:00Z or a day such as 2026-01-31, not %.64q", name, text))
}
