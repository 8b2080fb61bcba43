package run

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"runtime/debug"
	"time"
)

// collectAt is GOGC for a process whose garbage is short-lived messages: a third of the collector's work for some megabytes.
const collectAt = 300

// Prepare sets what the process needs of the runtime and the system; the environment (GOGC) has the last word.
// A system that refuses more descriptors leaves the process with fewer calls, not without any. One that refuses the
// priority of nice, which is usual in a container, makes callers wait a little longer when the machine is busy.
func Prepare(nice int, log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if err := raiseDescriptors(); err != nil {
		log.Warn("the limit of open files could not be raised", "err", err)
	}
	if err := prefer(nice); err != nil {
		log.Info("the priority of the process stays as it is", "nice", nice, "err", err)
	}
}

// Profile serves the runtime's profiles at a loopback address until ctx ends.
func Profile(ctx context.Context, addr string) error {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !ap.Addr().IsLoopback() {
		return fmt.Errorf("profiles are served on loopback only, such as 127.0.0.1:6060, not on %q", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
		err = server.Close()
		<-served //nolint:errcheck // ErrServerClosed: it ends because it was told to
		return err
	}
}
