package run

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/config"
)

var discard = slog.New(slog.DiscardHandler)

// file writes a configuration and gives its path.
func file(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "offhook.yaml")
	write(t, path, yaml)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const good = "tenants: {demo: {users: {\"101\": {name: Ilze, password: x}}}}\n"

func TestEveryFaultOfAFileIsTold(t *testing.T) {
	path := file(t, "tenants:\n  demo:\n    users: {\"101\": {nam: Ilze}}\n    asks: {timeout: soon}\n")
	_, err := Load(path, nil)
	var faults *Faults
	if !errors.As(err, &faults) || len(faults.List) < 3 {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{path + ":3:", path + ":4:", "/tenants/demo/users/101/nam", "/tenants/demo/asks/timeout", "name"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// A configuration with Opus is good where it is built in; elsewhere it says how to have it.
func TestOpusIsRefusedByABuildWithoutIt(t *testing.T) {
	_, err := Load(file(t, "tenants: {demo: {users: {\"101\": {password: x, codecs: [opus, pcmu]}}}}\n"), nil)
	switch {
	case media.Speaks("opus") && err != nil:
		t.Error(err)
	case !media.Speaks("opus") && (err == nil || !strings.Contains(err.Error(), "/tenants/demo/users/101/codecs/0") || !strings.Contains(err.Error(), "make opus")):
		t.Error(err)
	}
}

func TestSecretsComeFromEnvironmentAndFiles(t *testing.T) {
	t.Setenv("OFFHOOK_TEST_PASSWORD", "from-env")
	path := file(t, `
tenants:
  demo:
    users: {"101": {password: {env: OFFHOOK_TEST_PASSWORD}}}
    trunks: {t: {username: u, password: {file: trunk.txt}}}
    gateways: {g: {host: h.example, username: u, password: in-place}}
api_keys: [{name: k, key: {file: key.txt}}]
`)
	write(t, filepath.Join(filepath.Dir(path), "trunk.txt"), "from-file\r\n")
	write(t, filepath.Join(filepath.Dir(path), "key.txt"), " with spaces \n")
	s, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Config()
	demo := c.Tenants["demo"]
	for want, got := range map[string]string{"from-env": demo.Users["101"].Password.Value, "from-file": demo.Trunks["t"].Password.Value,
		"in-place": demo.Gateways["g"].Password.Value, " with spaces ": c.Keys[0].Key.Value} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEverySecretThatIsMissingIsNamed(t *testing.T) {
	t.Setenv("OFFHOOK_TEST_EMPTY", "")
	path := file(t, `
speech: {http: {studio: {url: "http://127.0.0.1:1/say", secret: {env: OFFHOOK_TEST_NONE}}}}
tenants:
  demo:
    users: {"101": {password: {env: OFFHOOK_TEST_NONE}}, "105": {password: {env: OFFHOOK_TEST_EMPTY}}}
    trunks: {t: {username: u, password: {file: none.txt}}}
    gateways: {g: {host: h.example, username: u, password: {file: empty.txt}}}
    asks: {secret: {env: OFFHOOK_TEST_NONE}}
email: {smtp: "smtp://h:25", from: a@b.test, password: {env: OFFHOOK_TEST_NONE}}
api_keys: [{name: k, key: {env: OFFHOOK_TEST_NONE}}]
`)
	write(t, filepath.Join(filepath.Dir(path), "empty.txt"), "\n")
	_, err := Load(path, nil)
	if err == nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{"users.101.password", "users.105.password", "trunks.t.password", "gateways.g.password", "asks.secret", "speech.http.studio.secret", "email.password", "api_keys.0.key"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in\n%v", want, err)
		}
	}
}

func TestTheCommandLineStandsOverTheFile(t *testing.T) {
	path := file(t, good)
	s, err := Load(path, func(c *config.Config) error { c.Email.From = "set@x.test"; return nil })
	if err != nil || s.Config().Email.From != "set@x.test" || s.Folder() != filepath.Dir(path) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Load(path, func(*config.Config) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// lines is a logger's output, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

func (l lines) until(t *testing.T, part string) {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, part) {
				return
			}
		case <-t.Context().Done():
			t.Fatalf("never said %q", part)
		}
	}
}

func TestChangesAreTakenWhenTheyAreGood(t *testing.T) {
	path := file(t, good)
	s, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	refuse := errors.New("not this one")
	s.OnChange(func(c *config.Config) error {
		if c.Tenants["demo"].Users["101"].Name == "Refused" {
			return refuse
		}
		return nil
	})
	said := make(lines, 100)
	log := NewLogger(said, false, "info")
	name := func() string { return s.Config().Tenants["demo"].Users["101"].Name }
	for _, c := range []struct{ change, says, then string }{
		{strings.Replace(good, "Ilze", "Anna", 1), "configuration taken", "Anna"},
		{"tenants: {demo: {usrs: {}}}", "the old one stays in force", "Anna"},
		{strings.Replace(good, "Ilze", "Refused", 1), "not this one", "Anna"},
		{strings.Replace(good, "Ilze", "Juris", 1), "configuration taken", "Juris"},
	} {
		write(t, path, c.change)
		s.reload(log)
		said.until(t, c.says)
		if got := name(); got != c.then {
			t.Errorf("after %q: %s, want %s", c.change, got, c.then)
		}
	}
}

func TestTheFileIsWatched(t *testing.T) {
	path := file(t, good)
	s, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	said := make(lines, 100)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	watching := make(chan struct{})
	s.watching = func() { close(watching) }
	go func() { done <- s.Watch(ctx, NewLogger(said, true, "info")) }()
	<-watching
	// Editors write a new file and put it in the old one's place.
	write(t, path+".new", strings.Replace(good, "Ilze", "Anna", 1))
	write(t, filepath.Join(filepath.Dir(path), "other.yaml"), "not ours")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	said.until(t, "configuration taken")
	write(t, path, strings.Replace(good, "Ilze", "Anna", 1)+"recordings: {store: elsewhere}\nspeech: {engine: espeak}\n")
	said.until(t, `changes that are in force after a restart","settings":["recordings","speech"]`)
	if got := s.Config().Tenants["demo"].Users["101"].Name; got != "Anna" {
		t.Errorf("%s is in force", got)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
