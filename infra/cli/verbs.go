package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/reference"
)

type verbsCmd struct {
	Name string `arg:"" optional:"" help:"One verb."`
	JSON bool   `help:"The schemas as JSON."`
}

func (c *verbsCmd) Run(out io.Writer) error { return reference.Verbs(out, c.Name, c.JSON) }

type versionCmd struct {
	JSON bool `help:"As JSON."`
}

func (c versionCmd) Run(out io.Writer) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(struct {
			Version  string `json:"version"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
			Opus     bool   `json:"opus"`
		}{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, media.Speaks("opus")})
	}
	codecs := ""
	if media.Speaks("opus") {
		codecs = " with Opus"
	}
	fmt.Fprintf(out, "offhook %s %s %s/%s%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, codecs)
	return nil
}

// version is the module's, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}
