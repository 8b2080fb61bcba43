package verbs_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/call/calltest"
	"github.com/offhook/offhook/edge/verbs"
)

// A transcript of calls that meet: each line begins with the call. What they send each other arrives at once, in order;
// "> arrives" lets it come when nothing else does. Only what is sent is not shown; what it does is.
func TestTranscriptsOfCallsThatMeet(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.town")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d transcripts, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".town"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replayTown(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s; -rewrite accepts it", firstDifference(got, string(want)))
			}
		})
	}
}

// townReplay is a transcript on its way.
type townReplay struct {
	t    *testing.T
	town *calltest.Town
	seen map[string]map[string][]int
	b    strings.Builder
}

func replayTown(t *testing.T, script string) string {
	r := &townReplay{t: t, town: calltest.NewTown(calltest.Config{}, calltest.Maker{New: verbs.NewCall, Read: verbs.ReadCall}),
		seen: map[string]map[string][]int{}}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "<") {
			continue
		}
		r.b.WriteString(line)
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "> "); ok {
			r.line(rest)
		}
	}
	return r.b.String()
}

func (r *townReplay) line(line string) {
	id, rest, _ := strings.Cut(line, " ")
	if r.seen[id] == nil {
		r.seen[id] = map[string][]int{}
	}
	after, in := readInput(r.t, named(rest, r.seen[id]))
	at := r.town.Now().Add(after)
	if begin, ok := in.(call.Begin); ok {
		begin.Call.ID = id
		if len(r.seen) == 1 {
			at = start
		}
		must(r.t, r.town, r.town.Begin(at, begin))
	} else {
		must(r.t, r.town, r.town.Do(calltest.Move{Call: id, Choice: calltest.Choice{Input: in, At: at}}))
	}
	r.show()
	for mail := r.town.Mail(); len(mail) > 0; mail = r.town.Mail() {
		must(r.t, r.town, r.town.Do(mail[0]))
		r.show()
	}
}

// show writes what came out; a call goes through JSON between any two steps.
func (r *townReplay) show() {
	for _, out := range r.town.Outs() {
		if r.seen[out.Call] == nil {
			r.seen[out.Call] = map[string][]int{}
		}
		number(out.Output, r.seen[out.Call])
		if _, ok := out.Output.(call.Send); !ok {
			r.b.WriteString("< " + out.Call + " " + show(r.t, out.Output) + "\n")
		}
	}
	for id := range maps.Keys(r.seen) {
		must(r.t, r.town, r.town.Reread(id))
	}
}
