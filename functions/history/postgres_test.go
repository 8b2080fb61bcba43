//go:build e2e

package history

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The tests of the store run on PostgreSQL too when HISTORY_TEST_POSTGRES names one: postgres://user@host/database.
// Each has a schema of its own there.
func init() {
	where := os.Getenv("HISTORY_TEST_POSTGRES")
	if where == "" {
		return
	}
	databases["postgres"] = func(t *testing.T) string { return ownSchema(t, where) }
}

func ownSchema(t *testing.T, where string) string {
	t.Helper()
	s, err := connect(where)
	if err != nil {
		t.Fatal(err)
	}
	name := "t_" + strings.ToLower(strings.NewReplacer("/", "_", "-", "_").Replace(t.Name()))[:min(50, len(t.Name()))]
	for _, q := range []string{`DROP SCHEMA IF EXISTS ` + name + ` CASCADE`, `CREATE SCHEMA ` + name} {
		if _, err := s.write.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := s.write.ExecContext(context.Background(), `DROP SCHEMA `+name+` CASCADE`); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(where)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestEventsWaitForAServerThatComesLater(t *testing.T) {
	where, ok := databases["postgres"]
	if !ok {
		t.Skip("no PostgreSQL")
	}
	u, err := url.Parse(where(t))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	socket, later := q.Get("host"), filepath.Join(t.TempDir(), "later")
	if socket == "" {
		t.Skip("no server on a socket")
	}
	q.Set("host", later)
	u.RawQuery = q.Encode()
	f := start(t, environment(t, u.String()))
	done := make(chan error, 1)
	go func() { done <- f.Events(t.Context(), story(t, "call_1", "demo", "+371", "100", began)[4]) }()
	select {
	case err := <-done:
		t.Fatalf("handled without a database: %v", err)
	case <-time.After(firstPause):
	}
	if err := os.Symlink(socket, later); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	one(t, storeOf(f), "call_1")
}
