package run

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told gives each message of a log on.
type told struct {
	slog.Handler
	messages chan string
}

func (h told) Enabled(context.Context, slog.Level) bool { return true }
func (h told) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h told) WithGroup(string) slog.Handler            { return h }
func (h told) Handle(_ context.Context, r slog.Record) error {
	select {
	case h.messages <- r.Message:
	default:
	}
	return nil
}

func (h told) wait(t *testing.T, message string) {
	t.Helper()
	for {
		select {
		case got := <-h.messages:
			if got == message {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("no %q", message)
		}
	}
}

func TestFunctionsAloneMakeTheirFolderSayThatTheyStartedAndTakeAChangedConfiguration(t *testing.T) {
	path := file(t, good)
	settings, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	watching := make(chan struct{})
	settings.watching = func() { close(watching) }
	log := told{slog.DiscardHandler, make(chan string, 100)}
	data := filepath.Join(t.TempDir(), "not", "there")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Functions(ctx, settings, FunctionOptions{Names: []string{"email", "history"}, Data: data, HTTP: "127.0.0.1:0", Kafka: "127.0.0.1:1"}, slog.New(log))
	}()
	select {
	case err := <-ended:
		t.Fatal(err)
	case <-watching:
	}
	log.wait(t, "functions started")
	write(t, path, strings.ReplaceAll(good, "Ilze", "Anna"))
	log.wait(t, "configuration taken")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "email.db")); err != nil {
		t.Error(err)
	}
}

func TestWhatFunctionsCannotHaveNamesItsFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	path := file(t, good)
	settings, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for flag, set := range map[string]func(*FunctionOptions){
		"--http":  func(o *FunctionOptions) { o.HTTP = taken.Addr().String() },
		"--data":  func(o *FunctionOptions) { o.Data = path },
		"--kafka": func(o *FunctionOptions) { o.Kafka = "kafka://h:9092?sasl=magic" },
	} {
		o := FunctionOptions{Names: []string{"email"}, Data: t.TempDir(), HTTP: "127.0.0.1:0", Kafka: "127.0.0.1:1"}
		set(&o)
		if err := Functions(t.Context(), settings, o, discard); err == nil || !strings.HasPrefix(err.Error(), flag) || !strings.HasSuffix(err.Error(), flag) && flag != "--kafka" {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestADatabaseThatIsAwayKeepsNoFunctionFromStarting(t *testing.T) {
	settings, err := Load(file(t, good+"history: {database: \"postgres://h:hidden@127.0.0.1:1/x\"}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	log := told{slog.DiscardHandler, make(chan string, 100)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Functions(ctx, settings, FunctionOptions{Names: []string{"email", "history"}, Data: t.TempDir(), HTTP: "127.0.0.1:0", Kafka: "127.0.0.1:1"}, slog.New(log))
		log.messages <- "functions started" // or the test would wait for one that failed
	}()
	log.wait(t, "functions started")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
