package ask

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offhook/offhook/schemas/encode"
)

func text(t *rapid.T, label string) string {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "+37120001111", "a<b>&c", "q\"\\", "\x00\n", "\xff\xfe", "\u2028", "Ilze Bērziņa"})).Draw(t, label)
}

func texts(t *rapid.T, label string) map[string]string {
	if rapid.Bool().Draw(t, label+" is nil") {
		return nil
	}
	m := map[string]string{}
	for range rapid.IntRange(0, 3).Draw(t, label) {
		m[text(t, "name")] = text(t, "value")
	}
	return m
}

func raw(t *rapid.T, label string) json.RawMessage {
	return rapid.SampledFrom([]json.RawMessage{nil, json.RawMessage("null"), json.RawMessage(`{"a":[1,"x"]}`), json.RawMessage(`"x"`)}).Draw(t, label)
}

func vars(t *rapid.T) map[string]any {
	return rapid.SampledFrom([]map[string]any{nil, {}, {"b": true, "a": "x", "n": 1.5, "deep": map[string]any{"z": []any{nil, "<"}}}}).Draw(t, "vars")
}

func drawn(t *rapid.T) Ask {
	at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	a := Ask{ID: text(t, "id"), Reason: text(t, "reason"), Event: raw(t, "event"), State: raw(t, "state"), Vars: vars(t), Call: Call{
		ID: text(t, "call"), Tenant: text(t, "tenant"), Direction: text(t, "direction"), Status: text(t, "status"), From: text(t, "from"),
		FromName: text(t, "from name"), To: text(t, "to"), Trunk: text(t, "trunk"), User: text(t, "user"), Headers: texts(t, "headers"),
		Params: texts(t, "params"), CreatedAt: at,
	}}
	if rapid.Bool().Draw(t, "more") {
		by := text(t, "by")
		a.Call.ReferredBy, a.Call.AnsweredAt = &by, &at
		a.Result = &Result{Verb: "dial", Status: text(t, "result"), SIP: &SIPStatus{Code: 486, Phrase: text(t, "phrase")}}
	}
	return a
}

func TestEncodeJSONIsWhatMarshalGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawn(t)
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := encode.JSON(&a)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	})
}

func TestEncodeJSONFailsWhereMarshalFails(t *testing.T) {
	for name, a := range map[string]Ask{
		"vars":  {Vars: map[string]any{"x": math.NaN()}},
		"state": {State: json.RawMessage("{")},
		"event": {Event: json.RawMessage("nonsense")},
	} {
		if b, err := encode.JSON(&a); err == nil {
			t.Errorf("%s: no error, but %s", name, b)
		}
	}
}

func benchAsk() *Ask {
	return &Ask{ID: "ask_01M80FNC09J4ARNNM5M00V36PB", Reason: ReasonCall, Vars: map[string]any{}, Call: Call{
		ID: "call_01M80FNC09J4ARNNM5M00V36PB", Tenant: "bench", Direction: "inbound", Status: "ringing", From: "+37120001111", To: "100", Trunk: "local",
		Headers: map[string]string{"X-Campaign": "7"}, Params: map[string]string{}, CreatedAt: time.Unix(1e9, 5).UTC()}}
}

func BenchmarkMarshal(b *testing.B) {
	a := benchAsk()
	for b.Loop() {
		_, _ = json.Marshal(a)
	}
}

func BenchmarkEncodeJSON(b *testing.B) {
	a := benchAsk()
	for b.Loop() {
		_, _ = encode.JSON(a)
	}
}

func TestStateComesBackUntouched(t *testing.T) {
	state := `{ "a" : [1, "<"] }`
	got, err := encode.JSON(&Ask{State: json.RawMessage(state)})
	if err != nil || !strings.Contains(string(got), `"state":`+state+`}`) {
		t.Fatalf("%s %v", got, err)
	}
}

func benchNotice() *Ask {
	a := benchAsk()
	a.Reason = ReasonHangup
	a.Event = json.RawMessage(`{"type":"offhook.call.hangup","text":"` + strings.Repeat("x", 900) + `"}`)
	return a
}

func BenchmarkEncodeNotice(b *testing.B) {
	a := benchNotice()
	for b.Loop() {
		_, _ = encode.JSON(a)
	}
}
