package config

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestASecretNeverPrintsItself(t *testing.T) {
	user := User{Name: "Ilze", Password: Secret{Value: "hush"}}
	raw, err := json.Marshal(user)
	for _, out := range []string{string(raw), fmt.Sprintf("%v %+v %#v %s", user, user, user, user.Password)} {
		if err != nil || strings.Contains(out, "hush") || !strings.Contains(out, Hidden) {
			t.Errorf("%s, %v", out, err)
		}
	}
}

func TestASecretIsReadFromWhereItLies(t *testing.T) {
	file := t.TempDir() + "/s"
	if err := os.WriteFile(file, []byte("from file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string { return map[string]string{"A": "from env"}[name] }
	for raw, want := range map[string]string{`"in place"`: "in place", `{"env": "A"}`: "from env", `{"file": "` + file + `"}`: "from file", `null`: ""} {
		var s Secret
		if err := json.Unmarshal([]byte(raw), &s); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(getenv); got != want || err != nil {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
	}
	for _, s := range []Secret{{Env: "B"}, {File: file + "x"}} {
		if got, err := s.Resolve(getenv); err == nil {
			t.Errorf("%v: %q", s, got)
		}
	}
}
