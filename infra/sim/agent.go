package sim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/offhook/offhook/edge/ask"
)

// agent is the server of all streams: a listener whose connections are pipes. What it does follows from the path.
type agent struct {
	conns chan net.Conn
	ctx   context.Context
	end   context.CancelFunc
	all   sync.WaitGroup
}

func newAgent() *agent {
	a := &agent{conns: make(chan net.Conn)}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

// run serves until ctx ends and waits for all that it serves.
func (a *agent) run(ctx context.Context) error {
	server := &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}
	a.all.Go(func() { _ = server.Serve(a) }) // ends with Close
	<-ctx.Done()
	a.end()
	err := server.Close()
	a.all.Wait()
	return err
}

// Accept, Close and Addr are the listener.
func (a *agent) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (*agent) Close() error   { return nil }
func (*agent) Addr() net.Addr { return &net.TCPAddr{} }

// client reaches it whatever the URL's host.
func (a *agent) client(ask.Policy) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if err := rest(ctx, 7*time.Millisecond); err != nil { // at no moment of something else
			return nil, err
		}
		here, there := net.Pipe()
		select {
		case a.conns <- there:
			return here, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.ctx.Done():
			return nil, errRefused
		}
	}}}
}

// ServeHTTP echoes, refuses, sends garbage, goes away after a second, or takes nothing.
func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.all.Add(1)
	defer a.all.Done()
	if r.URL.Path == "/refuses" {
		http.Error(w, "out of order", http.StatusServiceUnavailable)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	ctx := a.ctx
	switch r.URL.Path {
	case "/stalls":
		<-ctx.Done()
		return
	case "/leaves":
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
	case "/garbage":
		_ = c.Write(ctx, websocket.MessageText, []byte(`{"event":"media","media":{"payload":"%%"}}`))
	}
	for {
		kind, b, err := c.Read(ctx)
		if err != nil || c.Write(ctx, kind, b) != nil {
			return
		}
	}
}
