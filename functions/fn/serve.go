package fn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/offhook/offhook/events"
)

// ServeOptions is how functions run as a process of their own.
type ServeOptions struct {
	Specs    []Spec
	Env      Env
	HTTP     string       // address; "" and no Listener: no HTTP
	Listener net.Listener // instead of HTTP
	Kafka    events.Kafka // without brokers: no events
	Secrets  []string     // Standard Webhooks: asks must be signed with one of them; none: not checked
	Started  func(address string)
}

const shutdownTime = 10 * time.Second

// Serve runs functions as a process of their own until ctx ends: consumers of the log, and HTTP with
// POST /NAME for asks (POST / too, with one function), GET /NAME/... for pages, /healthz, /readyz and /metrics.
func Serve(ctx context.Context, o ServeOptions) error {
	set, err := Start(ctx, o.Specs, o.Env)
	if err != nil {
		return err
	}
	return errors.Join(set.serve(ctx, o), set.Close())
}

func (s *Set) serve(ctx context.Context, o ServeOptions) error {
	l, err := listen(o)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	if len(o.Kafka.Brokers) > 0 {
		g.Go(func() error { return s.Run(ctx, o.Kafka) })
	} else {
		s.waiting.Store(0)
	}
	if l != nil {
		g.Go(func() error { return serveHTTP(ctx, l, s.Handler(o), o.Env.Logger) })
		if o.Started != nil {
			o.Started(l.Addr().String())
		}
	}
	<-ctx.Done()
	return g.Wait()
}

func listen(o ServeOptions) (net.Listener, error) {
	if o.Listener != nil || o.HTTP == "" {
		return o.Listener, nil
	}
	l, err := net.Listen("tcp", o.HTTP)
	if err != nil {
		return nil, fmt.Errorf("--http %s cannot be used: %w; give another with --http", o.HTTP, err)
	}
	return l, nil
}

func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 90 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	g := errgroup.Group{}
	g.Go(func() error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := srv.Shutdown(last)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	return errors.Join(err, g.Wait())
}

// Handler is the HTTP side of Serve.
func (s *Set) Handler(o ServeOptions) http.Handler {
	mux := http.NewServeMux()
	for _, f := range s.Functions {
		if f.Asks == nil {
			continue
		}
		h := signed(o.Secrets, recovered(s.log.With("fn", f.Name), f.Asks))
		mux.Handle("POST /"+f.Name, h)
		if len(s.Functions) == 1 {
			mux.Handle("POST /{$}", h)
		}
	}
	for _, f := range s.Functions {
		if f.Pages != nil {
			mux.Handle("/"+f.Name+"/", recovered(s.log.With("fn", f.Name), f.Pages))
		}
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { says(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics(o))
	return mux
}

func (s *Set) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.Ready() {
		says(w, http.StatusServiceUnavailable, "waiting for the event log")
		return
	}
	says(w, http.StatusOK, "ok")
}

func says(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // whoever asked has gone: nothing to tell
}
