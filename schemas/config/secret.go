package config

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Secret is a string given in place, {env: NAME} or {file: PATH}. It never prints itself.
type Secret struct {
	Value string
	Env   string
	File  string
}

// Hidden is what a secret given in place prints as.
const Hidden = "[hidden]"

// source is the JSON form of a secret that lies elsewhere.
type source struct {
	Env  string `json:"env,omitempty"`
	File string `json:"file,omitempty"`
}

// IsZero is true when no secret is given.
func (s Secret) IsZero() bool { return s == Secret{} }

// String says where the secret comes from, never what it is.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "env " + s.Env
	case s.File != "":
		return "file " + s.File
	case s.Value != "":
		return Hidden
	}
	return ""
}

// GoString is String: %#v does not print the secret either.
func (s Secret) GoString() string { return s.String() }

// Resolve reads the secret: getenv is os.Getenv but in tests. One last line break of a file is dropped. The error
// says what is missing, never a secret.
func (s Secret) Resolve(getenv func(string) string) (string, error) {
	switch {
	case s.Env != "":
		value := getenv(s.Env)
		if value == "" {
			return "", fmt.Errorf("the environment has no %s", s.Env)
		}
		return value, nil
	case s.File != "":
		raw, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("secret: %w", err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"), nil
	}
	return s.Value, nil
}

// MarshalJSON writes {"env": ...} or {"file": ...}; a secret in place is written as Hidden.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.Env != "" || s.File != "" {
		return json.Marshal(source{s.Env, s.File})
	}
	return json.Marshal(s.String())
}

// UnmarshalJSON reads a string or a source.
func (s *Secret) UnmarshalJSON(raw []byte) error {
	*s = Secret{}
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &s.Value)
	}
	var from source
	err := json.Unmarshal(raw, &from)
	s.Env, s.File = from.Env, from.File
	return err
}
