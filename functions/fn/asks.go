package fn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/offhook/offhook/schemas/ask"
)

// askLimit bounds an ask's body: the edge's variables and state are in it.
const askLimit = 1 << 20

// Answers makes an http.Handler of a function that answers asks. An answer without verbs, vars and state is 204: go on
// with what is left. An error is logged and answered with 500; one made by Problem with its own status.
func Answers(log *slog.Logger, answer func(context.Context, ask.Ask) (ask.Answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := readAsk(w, r)
		if err != nil {
			Fail(w, err)
			return
		}
		ans, err := answer(r.Context(), a)
		if err != nil {
			log.Error("ask not answered", "call", a.Call.ID, "tenant", a.Call.Tenant, "ask", a.ID, "err", err)
			Fail(w, err)
			return
		}
		writeAnswer(w, ans)
	})
}

func readAsk(w http.ResponseWriter, r *http.Request) (ask.Ask, error) {
	var a ask.Ask
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return a, Problem(http.StatusMethodNotAllowed, "method", "an ask is a POST")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, askLimit))
	if err != nil {
		return a, Problem(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("an ask has at most %d bytes", askLimit))
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.Reason == "" {
		return a, Problem(http.StatusBadRequest, "bad_ask", "the body is no ask")
	}
	return a, nil
}

func writeAnswer(w http.ResponseWriter, ans ask.Answer) {
	if len(ans.Verbs) == 0 && len(ans.Vars) == 0 && len(ans.State) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	raw, err := json.Marshal(ans)
	if err != nil {
		Fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // the asker has gone: it knows
}

// problem is an RFC 9457 problem document, and the error that becomes one.
type problem struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// Problem is an error that Fail shows to the client with this status (400-599) and stable code.
func Problem(status int, code, detail string) error {
	return &problem{Type: "about:blank", Status: status, Code: code, Detail: detail}
}

// Fail answers with an RFC 9457 problem document. An error not made by Problem is 500 and keeps its text to itself.
func Fail(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		p = &problem{Type: "about:blank", Status: http.StatusInternalServerError, Code: "internal", Detail: "the function failed; its log says why"}
	}
	raw, _ := json.Marshal(p) // strings and a number
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(raw)
}

// recovered turns a panic of h into 500 and a log line.
func recovered(log *slog.Logger, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); {
			case isAbort(p):
				panic(p)
			case p != nil:
				log.Error("panic", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				Fail(w, errors.New("panic"))
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// isAbort: net/http's own way to break a response off.
func isAbort(panicked any) bool {
	err, ok := panicked.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}
