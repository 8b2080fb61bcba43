package ask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// function asks fn:NAME: in this process, or at its URL.
func (k *Asker) function(ctx context.Context, q question, name string) (reply, int, error) {
	if h := k.config.Functions[name]; h != nil {
		return k.local(ctx, q, name, h)
	}
	if to := k.config.Remote[name]; to != "" {
		t, err := k.targets.get(to)
		if err != nil {
			return reply{}, 0, err
		}
		r, attempts, err := k.remote(ctx, q, t, k.pools.trust())
		r.base = "fn:" + name
		return r, attempts, err
	}
	return reply{}, 0, faultf(CodeUnknownFunction, "%s; there are: %s", snippet([]byte(name)), strings.Join(k.names(), ", "))
}

func (k *Asker) names() []string {
	all := maps.Clone(k.config.Remote)
	if all == nil {
		all = make(map[string]string)
	}
	for n := range k.config.Functions {
		all[n] = ""
	}
	return slices.Sorted(maps.Keys(all))
}

// local hands the ask to a handler. The handler has a goroutine of its own so that one that ignores its deadline
// keeps nobody waiting; its place in the bulkhead stays taken until it returns, and Close waits for it.
func (k *Asker) local(ctx context.Context, q question, name string, h http.Handler) (reply, int, error) {
	if !k.bulkhead.enter(q.policy.Tenant, q.policy.Concurrent) {
		return reply{}, 0, overloaded(q.policy)
	}
	ctx, cancel := context.WithDeadline(ctx, q.deadline)
	defer cancel()
	done := make(chan *recorder, 1)
	k.running.Go(func() {
		defer k.bulkhead.leave(q.policy.Tenant)
		done <- serve(ctx, h, name, q)
	})
	select {
	case w := <-done:
		r, err := w.reply(name)
		return r, 1, err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return reply{}, 1, ctx.Err()
		}
		return reply{}, 1, faultf(CodeTimeout, "fn:%s did not answer in time", name)
	}
}

func serve(ctx context.Context, h http.Handler, name string, q question) (w *recorder) {
	w = &recorder{header: make(http.Header)}
	defer func() {
		if p := recover(); p != nil {
			w.panicked = clip(fmt.Sprint(p), 300)
		}
	}()
	r := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: name, Path: "/"}, Host: name,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "fn:" + name,
		Header:        http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {q.id}},
		Body:          bodyOf{bytes.NewReader(q.body)},
		ContentLength: int64(len(q.body)),
	}).WithContext(ctx)
	h.ServeHTTP(w, r)
	return w
}

type bodyOf struct{ *bytes.Reader }

func (bodyOf) Close() error { return nil }

// recorder is the handler's ResponseWriter, bounded as a body from the network is.
type recorder struct {
	header   http.Header
	status   int
	body     bytes.Buffer
	over     bool
	panicked string
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(p) > bodyLimit {
		w.over = true
		return 0, faultf(CodeTooLarge, "the answer is longer than %d bytes", bodyLimit)
	}
	return w.body.Write(p)
}

func (w *recorder) reply(name string) (reply, error) {
	w.WriteHeader(http.StatusOK)
	r := reply{status: w.status, base: "fn:" + name}
	switch {
	case w.panicked != "":
		return r, faultf(CodePanic, "fn:%s: %s", name, w.panicked)
	case w.over:
		return r, tooLarge(w.status)
	case w.status > 299:
		f := faultf(CodeStatus, "%d %s: %s", w.status, http.StatusText(w.status), snippet(w.body.Bytes()))
		f.status = w.status
		return r, f
	}
	if r.body = trim(w.body.Bytes()); len(r.body) == 0 {
		return r, nil
	}
	return r, acceptable(w.header, r)
}
