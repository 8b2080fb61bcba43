package email

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatAnInvocationLeavesBetweenDotAndReplyIsTold(t *testing.T) {
	hold := make(chan struct{})
	p := openPost(t, &post{after: func([]byte) { <-hold }})
	defer close(hold)
	var log bytes.Buffer
	env := environment(t.TempDir(), "smtp://"+p.addr)
	env.Logger = slog.New(slog.NewTextHandler(&log, nil))
	env.Getenv = func(name string) string { return map[string]string{"AWS_LAMBDA_RUNTIME_API": "x"}[name] }
	e := start(t, env)
	ctx, end := context.WithCancel(t.Context())
	go func() {
		<-p.mails
		end()
	}()
	if err := e.handle(ctx, held(t, "e-1")); err == nil {
		t.Fatal("sent")
	}
	if err := e.handle(t.Context(), held(t, "e-1")); err != nil {
		t.Fatal(err)
	}
	if s := settled(t, e); s["e-1"] != stateUnconfirmed || !strings.Contains(log.String(), "unconfirmed") || p.count["<e-1@acme.test>"] != 1 {
		t.Fatal(s, log.String())
	}
}
