package ask

import (
	"encoding/json"

	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/event"
)

// decode reads and checks an answer.
func decode(raw []byte, known []string) (schema.Answer, []event.Fault) {
	var a schema.Answer
	var err error
	if raw[0] == '[' {
		err = json.Unmarshal(raw, &a.Verbs)
	} else {
		err = json.Unmarshal(raw, &a)
	}
	if err != nil {
		return schema.Answer{}, []event.Fault{{Code: "bad", Pointer: "", Expected: "an answer", Found: err.Error()}}
	}
	return a, nil
}
