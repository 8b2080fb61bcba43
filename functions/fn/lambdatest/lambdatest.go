// Package lambdatest is a Lambda Runtime API on loopback: it starts an unmodified Lambda binary and invokes it.
// It is for tests; it knows nothing of what is invoked and limits nothing.
package lambdatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

const prefix = "/2018-06-01/runtime/"

// timeout is what invocations are given as their deadline.
const timeout = 20 * time.Second

// Lambda is one instance of a binary and the runtime API that it talks to.
type Lambda struct {
	server  *http.Server
	cmd     *exec.Cmd
	log     lockedBuffer
	invokes chan *invocation
	exited  chan struct{} // closed when the binary has ended
	waitErr error
	served  chan struct{}

	mu      sync.Mutex
	serial  int
	pending map[string]*invocation
}

type invocation struct {
	payload []byte
	id      string
	done    chan Result
}

// Result is how an invocation ended.
type Result struct {
	Body        []byte // the response, or the error document
	ContentType string
	Failed      bool // the function returned an error
}

// Start runs the binary with env added to a bare environment. Stop ends it.
func Start(binary string, env ...string) (*Lambda, error) {
	l := &Lambda{invokes: make(chan *invocation), exited: make(chan struct{}), served: make(chan struct{}), pending: map[string]*invocation{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l.server = &http.Server{Handler: l.handler(), ReadHeaderTimeout: time.Second}
	go func() {
		defer close(l.served)
		_ = l.server.Serve(listener) // ends by Close
	}()
	l.cmd = exec.Command(binary)
	l.cmd.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}, env...)
	l.cmd.Stdout, l.cmd.Stderr = &l.log, &l.log
	if err := l.cmd.Start(); err != nil {
		return nil, errors.Join(err, l.server.Close())
	}
	go func() {
		defer close(l.exited)
		l.waitErr = l.cmd.Wait()
	}()
	return l, nil
}

// Stop kills the binary and closes the API.
func (l *Lambda) Stop() {
	_ = l.cmd.Process.Kill() // it may have ended already
	<-l.exited
	_ = l.server.Close()
	<-l.served
}

// Log is what the binary has written so far.
func (l *Lambda) Log() string { return l.log.String() }

// Invoke hands a payload to the binary and waits for its answer.
func (l *Lambda) Invoke(ctx context.Context, payload []byte) (Result, error) {
	inv := &invocation{payload: payload, done: make(chan Result, 1)}
	l.mu.Lock()
	l.serial++
	inv.id = "request-" + strconv.Itoa(l.serial)
	l.pending[inv.id] = inv
	l.mu.Unlock()
	if err := l.wait(ctx, func() bool {
		select {
		case l.invokes <- inv:
			return true
		case <-ctx.Done():
		case <-l.exited:
		}
		return false
	}); err != nil {
		return Result{}, err
	}
	select {
	case r := <-inv.done:
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	case <-l.exited:
		return Result{}, l.ended()
	}
}

func (l *Lambda) wait(ctx context.Context, handed func() bool) error {
	switch {
	case handed():
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return l.ended()
}

func (l *Lambda) ended() error { return fmt.Errorf("the binary ended: %w\n%s", l.waitErr, l.Log()) }

func (l *Lambda) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"invocation/next", l.next)
	mux.HandleFunc("POST "+prefix+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { l.result(w, r, false) })
	mux.HandleFunc("POST "+prefix+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { l.result(w, r, true) })
	return mux
}

func (l *Lambda) next(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case inv := <-l.invokes:
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(timeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-north-1:000000000000:function:local")
		_, _ = w.Write(inv.payload) // a binary that has gone is seen by its exit
	}
}

func (l *Lambda) result(w http.ResponseWriter, r *http.Request, failed bool) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	inv := l.pending[r.PathValue("id")]
	delete(l.pending, r.PathValue("id"))
	l.mu.Unlock()
	if inv == nil {
		http.Error(w, "unknown request", http.StatusBadRequest)
		return
	}
	failed = failed || r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != ""
	inv.done <- Result{Body: body, ContentType: r.Header.Get("Content-Type"), Failed: failed}
	w.WriteHeader(http.StatusAccepted)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
