package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
)

type checkCmd struct {
	Files []string `arg:"" name:"file" help:"Verb documents (.json) or configuration (.yaml, with the documents that it names); - reads a document from standard input."`
	JSON  bool     `help:"Faults as JSON lines."`
	Vars  []string `help:"Further variable names that documents may use." placeholder:"NAME"`
}

func (c *checkCmd) Run(out io.Writer) error {
	bad := false
	for _, file := range c.Files {
		faults, err := c.one(file)
		if err != nil {
			return usage{err}
		}
		for _, f := range faults {
			bad = bad || len(f.list) > 0
			c.print(out, f.file, f.list)
		}
	}
	if bad {
		return errBad
	}
	return nil
}

// judged is a file and its faults.
type judged struct {
	file string
	list []event.Fault
}

// one judges a file, and with a configuration the documents that it names.
func (c *checkCmd) one(file string) ([]judged, error) {
	raw, err := read(file)
	if err != nil {
		return nil, err
	}
	if ext := strings.ToLower(filepath.Ext(file)); ext != ".yaml" && ext != ".yml" {
		_, faults := check.Answer(raw, c.Vars)
		return []judged{{file, faults}}, nil
	}
	conf, faults := check.Config(raw, file, run.Missing()...)
	if conf == nil {
		return []judged{{file, faults}}, nil
	}
	return c.named(file, raw, conf), nil
}

// named judges the documents beside a good configuration.
func (c *checkCmd) named(file string, raw []byte, conf *config.Config) []judged {
	all := []judged{{file: file}}
	for _, a := range answers(conf) {
		path := a.name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		if slices.ContainsFunc(all, func(j judged) bool { return j.file == path }) {
			continue
		}
		doc, err := os.ReadFile(path)
		if err != nil {
			line := 1 + bytes.Count(raw[:max(0, bytes.Index(raw, []byte(a.name)))], []byte("\n"))
			all[0].list = append(all[0].list, event.Fault{Code: "no_file", Pointer: a.pointer, Line: line,
				Expected: "a file beside the configuration", Found: strconv.Quote(a.name), Hint: cause(err)})
			continue
		}
		_, faults := check.Answer(doc, c.Vars)
		all = append(all, judged{path, faults})
	}
	return all
}

func cause(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// answering is a place of a configuration that names a document.
type answering struct{ pointer, name string }

func answers(conf *config.Config) (all []answering) {
	add := func(do *verb.Do, pointer ...string) {
		if do != nil && strings.HasSuffix(do.URL, ".json") && !strings.Contains(do.URL, "://") && !strings.HasPrefix(do.URL, "fn:") {
			all = append(all, answering{"/tenants/" + strings.Join(pointer, "/") + "/answer", do.URL})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(conf.Tenants)) {
		t := conf.Tenants[name]
		add(t.Answer, name)
		for _, number := range slices.Sorted(maps.Keys(t.Numbers)) {
			add(t.Numbers[number].Answer, name, "numbers", number)
		}
		for _, user := range slices.Sorted(maps.Keys(t.Users)) {
			add(t.Users[user].Answer, name, "users", user)
		}
	}
	return all
}

func read(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	}
	return os.ReadFile(file)
}

func (c *checkCmd) print(out io.Writer, file string, faults []event.Fault) {
	if c.JSON {
		enc := json.NewEncoder(out)
		for _, f := range faults {
			_ = enc.Encode(struct {
				File string `json:"file"`
				event.Fault
			}{file, f})
		}
		return
	}
	if len(faults) == 0 {
		fmt.Fprintf(out, "%s: good\n", file)
	}
	for _, f := range faults {
		fmt.Fprintln(out, run.FaultLine(file, f))
	}
}
