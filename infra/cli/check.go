package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
)

type checkCmd struct {
	Files []string `arg:"" name:"file" help:"Verb documents (.json) or configuration (.yaml); - reads a document from standard input."`
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
		bad = bad || len(faults) > 0
		c.print(out, file, faults)
	}
	if bad {
		return errBad
	}
	return nil
}

func (c *checkCmd) one(file string) ([]event.Fault, error) {
	raw, err := read(file)
	if err != nil {
		return nil, err
	}
	if ext := strings.ToLower(filepath.Ext(file)); ext == ".yaml" || ext == ".yml" {
		_, faults := check.Config(raw, file, run.Missing()...)
		return faults, nil
	}
	_, faults := check.Answer(raw, c.Vars)
	return faults, nil
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
