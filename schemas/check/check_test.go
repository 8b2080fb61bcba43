package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

func one(t *testing.T, faults []event.Fault, code string) event.Fault {
	t.Helper()
	if len(faults) != 1 || faults[0].Code != code {
		t.Fatalf("want one %s: %+v", code, faults)
	}
	return faults[0]
}

func TestLimitsOfADocument(t *testing.T) {
	verbs := func(n int) string { return "[" + strings.Repeat(`{"verb":"answer"},`, n-1) + `{"verb":"answer"}]` }
	nested := func(n int) string {
		return strings.Repeat(`[{"verb":"on","event":"held","do":`, n-1) + `[{"verb":"answer"}]` + strings.Repeat("}]", n-1)
	}
	padded := func(n int) string { return "[" + strings.Repeat(" ", n-2) + "]" }
	for name, good := range map[string]string{"verbs": verbs(check.MaxVerbs), "depth": nested(check.MaxDepth), "bytes": padded(check.MaxBytes)} {
		if _, faults := check.Document([]byte(good), nil); faults != nil {
			t.Errorf("%s: %+v", name, faults)
		}
	}
	_, faults := check.Document([]byte(padded(check.MaxBytes+1)), nil)
	one(t, faults, "too_large")
	_, faults = check.Document([]byte(nested(check.MaxDepth+1)), nil)
	one(t, faults, "too_deep")
	_, faults = check.Document([]byte(strings.Repeat("[", 5000)), nil)
	one(t, faults, "too_deep")
	_, faults = check.Document([]byte(verbs(check.MaxVerbs+1)), nil)
	one(t, faults, "too_many")
	half := `[{"verb":"on","event":"held","do":` + verbs(300) + `},{"verb":"on","event":"held","do":` + verbs(300) + `}]`
	_, faults = check.Document([]byte(half), nil)
	one(t, faults, "too_many_verbs")
}

func TestFaultsAreBounded(t *testing.T) {
	_, faults := check.Document([]byte("["+strings.Repeat(`{"verb":"dance"},`, 400)+"7]"), nil)
	if len(faults) != check.MaxFaults {
		t.Fatalf("%d faults", len(faults))
	}
}

func TestKnownNamesMayBeUsedAndAreNotWrittenTo(t *testing.T) {
	known := append(make([]string, 0, 8), "ticket")
	raw := []byte(`[{"verb":"set","vars":{"a":1}},{"verb":"log","text":"{ticket} {ticket.id} {a} {result.sip.code}"}]`)
	if _, faults := check.Document(raw, known); faults != nil {
		t.Fatalf("%+v", faults)
	}
	if got := known[:2][1]; got != "" {
		t.Fatalf("%q was written into the caller's list", got)
	}
}

func TestAnEmptyAnswerIsNoFault(t *testing.T) {
	for _, raw := range []string{"", " \n", "{}", `{"verbs":null}`} {
		a, faults := check.Answer([]byte(raw), nil)
		if faults != nil || a.Verbs != nil {
			t.Errorf("%q: %+v %+v", raw, a, faults)
		}
	}
	if a, faults := check.Answer([]byte("[]"), nil); faults != nil || a.Verbs == nil {
		t.Errorf("[] is a document: %+v %+v", a, faults)
	}
}

func TestSecretsAreNotRepeatedInFaults(t *testing.T) {
	for _, config := range []string{
		`{"tenants":{"a":{"users":{"1":{"password":"hush\u0000"}}}}}`, `{"tenants":{"a":{"asks":{"secret":"hush"}}}}`,
		`{"tenants":{},"api_keys":[{"name":"a","key":"hush\n"}]}`, `{"tenants":{},"email":{"smtp":"http://a:hush@x"}}`,
	} {
		_, faults := check.Config([]byte(config), "x.json")
		if len(faults) == 0 || strings.Contains(fmt.Sprint(faults), "hush") {
			t.Errorf("%s: %+v", config, faults)
		}
	}
}

// A codec that the reader has not got is told where it is named; others of the same list are good.
func TestACodecThatIsMissingIsTold(t *testing.T) {
	const codecs = "codecs: [pcmu, opus]"
	yaml := []byte("tenants:\n  a:\n    users: {\"1\": {password: x, " + codecs + "}}\n    trunks: {t: {allow: [192.0.2.1], " + codecs + "}}\n" +
		"    gateways: {g: {host: 192.0.2.2, " + codecs + "}}\n")
	if c, faults := check.Config(yaml, "x.yaml"); faults != nil || len(c.Tenants["a"].Users["1"].Codecs) != 2 {
		t.Errorf("%+v", faults)
	}
	_, faults := check.Config(yaml, "x.yaml", check.Missing{Codec: "opus", Hint: "build it in"})
	var at []string
	for _, f := range faults {
		at = append(at, fmt.Sprint(f.Line, f.Pointer, f.Code, f.Found, f.Hint))
	}
	want := []string{"3/tenants/a/users/1/codecs/1", "4/tenants/a/trunks/t/codecs/1", "5/tenants/a/gateways/g/codecs/1"}
	for i := range want {
		want[i] += `missing_codec"opus"build it in`
	}
	if !slices.Equal(at, want) {
		t.Errorf("%q, want %q", at, want)
	}
}

func TestYAMLAndJSONConfigurationsMeanTheSame(t *testing.T) {
	yaml := "base: &u {password: x}\ntenants: {a: {users: {\"1\": *u}}}\n"
	scopes := "tenants: {a: {}}\napi_keys: [{name: k, key: x, scopes: [calls:read]}]\n"
	if _, faults := check.Config([]byte(scopes), "x.yaml"); len(faults) != 1 || faults[0].Hint != "a string with a colon stands in quotes" {
		t.Errorf("%+v", faults)
	}
	if _, faults := check.Config([]byte(yaml), "x.yaml"); len(faults) != 1 || faults[0].Pointer != "/base" {
		t.Errorf("%+v", faults)
	}
	c, faults := check.Config([]byte("tenants: {a: {users: {1: &u {password: x, ring_for: 15}, 2: *u}}}"), "x.yaml")
	if faults != nil || c.Tenants["a"].Users["2"].Password.Value != "x" || c.Tenants["a"].Users["2"].RingFor.String() != "15s" {
		t.Errorf("%+v %+v", c, faults)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	_, faults = check.Config([]byte(bomb), "x.yaml")
	one(t, faults, "bad_yaml")
	_, faults = check.Config([]byte("\n"), "x.yaml")
	one(t, faults, "wrong_type")
}

// What is good decodes, fills and comes back; nothing panics, and every fault says where and what.
func FuzzDocument(f *testing.F) {
	f.Add(`[{"verb":"say","text":"{digits} {{x}}"}]`)
	f.Add(`[{"verb":"dial","to":{"user":"101"},"on":{"busy":"/x"}}]`)
	f.Fuzz(func(t *testing.T, raw string) {
		doc, faults := check.Document([]byte(raw), nil)
		for _, fault := range faults {
			if fault.Code == "" || fault.Expected == "" || fault.Line < 1 {
				t.Errorf("%+v", fault)
			}
		}
		for _, v := range doc {
			if _, err := verb.Fill(v, func(string) (string, bool) { return "1", true }); err != nil {
				t.Error(err)
			}
		}
	})
}
