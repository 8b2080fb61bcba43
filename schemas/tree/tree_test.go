package tree

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func parse(t testing.TB, source string) Value {
	t.Helper()
	var tree Tree
	if err := tree.Parse(source); err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return tree.Root()
}

func TestParseAgreesWithTheStandardLibrary(t *testing.T) {
	for _, s := range []string{`null`, ` [1, -0.5e+3 ,true,false,null,"a\"\\\/\b\f\n\r\tä\u00e4\ud83d\ude00\ud83d"] `,
		`{"a":{"b":[[],{}]},"c":""}`, `[`, `]`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `01`, `-`, `1.`, `1e`, `+1`, `.5`,
		`nul`, `tru`, `"`, `"\x"`, `"\u12g4"`, `"\u12`, "\"\n\"", `{1:2}`, `[] []`, ``, ` `, `{"a":1 "b":2}`, "\"\x00\"", `0`, `-0`, `1E5`,
		`{"a":1,"a":2}`, `"\ud83dx"`, `"\ud83d\u0041"`} {
		agrees(t, s)
	}
}

func agrees(t interface{ Fatalf(string, ...any) }, s string) {
	var want any
	wantErr := json.Unmarshal([]byte(s), &want)
	var tree Tree
	err := tree.Parse(s)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: %v; encoding/json says %v", s, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(tree.Root().Any(), want) {
		t.Fatalf("%q: %#v, want %#v", s, tree.Root().Any(), want)
	}
}

func TestParseAgreesOnRandomTexts(t *testing.T) {
	piece := rapid.SampledFrom([]string{"[", "]", "{", "}", ",", ":", `"a"`, `"b\n"`, "1", "-2.5e3", "true", "null", " ", `"`, `\`, "é"})
	rapid.Check(t, func(t *rapid.T) {
		agrees(t, strings.Join(rapid.SliceOfN(piece, 0, 14).Draw(t, "text"), ""))
	})
}

func TestPointerAndLineTellWhereAValueStands(t *testing.T) {
	root := parse(t, "{\n \"a/b~\": [1,\n  {\"c\": 2}],\n \"d\": 3}")
	a, _ := root.Get("a/b~")
	c, _ := a.First().Next().Get("c")
	if c.Pointer() != "/a~1b~0/1/c" || c.Line() != 3 || c.Text() != "2" {
		t.Errorf("%s line %d", c.Pointer(), c.Line())
	}
	if d, ok := root.Get("d"); !ok || d.Pointer() != "/d" || d.Line() != 4 || root.Pointer() != "" {
		t.Errorf("d: %v %s", ok, d.Pointer())
	}
	if a.JSON() != "[1,\n  {\"c\": 2}]" {
		t.Errorf("JSON %s", a.JSON())
	}
}

func TestASyntaxErrorSaysWhereAndWhatWasExpected(t *testing.T) {
	for source, want := range map[string]SyntaxError{
		"[1,\n2":                 {Line: 2, Expected: "a comma or ]", Found: "the end of the text"},
		`{"a": [1, {"b": x}]}`:   {Line: 1, Pointer: "/a/1", Expected: "a value", Found: "x"},
		"[\"a\n\"]":              {Line: 1, Expected: `the string's closing quote (line breaks are written \n)`, Found: `\n\"`},
		"<html>":                 {Line: 1, Expected: "a value", Found: "<html>"},
		"\xff":                   {Line: 1, Expected: "UTF-8 text", Found: "byte 0xff"},
		`[] x`:                   {Line: 1, Expected: "the end of the text", Found: "x"},
		strings.Repeat("[", 100): {Line: 1, Pointer: strings.Repeat("/0", 63), Expected: "at most 64 lists and objects in one another", Found: strings.Repeat("[", 24), TooDeep: true},
	} {
		var tree Tree
		err, ok := tree.Parse(source).(*SyntaxError)
		if !ok || *err != want {
			t.Errorf("%.20q: %+v", source, err)
		}
	}
}

func TestRepeatedPropertiesAreSeen(t *testing.T) {
	root := parse(t, `{"a":1,"b":{"a":1},"a":[2]}`)
	if again := root.tree.Repeated(); len(again) != 1 || again[0].JSON() != "[2]" {
		t.Fatalf("%v", again)
	}
}

func TestABuiltTreeWritesJSON(t *testing.T) {
	var b Builder
	root := b.Open("", Object, 1)
	list := b.Open("a", Array, 1)
	b.Scalar("", String, "x\"\t\n\\", 2)
	b.Scalar("", Number, "1", 3)
	b.Close(list)
	b.Scalar("b", Bool, "true", 4)
	b.Scalar("c", Null, "", 5)
	b.Close(root)
	v := b.Tree().Root()
	if got := v.JSON(); got != `{"a":["x\"\u0009\n\\",1],"b":true,"c":null}` {
		t.Error(got)
	}
	if c, ok := v.Get("b"); !ok || c.Line() != 4 {
		t.Error("line of b")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"a":[1,"\u00e4"]}`)
	f.Fuzz(func(t *testing.T, s string) {
		var tree Tree
		if tree.Parse(s) == nil && !json.Valid([]byte(s)) {
			t.Fatalf("%q was read", s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	s := `[{"verb":"answer"},{"verb":"play","audio":"welcome"},{"verb":"dial","to":[{"user":"101"},{"user":"105"}],"ring_for":"20s"},{"verb":"hangup"}]`
	var tree Tree
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if err := tree.Parse(s); err != nil {
			b.Fatal(err)
		}
	}
}
