// Package ask puts asks to webhooks (resty) and functions in this process, with deadline, retry, fallback and checks.
// It knows no calls: it takes a schemas/ask.Ask and gives back a checked document or what went wrong.
package ask

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

// Policy is how one tenant's webhooks are asked.
type Policy struct {
	Tenant       string
	Timeout      time.Duration // whole way of one URL incl. retry; 1-15 s, default 5 s
	Secrets      []string      // Standard Webhooks "whsec_..."; the first signs, all are sent
	AllowPrivate []netip.Prefix
	FallbackURL  string
	Fallback     verb.Document
	Concurrent   int // bulkhead, default 1000
}

// Config of an Asker.
type Config struct {
	Functions map[string]http.Handler // fn:NAME in this process
	AtOnce    map[string]AtOnce       // those of them that can answer from memory; see Asker.AtOnce
	Remote    map[string]string       // fn:NAME elsewhere: its URL (trusted: addresses not checked)
	Transport http.RoundTripper       // for tests
	Lookup    func(ctx context.Context, host string) ([]netip.Addr, error)
	Known     []string // variable names every document may use, beside the ask's own
}

// Answer ends an ask. Either Verbs/Empty are good, or OK is false and Failures say why.
type Answer struct {
	OK       bool
	Source   string // url, fallback_url, fallback
	URL      string
	Status   int
	Attempts int
	Took     time.Duration
	Empty    bool
	Document schema.Answer
	Failures []Failure
}

// Failure is one failed way. Codes: timeout, refused, dns, tls, address_forbidden, redirect_forbidden, status (>= 400),
// too_large, bad_content_type, bad_json, bad_document, unknown_function, overloaded, circuit_open, panic, connection,
// bad_url, cancelled. They are stable; Docs is where each is explained.
type Failure struct {
	URL, Code, Detail string
	Docs              string
	Status, Attempts  int
	Took              time.Duration
	Faults            []event.Fault
}
