package config

import (
	"encoding/json"
	"os"
	"testing"
)

func TestCodesThatAreNotSetAreTheSchemasDefaults(t *testing.T) {
	raw, err := os.ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Codes struct {
				Properties map[string]struct{ Default string }
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	given := Codes{Pickup: "*9"}.Filled()
	raw, _ = json.Marshal(given)
	var codes map[string]string
	if err := json.Unmarshal(raw, &codes); err != nil || len(codes) != 5 {
		t.Fatal(codes, err)
	}
	for name, p := range schema.Defs.Codes.Properties {
		if want := map[bool]string{true: "*9", false: p.Default}[name == "pickup"]; codes[name] != want {
			t.Errorf("%s is %q, want %q", name, codes[name], want)
		}
	}
}
