// Package api is the REST interface: health, metrics, live calls, timelines from the log, originate and hang-up, events as SSE.
// It keeps no state of calls: the node has the live ones, the log has the rest.
package api

import (
	"cmp"
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// Calls is what the API needs of the node.
type Calls interface {
	Calls(tenant string) []node.View
	Call(id string) (node.View, error)
	Originate(node.Origination) (node.View, error)
	HangUp(id string) error
	Replace(id string, doc verb.Document) error
	Beside(id string, doc verb.Document, agent bool) error
	Conferences(tenant string) []node.Conference
	Queues(tenant string) []node.Queue
	Parked(tenant string) []node.Waiting
	Registrations(tenant string) []sipua.Binding
}

// Log is what the API needs of the event log.
type Log interface {
	// Follow hands over events as they come, from now on, until ctx ends or f errs.
	Follow(ctx context.Context, f func(events.Delivered) error) error
	// Timeline is one call's events, in order; empty when the log knows no such call.
	Timeline(ctx context.Context, call string) ([]events.Delivered, error)
}

// Config of the API. All but Pages and Metrics are needed.
type Config struct {
	Calls      Calls
	Log        Log
	Recent     func(n int) []events.Delivered // the newest events, oldest first
	Tenants    func() *config.Config
	Recordings Recordings   // nil: there are none
	Audio      Audio        // samples; nil: there are none
	Ready      func() error // nil error: calls can be taken
	Metrics    http.Handler
	Schemas    fs.FS        // served below /v1/schemas/
	Pages      http.Handler // "/": the page
	SIP        http.Handler // "/sip": SIP over WebSocket, which asks for passwords of its own; nil: there is none
	// Open admits requests without a key from loopback, as `offhook dev` does, when no foreign page sent them.
	Open   bool
	Logger *slog.Logger
}

// New makes the handler.
func New(cfg Config) http.Handler {
	a := &api{Config: cfg, seen: newIdempotency(10_000), uploading: make(chan struct{}, uploads)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", a.guard("metrics:read", func(w http.ResponseWriter, r *http.Request, _ caller) { cfg.Metrics.ServeHTTP(w, r) }, anyParameter))
	mux.Handle("GET /v1/calls", a.guard("calls:read", a.listCalls))
	mux.Handle("POST /v1/calls", a.guard("calls:write", a.originate))
	mux.Handle("GET /v1/calls/{id}", a.guard("calls:read", a.getCall))
	mux.Handle("GET /v1/calls/{id}/events", a.guard("calls:read", a.timeline))
	mux.Handle("PUT /v1/calls/{id}/verbs", a.guard("calls:write", a.replace))
	mux.Handle("POST /v1/calls/{id}/verbs", a.guard("calls:write", a.beside))
	mux.Handle("GET /v1/conferences", a.guard("calls:read", a.conferences))
	mux.Handle("GET /v1/queues", a.guard("calls:read", a.queues))
	mux.Handle("GET /v1/parked", a.guard("calls:read", a.parked))
	mux.Handle("DELETE /v1/calls/{id}", a.guard("calls:write", a.hangUp))
	mux.Handle("GET /v1/recordings/{id}", a.guard("calls:read", a.recording))
	mux.Handle("GET /v1/events", a.guard("events:read", a.stream, "call", "type"))
	mux.Handle("GET /v1/events/recent", a.guard("events:read", a.recent, "call", "limit", "type"))
	mux.Handle("GET /v1/registrations", a.guard("calls:read", a.registrations))
	a.audioRoutes(mux)
	mux.Handle("GET /v1/schemas/", a.guard("", a.schema))
	if cfg.SIP != nil {
		mux.Handle("GET /sip", cfg.SIP)
	}
	pages := http.NewServeMux()
	if cfg.Pages != nil {
		pages.Handle("/", a.guard("console", func(w http.ResponseWriter, r *http.Request, _ caller) { cfg.Pages.ServeHTTP(w, r) }, anyParameter))
	}
	return &router{api: mux, pages: pages}
}

// router goes to the resources, else to the pages; what neither has is told by a problem document.
type router struct{ api, pages *http.ServeMux }

func (m *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := m.api.Handler(r); pattern != "" {
		m.api.ServeHTTP(w, r)
		return
	}
	if allowed := m.allowed(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		fail(w, http.StatusMethodNotAllowed, "method_not_allowed", r.URL.Path+" takes "+strings.Join(allowed, ", "))
		return
	}
	if _, pattern := m.pages.Handler(r); pattern != "" && !strings.HasPrefix(r.URL.Path, "/v1/") {
		m.pages.ServeHTTP(w, r)
		return
	}
	fail(w, http.StatusNotFound, "not_found", "no such resource: "+r.Method+" "+r.URL.Path)
}

// allowed are the methods that a path's resource has.
func (m *router) allowed(r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		with := r.Clone(r.Context())
		with.Method = method
		if _, pattern := m.api.Handler(with); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

func (a *api) schema(w http.ResponseWriter, r *http.Request, _ caller) {
	name := strings.TrimPrefix(r.URL.Path, "/v1/schemas/")
	if _, err := fs.Stat(a.Schemas, cmp.Or(strings.TrimSuffix(name, "/"), ".")); err != nil {
		fail(w, http.StatusNotFound, "no_such_schema", "no schema "+name)
		return
	}
	http.StripPrefix("/v1/schemas/", http.FileServerFS(a.Schemas)).ServeHTTP(w, r)
}

type api struct {
	Config
	seen      *idempotency
	uploading chan struct{} // one for each upload
}

func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.Ready(); err != nil {
		fail(w, http.StatusServiceUnavailable, "not_ready", err.Error())
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Faults any    `json:"faults,omitempty"`
}

func fail(w http.ResponseWriter, status int, code, detail string) {
	failWith(w, Problem{Status: status, Code: code, Detail: detail})
}

func failWith(w http.ResponseWriter, p Problem) {
	p.Type, p.Title = "urn:offhook:problem:"+p.Code, http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away: nothing to do
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went away: nothing to do
}
