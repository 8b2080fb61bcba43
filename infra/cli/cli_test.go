package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/offhook/offhook/infra/run"
)

// offhook runs a command line.
func offhook(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(args, &o, &e)
	return code, o.String(), e.String()
}

// file writes a file and gives its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWrongUsageIsTwo(t *testing.T) {
	for _, args := range [][]string{
		{"nothing"}, {"check"}, {"call"}, {"call", "100", "--wait"}, {"call", "100", "--hold", "soon"}, {"call", "100", "--frequency", "3"},
		{"dev", "--log", "xml"}, {"edge"}, {"fn"}, {"check", "/none/x.json"}, {"dev", "--grace", "long"}, {"events", "replay"},
	} {
		if code, out, errs := offhook(args...); code != exitUsage || errs == "" {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
}

func TestASlipOfTheHandIsAnsweredOnStderrAlone(t *testing.T) {
	for line, want := range map[string]string{
		"chekc":       "offhook: there is no command chekc, did you mean \"check\"?\nRun \"offhook --help\" to see what there is.\n",
		"call --wiat": "offhook: unknown flag --wiat, did you mean \"--wait\"?\nRun \"offhook call --help\" to see what there is.\n",
		"dev extra":   "offhook: unexpected argument extra",
		"check":       "offhook: expected \"<file> ...\"\nRun \"offhook check --help\"",
		"--verbose":   "offhook: unknown flag --verbose",
	} {
		code, out, errs := offhook(strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d, on stdout %q, on stderr %q", line, code, out, errs)
		}
	}
}

func TestHelpIsAnAnswer(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"help"}, {"help", "call"}, {"dev", "--help"}, {"call", "-h"}} {
		if code, out, errs := offhook(args...); code != exitDone || !strings.Contains(out, "Usage: offhook") {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
	for _, command := range []string{"dev", "edge", "fn", "check", "call", "calls", "events", "verbs", "config", "version"} {
		if _, out, _ := offhook("--help"); !strings.Contains(out, "  "+command+" ") {
			t.Errorf("%s is not in the help:\n%s", command, out)
		}
	}
}

const goodConfig = `
tenants:
  demo:
    answer: http://u:hidden-in-url@h.test/call
    users: {"101": {password: hidden-password}}
    asks: {secret: whsec_aGlkZGVuLXNlY3JldC1vZi1tYW55LWJ5dGVz}
email: {smtp: "smtp://pbx:hidden-smtp@h.test:25", from: a@b.test}
history: {database: "postgres://h:hidden-db@db.test/x"}
api_keys: [{name: k, key: hidden-key}]
`

func TestCheckSaysWhatIsWrongAndWhere(t *testing.T) {
	good := file(t, "good.json", `[{"verb": "hangup"}]`)
	answer := file(t, "answer.json", `{"verbs": [{"verb": "hangup"}], "vars": {"x": 1}}`)
	bad := file(t, "bad.json", "[\n {\"verb\": \"dail\", \"to\": {\"user\": \"101\"}}\n]")
	unknown := file(t, "unknown.json", `[{"verb": "say", "text": "{nobody}"}]`)
	conf, badConf := file(t, "good.yaml", goodConfig), file(t, "bad.yml", "tenants:\n  demo: {usrs: {}}\n")
	for _, c := range []struct {
		args []string
		code int
		has  string
	}{
		{[]string{good, answer, conf}, 0, good + ": good\n" + answer + ": good\n" + conf + ": good\n"},
		{[]string{good, bad}, 1, good + ": good\n" + bad + ":2: unknown_verb at /0/verb"},
		{[]string{bad}, 1, "dial"},
		{[]string{unknown}, 1, "unknown_variable"},
		{[]string{unknown, "--vars", "nobody"}, 0, "good"},
		{[]string{badConf}, 1, badConf + ":2:"},
		{[]string{filepath.Dir(good)}, 2, ""},
		{[]string{file(t, "empty.json", "")}, 0, "good"},
	} {
		code, out, errs := offhook(append([]string{"check"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.has) {
			t.Errorf("%v: %d\n%s%s", c.args, code, out, errs)
		}
	}
	code, out, _ := offhook("check", "--json", bad, badConf)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 1 || len(lines) < 2 {
		t.Fatalf("%d: %s", code, out)
	}
	for _, line := range lines {
		var f struct {
			File, Code, Pointer string
			Line                int
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.File == "" || f.Code == "" || f.Pointer == "" || f.Line != 2 {
			t.Errorf("%v in %s", err, line)
		}
	}
}

func TestCheckReadsTheDocumentsOfAConfiguration(t *testing.T) {
	conf := file(t, "offhook.yaml", `tenants:
  demo:
    answer: good.json
    users: {"101": {password: x, answer: bad.json}}
    numbers:
      "100": {answer: none.json}
      "200": {answer: bad.json}
      "300": {answer: "https://acme.test/call.json"}
`)
	folder := filepath.Dir(conf)
	for name, text := range map[string]string{"good.json": `{"verbs": [{"verb": "hangup"}], "vars": {"x": 1}}`, "bad.json": `[{"verb": "hangpu"}]`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := offhook("check", conf)
	want := conf + `:6: no_file at /tenants/demo/numbers/100/answer: expected a file beside the configuration, found "none.json" (no such file or directory)` + "\n" +
		filepath.Join(folder, "good.json") + ": good\n" +
		filepath.Join(folder, "bad.json") + `:1: unknown_verb at /0/verb: expected a verb, found "hangpu" (did you mean hangup?)` + "\n"
	if code != exitBad || out != want {
		t.Errorf("%d\n%s%s\nwant\n%s", code, out, errs, want)
	}
}

func TestWhatProgramsReadIsJSON(t *testing.T) {
	conf := file(t, "offhook.yaml", goodConfig)
	for _, args := range [][]string{{"version", "--json"}, {"verbs", "--json"}, {"config", "--json", "--config", conf}} {
		code, out, errs := offhook(args...)
		if code != exitDone || !json.Valid([]byte(out)) || strings.Contains(out, "hidden-") {
			t.Errorf("%v: %d\n%s%s", args, code, out, errs)
		}
	}
}

func TestConfigHidesEverySecret(t *testing.T) {
	t.Setenv("OFFHOOK_CONFIG", file(t, "offhook.yaml", goodConfig))
	code, out, errs := offhook("config")
	if code != 0 || strings.Contains(out, "hidden-") || strings.Contains(out, "aGlkZGVu") {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	for _, want := range []string{"demo:", `"101"`, "smtp://pbx:[hidden]@h.test:25", "postgres://h:[hidden]@db.test/x", "http://u:[hidden]@h.test/call"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if code, _, errs := offhook("config", "--config", file(t, "bad.yaml", "tenants: []")); code != exitBad || !strings.Contains(errs, "bad.yaml:1:") {
		t.Errorf("a bad file: %d %s", code, errs)
	}
}

func TestTheReferenceIsPrinted(t *testing.T) {
	if code, out, _ := offhook("verbs"); code != 0 || !strings.Contains(out, "gather") || !strings.Contains(out, "dial") {
		t.Errorf("%d %s", code, out)
	}
	if code, out, _ := offhook("verbs", "dial"); code != 0 || !strings.Contains(out, "ring_for") {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ := offhook("verbs", "dial", "--json")
	var schema map[string]any
	if err := json.Unmarshal([]byte(out), &schema); code != 0 || err != nil {
		t.Errorf("%d %v", code, err)
	}
	if code, _, errs := offhook("verbs", "dail"); code == 0 || !strings.Contains(errs, "dial") {
		t.Errorf("an unknown verb: %d %s", code, errs)
	}
	if code, out, _ := offhook("version"); code != 0 || !strings.HasPrefix(out, "offhook ") || strings.Count(out, "\n") != 1 {
		t.Errorf("%d %q", code, out)
	}
}

// server plays a running offhook.
func server(t *testing.T) *httptest.Server {
	at := `"time":"2026-03-01T09:30:0%d.5Z"`
	event := func(n int, kind, data string) string {
		return fmt.Sprintf(`{"id":"call_1-%d","type":"offhook.%s","subject":"call_1",`+at+`,"data":%s}`, n, kind, n, data)
	}
	ringing := event(0, "call.ringing", `{"from":"+371","to":"100"}`)
	hangup := event(2, "call.hangup", `{"by":"caller","cause":{"reason":"hangup"},"duration_ms":2000}`)
	mux := http.NewServeMux()
	answer := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer key" {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"code":"unauthorized","detail":"give an API key"}`)
				return
			}
			fmt.Fprint(w, body)
		})
	}
	answer("GET /v1/calls", `{"calls":[{"id":"call_1","status":"bridged","from":"+371","to":"100","agent":"101","created_at":"2026-03-01T09:30:00Z"},
		{"id":"call_2","status":"parked","place":"701","from":"+372","to":"100","created_at":"2026-03-01T09:30:00Z"}]}`)
	answer("GET /v1/calls/call_1/events", `{"call":"call_1","events":[`+ringing+","+hangup+`]}`)
	answer("GET /v1/calls/{id}/events", `{"call":"x","events":[]}`)
	answer("GET /v1/events/recent", `{"events":[`+ringing+`]}`)
	answer("GET /v1/events", ": offhook events\n\nid: 1\nevent: x\ndata: "+ringing+"\n\n: alive\n\ndata: "+hangup+"\n\n")
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Setenv("OFFHOOK_HTTP", s.Listener.Addr().String())
	t.Setenv("OFFHOOK_KEY", "key")
	return s
}

func TestCallsAndTheirTimelines(t *testing.T) {
	server(t)
	if code, out, _ := offhook("calls"); code != 0 || !strings.HasPrefix(out, "CALL") || !strings.Contains(out, "call_1  bridged     +371  100  101") ||
		!strings.Contains(out, "call_2  parked 701  +372  100") {
		t.Errorf("%d\n%s", code, out)
	}
	code, out, _ := offhook("calls", "call_1")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.Contains(lines[0], "+   0.000s  call.ringing     +371 → 100") ||
		!strings.Contains(lines[1], "+   2.000s  call.hangup      by caller · hangup · 2s") {
		t.Errorf("%d\n%s", code, out)
	}
	for _, args := range [][]string{{"calls", "--json"}, {"calls", "call_1", "--json"}} {
		var list []map[string]any
		code, out, _ := offhook(args...)
		if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil || len(list) == 0 || list[0]["id"] == nil {
			t.Errorf("%v: %d %v\n%s", args, code, err, out)
		}
	}
	if code, out, errs := offhook("calls", "../../healthz?x"); code != 0 || out != "" {
		t.Errorf("an id is no path: %d %s %s", code, out, errs)
	}
}

func TestEventsAreShownAndFollowed(t *testing.T) {
	server(t)
	for _, c := range []struct {
		args string
		code int
		want int
	}{
		{"events", 0, 1}, {"events show --json", 0, 1}, {"events --call call_1", 0, 2}, {"events --call call_1 --type call.hang*", 0, 1},
		{"events --follow", 1, 2}, {"events -f --json", 1, 2},
	} {
		code, out, errs := offhook(strings.Fields(c.args)...)
		if n := strings.Count(out, "\n"); code != c.code || n != c.want {
			t.Errorf("%s: %d, %d lines\n%s%s", c.args, code, n, out, errs)
		}
		if c.code == 1 && !strings.Contains(errs, "the stream ended") {
			t.Errorf("%s: %s", c.args, errs)
		}
	}
	var e run.WireEvent
	if _, out, _ := offhook("events", "--json"); json.Unmarshal([]byte(out), &e) != nil || e.Type != "offhook.call.ringing" {
		t.Errorf("%s", out)
	}
}

func TestAServersRefusalIsSaid(t *testing.T) {
	s := server(t)
	t.Setenv("OFFHOOK_KEY", "wrong")
	if code, _, errs := offhook("calls"); code != exitBad || !strings.Contains(errs, "unauthorized: give an API key with --key") {
		t.Errorf("%d %s", code, errs)
	}
	if code, _, errs := offhook("calls", "--http", "http://"+s.Listener.Addr().String(), "--key", "key"); code != exitDone {
		t.Errorf("flags over environment: %d %s", code, errs)
	}
	s.Close()
	if code, _, errs := offhook("events"); code != exitBad || !strings.Contains(errs, "is offhook running? --http names its address") {
		t.Errorf("%d %s", code, errs)
	}
}

func TestAFaultyConfigurationStopsAStart(t *testing.T) {
	bad := file(t, "offhook.yaml", "tenants: {demo: {usrs: {}}}")
	data := t.TempDir()
	t.Setenv("OFFHOOK_DATA", data)
	for _, args := range [][]string{
		{"dev", "--config", bad}, {"edge", "--config", bad, "--kafka", "127.0.0.1:9"}, {"fn", "router", "--config", bad, "--kafka", "127.0.0.1:9"},
	} {
		if code, _, errs := offhook(args...); code != exitBad || !strings.Contains(errs, "usrs") {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
	t.Setenv("OFFHOOK_KAFKA", "kafka://h:9?sasl=magic")
	good := file(t, "offhook.yaml", "tenants: {demo: {}}")
	for _, command := range []string{"edge", "fn"} {
		args := []string{command, "--config", good}
		if command == "fn" {
			args = append(args, "router")
		}
		if code, _, errs := offhook(args...); code != exitBad || !strings.Contains(errs, "--kafka") {
			t.Errorf("%s with OFFHOOK_KAFKA: %d %s", command, code, errs)
		}
	}
}

func TestEveryFlagOfAServerHasItsVariable(t *testing.T) {
	var c commands
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, command := range parser.Model.Children {
		if command.Name != "dev" && command.Name != "edge" && command.Name != "fn" {
			continue
		}
		for _, flag := range command.Flags {
			seen++
			if len(flag.Envs) != 1 || !strings.HasPrefix(flag.Envs[0], "OFFHOOK_") {
				t.Errorf("%s --%s has %v", command.Name, flag.Name, flag.Envs)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d flags seen", seen)
	}
}

func TestACallThatFailsIsOne(t *testing.T) {
	if code, out, errs := offhook("call", "100", "--server", "127.0.0.1:1", "--tcp", "--for", "1s"); code != exitBad {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
}
