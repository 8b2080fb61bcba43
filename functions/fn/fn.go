// Package fn is the one form of a function: asks are an http.Handler, events are a handler of the log.
// The same program runs in `offhook dev` (Start), as a server with a consumer group (Serve), and on AWS Lambda (Main).
// It does not know what the functions do, nor the edge.
package fn

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
)

// Function is an instance, ready to run.
type Function struct {
	Name      string
	Asks      http.Handler   // answers asks (POST); nil: none
	AtOnce    AtOnce         // the same from memory, for an edge in this process; nil: ask Asks
	Events    events.Handler // nil: wants no events; must be idempotent on the event id
	Types     []string       // event types wanted, with "offhook."; empty: all
	Pages     http.Handler   // further HTTP, e.g. history's queries, mounted at /NAME/; nil: none. They guard themselves (Guard)
	io.Closer                // may be nil
}

// AtOnce answers an ask without blocking, from what was checked when it was loaded: neither the ask nor the answer is
// written as bytes, and nobody changes either. false: this one needs Asks.
type AtOnce func(ask.Ask) (ask.Answer, bool)

// Env is what a function is made from.
type Env struct {
	Config func() *config.Config // the configuration in force; may change
	Folder string                // where the configuration lies; file names in it are relative to it
	Data   string                // folder for local files
	Open   bool                  // pages need no API key from this machine (offhook dev)
	Logger *slog.Logger
	Getenv func(string) string
}

// Spec names a function and makes it; functions/all lists them.
type Spec struct {
	Name string
	Doc  string // one line
	New  func(ctx context.Context, env Env) (*Function, error)
}
