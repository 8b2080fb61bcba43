package verb

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/schemas/ssml"
)

const story = `[
  {"verb": "answer"},
  {"verb": "on", "event": "held", "do": [
    {"verb": "email", "to": "boss@acme.test", "subject": "On hold", "text": "User {agent_name} put on hold {caller_number}."}]},
  {"verb": "play", "audio": ["welcome", {"say": "Hello {caller_name}"}], "loop": 2},
  {"verb": "gather", "max_digits": 1, "finish_on": "#", "timeout": "5s", "next": "/menu?from={caller_number}",
   "prompt": [{"verb": "say", "text": "For sales press {key}."}], "on": {"1": [{"verb":"pause","for":1.5}], "no_input": "fn:x"}},
  {"verb": "dial", "to": [{"user": "101"}, {"user": "105", "headers": {"X-A": "{a}"}}], "ring_for": "20s", "on": {"busy": "/busy"}},
  {"verb": "set", "vars": {"deep": {"list": ["{a}", 1, true, null]}}},
  {"verb": "parallel", "do": [[{"verb":"log","text":"{{a}}"}], []]},
  {"verb": "hangup"}
]`

func decode(t *testing.T, raw string) Document {
	t.Helper()
	var d Document
	if err := json.Unmarshal([]byte(raw), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentDecodesAndEncodesBackEqual(t *testing.T) {
	d := decode(t, story)
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if again := decode(t, string(raw)); !reflect.DeepEqual(d, again) {
		t.Fatalf("encoded back as %s", raw)
	}
	if !strings.HasPrefix(string(raw), `[{"verb":"answer"},{"verb":"on",`) {
		t.Fatalf("verb is not first: %s", raw)
	}
	gather := d[3].(*Gather)
	if gather.Timeout != Duration(5*time.Second) || gather.Next.URL != "/menu?from={caller_number}" {
		t.Fatalf("gather %+v", gather)
	}
	if pause := gather.On["1"].Document[0].(*Pause); pause.For != Duration(1500*time.Millisecond) {
		t.Fatalf("pause %v", pause.For)
	}
}

func TestDecodingRefusesWhatIsNoDocument(t *testing.T) {
	for _, raw := range []string{`{}`, `[1]`, `[{"verb":"dance"}]`, `[{}]`, `[null]`, `[{"verb":"pause","for":"soon"}]`,
		`[{"verb":"pause","for":1e300}]`, `[{"verb":"dial","to":7}]`, `[{"verb":"play","audio":7}]`} {
		var d Document
		if err := json.Unmarshal([]byte(raw), &d); err == nil {
			t.Errorf("%s decoded as %v", raw, d)
		}
	}
}

func lookup(vars map[string]string) Lookup {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

func TestFillReplacesInEveryString(t *testing.T) {
	d := decode(t, story)
	vars := lookup(map[string]string{"caller_number": "+371 1", "caller_name": "Anna", "a": "A"})
	for i, check := range map[int]func(Verb) bool{
		2: func(v Verb) bool { return v.(*Play).Audio[1].Say.Text == "Hello Anna" },
		3: func(v Verb) bool { return v.(*Gather).Next.URL == "/menu?from=%2B371+1" },
		4: func(v Verb) bool { return v.(*Dial).To[1].Headers["X-A"] == "A" },
		5: func(v Verb) bool {
			return reflect.DeepEqual(v.(*Set).Vars, map[string]any{"deep": map[string]any{"list": []any{"A", 1.0, true, nil}}})
		},
	} {
		before, _ := json.Marshal(d[i])
		v, err := Fill(d[i], vars)
		if err != nil || !check(v) {
			got, _ := json.Marshal(v)
			t.Errorf("verb %d: %s, %v", i, got, err)
		}
		if after, _ := json.Marshal(d[i]); string(after) != string(before) {
			t.Errorf("verb %d was changed: %s", i, after)
		}
	}
}

func TestFillLeavesNestedDocumentsForWhenTheyRun(t *testing.T) {
	d := decode(t, story)
	for _, i := range []int{1, 6} {
		v, err := Fill(d[i], lookup(nil))
		if err != nil || !reflect.DeepEqual(v, d[i]) {
			t.Errorf("verb %d: %v, %v", i, v, err)
		}
	}
	if _, err := Fill(d[3], lookup(map[string]string{"caller_number": ""})); err != nil {
		t.Errorf("the prompt's {key} was asked for: %v", err)
	}
}

func TestFillStringReadsBraces(t *testing.T) {
	vars := lookup(map[string]string{"a": "1", "result.sip.code": "486"})
	for in, want := range map[string]string{"": "", "x": "x", "{a}": "1", "{{a}}": "{a}", "{{{a}}}": "{1}", "{a}{a}": "11", "<{result.sip.code}>": "<486>"} {
		if got, err := FillString(in, vars); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"{", "}", "a{", "{a", "{}", "{ a}", "{1}", "{a b}"} {
		var brace *BraceError
		if got, err := FillString(in, vars); !errors.As(err, &brace) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	var unknown *UnknownVariableError
	if _, err := FillString("{b}", vars); !errors.As(err, &unknown) || unknown.Name != "b" {
		t.Errorf("{b}: %v", err)
	}
}

func TestAURLThatIsAVariableIsNotEncoded(t *testing.T) {
	v, err := Fill(&Redirect{To: "{base}/calls/{id}?n={id}"}, lookup(map[string]string{"base": "https://a.test", "id": "a/b c"}))
	if got := v.(*Redirect).To; err != nil || got != "https://a.test/calls/a%2Fb%20c?n=a%2Fb+c" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestNamesListsAVerbsOwnPlaceholders(t *testing.T) {
	names := map[string]bool{}
	for _, v := range decode(t, story) {
		for _, n := range Names(v) {
			names[n] = true
		}
	}
	if want := map[string]bool{"caller_name": true, "caller_number": true, "a": true}; !maps.Equal(names, want) {
		t.Fatalf("%v", names)
	}
}

func BenchmarkFillDial(b *testing.B) {
	v := &Dial{To: Targets{{User: "101"}, {User: "105"}}, CallerID: "{caller_number}", Ring: "all"}
	vars := lookup(map[string]string{"caller_number": "+37120001111"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fill(v, vars); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFillEscapesValuesInHTMLAndNowhereElse(t *testing.T) {
	name := `<img src=x onerror=alert(1)>"&`
	filled, err := Fill(&Email{Text: "{caller_name}", Subject: "{caller_name}", HTML: "<b>{caller_name}</b>"}, func(string) (string, bool) { return name, true })
	if err != nil {
		t.Fatal(err)
	}
	e := filled.(*Email)
	if e.HTML != "<b>&lt;img src=x onerror=alert(1)&gt;&#34;&amp;</b>" {
		t.Errorf("html %q", e.HTML)
	}
	if e.Text != name || e.Subject != name {
		t.Errorf("text %q, subject %q", e.Text, e.Subject)
	}
}

func TestValuesAreOnlyTextInSSML(t *testing.T) {
	evil := func(name string) (string, bool) {
		return map[string]string{"a": `<break time="10s"/> & "co"`, "b": "<speak>Hi</speak>", "c": "a\x00b\x01"}[name], true
	}
	for text, want := range map[string]string{
		`<speak>{a}</speak>`:                         `<speak>&lt;break time=&#34;10s&#34;/&gt; &amp; &#34;co&#34;</speak>`,
		`<speak><sub alias="{a}">x</sub>{c}</speak>`: `<speak><sub alias="&lt;break time=&#34;10s&#34;/&gt; &amp; &#34;co&#34;">x</sub>ab</speak>`,
		`{a} there`: `<break time="10s"/> & "co" there`,
		`{b}`:       "\u200b<speak>Hi</speak>",
		` {b}`:      "\u200b <speak>Hi</speak>",
	} {
		v, err := Fill(&Say{Text: text}, evil)
		if err != nil || v.(*Say).Text != want {
			t.Errorf("%s: %q, %v", text, v.(*Say).Text, err)
		}
		p, err := Fill(&Play{Audio: Audios{{Say: &Say{Text: text}}}}, evil)
		if err != nil || p.(*Play).Audio[0].Say.Text != want {
			t.Errorf("in line %s: %q, %v", text, p.(*Play).Audio[0].Say.Text, err)
		}
		if got := v.(*Say).Text; ssml.Is(got) {
			if _, err := ssml.Parse(got); err != nil || !ssml.Is(text) {
				t.Errorf("%s: %v", got, err)
			}
		}
	}
}
