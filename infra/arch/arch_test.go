package arch

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/offhook/offhook/"

// rule: packages below From may import, of ours, only what stands in May (prefixes; a package may always import below itself).
type rule struct {
	from string
	may  []string
	why  string
}

var rules = []rule{
	{"schemas/", []string{"schemas/"}, "the schemas are the source of truth and stand on nothing"},
	{"events/", []string{"events/", "schemas/"}, "the log knows envelopes, not calls"},
	{"edge/call/", []string{"edge/call/", "schemas/"}, "the core is pure"},
	{"edge/verbs/", []string{"edge/verbs/", "edge/call/", "schemas/"}, "verbs are part of the pure core"},
	{"edge/sipua/guard/", nil, "what looks at bytes from anywhere knows messages and nothing else"},
	{"edge/sipua/digest/", []string{"edge/sipua/guard/"}, "who proves what, and to whom, needs no call"},
	{"edge/sipua/refer/", []string{"edge/sipua/guard/"}, "what a transfer is made of is text"},
	{"edge/sipua/", []string{"edge/sipua/", "edge/load/"}, "signalling serves any call logic"},
	{"edge/load/", nil, "how long something waited says nothing of what it is"},
	{"edge/media/", []string{"edge/media/"}, "media knows no SIP, no calls, no tenants"},
	{"edge/speech/", []string{"edge/speech/", "edge/sound/wav/", "edge/sound/file/", "schemas/ssml/"}, "speech is text in, sound out; it shares only the readers of files and of SSML"},
	{"edge/sound/", []string{"edge/sound/", "edge/bucket/", "edge/media/", "edge/speech/", "schemas/"}, "sounds are names made frames"},
	{"edge/certificate/", nil, "a certificate needs nothing of ours"},
	{"edge/bucket/", nil, "a bucket keeps bytes"},
	{"edge/recordings/", []string{"edge/recordings/", "edge/bucket/", "edge/sound/wav/"}, "keeping files needs no call; it shares the writer of WAV files"},
	{"edge/stream/", []string{"edge/stream/", "edge/media/g711/"}, "a stream is frames and a connection; it shares only the codes of sound"},
	{"edge/ask/", []string{"edge/ask/", "schemas/"}, "asking a script needs no call"},
	{"edge/node/", []string{"edge/", "events/", "schemas/"}, "the shell joins the edge"},
	{"edge/api/", []string{"edge/api/", "edge/node/", "edge/sipua/", "edge/sound/", "events/", "schemas/"}, "the API shows what the node does, and keeps samples"},
	{"edge/console/", []string{"edge/console/", "edge/node/", "edge/sipua/", "events/", "schemas/"}, "the page shows what the node does"},
	{"edge/edgetest/", []string{"edge/", "events/", "schemas/"}, "test parts of the edge"},
	{"functions/", []string{"functions/", "schemas/", "events/"}, "functions never import the edge"},
	{"infra/", []string{""}, "infra joins everything"},
	{"main/", []string{"infra/cli/"}, "main only starts the command line"},
}

// only says which packages may import a third-party module.
var only = map[string][]string{
	"github.com/segmentio/kafka-go": {"events/", "infra/"},
	"github.com/emiago/sipgo":       {"edge/sipua/", "edge/edgetest/", "infra/phone/", "infra/bench/"},
	"github.com/go-resty/resty":     {"edge/ask/", "functions/", "infra/"},
	"github.com/coder/websocket":    {"edge/sipua/", "edge/stream/", "infra/e2e/", "infra/sim/"},
	"github.com/aws/aws-lambda-go":  {"functions/fn/"},
	"github.com/pion/rtp":           {"edge/media/", "edge/edgetest/", "infra/"},
	"github.com/twmb/franz-go":      {"events/embedded/"},
	"github.com/aws/aws-sdk-go-v2":  {"edge/bucket/", "edge/speech/"},
	"github.com/tetratelabs/wazero": {"edge/speech/"},
	"github.com/alecthomas/kong":    {"infra/cli/"},
	"modernc.org/sqlite":            {"functions/"},
	"github.com/jackc/pgx":          {"functions/"},
	"github.com/wneessen/go-mail":   {"functions/"},
}

// pure packages must not know the machine.
var pure = []string{"edge/call/", "edge/verbs/", "edge/sipua/guard/", "edge/sipua/refer/", "edge/load/"}

var machine = []string{"net", "net/http", "os", "log", "log/slog", "context", "sync", "sync/atomic", "math/rand", "math/rand/v2"}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// ours is a package's path in the project with a slash at its end; "main/" is the root.
func ours(path string) (string, bool) {
	if path+"/" == module {
		return "main/", true
	}
	rest, ok := strings.CutPrefix(path, module)
	return rest + "/", ok
}

func within(path string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		r, ok := ruleFor(from)
		if !ok {
			t.Errorf("%s has no rule: say in infra/arch what it may import", from)
			continue
		}
		for _, imported := range p.Imports {
			if to, mine := ours(imported); mine && !within(to, r.may) {
				t.Errorf("%s imports %s, but %s", from, to, r.why)
			}
		}
	}
}

func ruleFor(from string) (rule, bool) {
	for _, r := range rules {
		if strings.HasPrefix(from, r.from) {
			return r, true
		}
	}
	return rule{}, false
}

func TestNobodyImportsInfraButItselfAndMain(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		for _, imported := range p.Imports {
			to, mine := ours(imported)
			if mine && strings.HasPrefix(to, "infra/") && !strings.HasPrefix(from, "infra/") && from != "main/" {
				t.Errorf("%s imports %s: infra stands on top", from, to)
			}
		}
	}
}

func TestAFunctionNeverImportsAnotherFunction(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		mine, inside := functionOf(from)
		if !inside || mine == "fn" || mine == "all" {
			continue
		}
		for _, imported := range p.Imports {
			to, _ := ours(imported)
			if other, is := functionOf(to); is && other != mine && other != "fn" {
				t.Errorf("%s imports %s: functions are independent", from, to)
			}
		}
	}
}

func functionOf(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "functions/")
	name, _, _ := strings.Cut(rest, "/")
	return name, ok
}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		for _, imported := range p.Imports {
			for library, rooms := range only {
				if strings.HasPrefix(imported, library) && !within(from, rooms) {
					t.Errorf("%s imports %s, which only %s may", from, imported, strings.Join(rooms, ", "))
				}
			}
		}
	}
}

func TestTheCoreAndTheGuardArePure(t *testing.T) {
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		if !within(from, pure) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(machine, imported) {
				t.Errorf("%s imports %s: it holds no clock, socket, goroutine, logger or context", from, imported)
			}
		}
	}
}
