//go:build e2e

package history

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"
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
