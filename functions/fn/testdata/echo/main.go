// Command echo is a function for tests: asks are answered with a log verb that repeats the number called; events are
// appended to DATA/seen, one id to a line, except that those of the type offhook.custom.bad fail.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/verb"
)

func main() {
	fn.Main(fn.Spec{Name: "echo", Doc: "for tests", New: func(_ context.Context, env fn.Env) (*fn.Function, error) {
		e := &echo{path: filepath.Join(env.Data, "seen")}
		return &fn.Function{Name: "echo", Asks: fn.Answers(env.Logger, answer), Events: e.handle, Types: []string{"offhook.custom.*"}, Pages: http.HandlerFunc(page)}, nil
	}})
}

func answer(_ context.Context, a ask.Ask) (ask.Answer, error) {
	if a.Call.To == "panic" {
		panic("as told")
	}
	return ask.Answer{Verbs: verb.Document{&verb.Log{Text: "to " + a.Call.To}}}, nil
}

func page(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "page ", r.URL.Path) }

type echo struct {
	mu   sync.Mutex
	path string
}

func (e *echo) handle(_ context.Context, d events.Delivered) error {
	if d.Type == "offhook.custom.bad" {
		return errors.New("as told")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := os.OpenFile(e.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, d.ID, d.Key, string(d.Data))
	return errors.Join(err, f.Close())
}
