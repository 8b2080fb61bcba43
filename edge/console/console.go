// Package console is the page at "/": live calls, their events and mails, rendered on the server and refreshed by the stream
// of events. It reads; it does not change calls.
package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/edge/sipua"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/format"
)

//go:embed page.html style.css page.js icon.svg
var files embed.FS

// Config of the console.
type Config struct {
	Calls         func(tenant string) []node.View // all tenants' when empty
	Registrations func(tenant string) []sipua.Binding
	Gateways      func(tenant string) []node.Gateway
	Recent        func(n int) []events.Delivered
	Tenant        func(*http.Request) string // who looks: sees this tenant's things only, everything when empty; nil: everything
	Facts         []Fact                     // what to dial, where mails go ...
	Logger        *slog.Logger
}

// Fact is one line of the page's head, of one tenant when Tenant is set.
type Fact struct{ Name, Value, Tenant string }

// New makes the handler.
func New(cfg Config) http.Handler {
	c := &console{Config: cfg, page: template.Must(template.New("page.html").Funcs(template.FuncMap{
		"clock": func(t time.Time) string { return t.Local().Format("15:04:05.000") },
		"types": func() string {
			return strings.Join(slices.Concat(format.FullEvents, []string{event.UserRegistered, event.UserUnregistered}), " ")
		},
		"since": func(t time.Time) string { return time.Since(t).Truncate(time.Second).String() },
	}).ParseFS(files, "page.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.render("page.html"))
	mux.HandleFunc("GET /parts", c.render("parts"))
	mux.HandleFunc("GET /style.css", asset("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /page.js", asset("page.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /favicon.ico", asset("icon.svg", "image/svg+xml")) // browsers ask for it beside any answer, JSON too
	return secured(mux)
}

type console struct {
	Config
	page *template.Template
}

// secured lets the page run nothing but its own script, and nobody frame it.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

func asset(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, _ := files.ReadFile(name) // embedded: always there
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(b)
	}
}

func (c *console) render(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant := ""
		if c.Tenant != nil {
			tenant = c.Tenant(r)
		}
		var out bytes.Buffer
		if err := c.page.ExecuteTemplate(&out, name, c.state(tenant)); err != nil {
			c.Logger.Error("page not rendered", "err", err)
			http.Error(w, "the page could not be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(out.Bytes())
	}
}

// state is all that the page shows.
type state struct {
	Facts  []Fact
	Calls  []node.View
	Phones []sipua.Binding
	Gates  []node.Gateway
	Past   []*timeline
	Mails  []mail
}

// timeline is one call's recent events.
type timeline struct {
	ID, From, To, Outcome string
	Failed                bool
	Lines                 []Line
}

// mail is an email.requested.
type mail struct {
	At                      time.Time
	To, Subject, Text, Call string
}

const shownCalls = 12

func (c *console) state(tenant string) state {
	s := state{Facts: c.facts(tenant), Calls: c.Calls(tenant), Phones: c.Registrations(tenant), Gates: c.Gateways(tenant)}
	byCall := map[string]*timeline{}
	for _, d := range c.Recent(2000) {
		if tenant != "" && tenantOf(d) != tenant {
			continue
		}
		if d.Type == "offhook.email.requested" {
			s.Mails = append(s.Mails, readMail(d))
		}
		if !strings.HasPrefix(d.Subject, "call_") {
			continue
		}
		t := byCall[d.Subject]
		if t == nil {
			t = &timeline{ID: d.Subject}
			byCall[d.Subject] = t
			s.Past = append(s.Past, t)
		}
		t.add(d)
	}
	slices.Reverse(s.Past)
	slices.Reverse(s.Mails)
	s.Past = s.Past[:min(len(s.Past), shownCalls)]
	s.Mails = s.Mails[:min(len(s.Mails), shownCalls)]
	return s
}

// facts are everybody's and the tenant's own.
func (c *console) facts(tenant string) []Fact {
	return slices.DeleteFunc(slices.Clone(c.Facts), func(f Fact) bool { return f.Tenant != "" && tenant != "" && f.Tenant != tenant })
}

func tenantOf(d events.Delivered) string {
	var t struct {
		Tenant string `json:"tenant"`
	}
	_ = json.Unmarshal(d.Data, &t) // malformed data is nobody's
	return t.Tenant
}

func (t *timeline) add(d events.Delivered) {
	l := Describe(d)
	switch l.Type {
	case "call.ringing":
		t.From, t.To = l.field("from"), l.field("to")
	case "call.hangup":
		t.Outcome = l.cause()
	}
	t.Failed = t.Failed || l.Bad
	t.Lines = append(t.Lines, l)
}

func readMail(d events.Delivered) mail {
	var e struct {
		To      []string `json:"to"`
		Subject string   `json:"subject"`
		Text    string   `json:"text"`
	}
	_ = json.Unmarshal(d.Data, &e) // an empty row shows that it was malformed
	return mail{At: d.Time, To: strings.Join(e.To, ", "), Subject: e.Subject, Text: e.Text, Call: d.Subject}
}
