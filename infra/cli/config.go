package cli

import (
	"io"
	"regexp"

	"github.com/goccy/go-yaml"

	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/config"
)

type configCmd struct {
	Config string `help:"Configuration file." default:".offhook/offhook.yaml" env:"OFFHOOK_CONFIG"`
}

// Run prints what is in force after files and environment were read; secrets print as ***.
func (c *configCmd) Run(out io.Writer) error {
	s, err := run.Load(c.Config, nil)
	if err != nil {
		return err
	}
	b, err := yaml.MarshalWithOptions(s.Config(), yaml.UseJSONMarshaler())
	if err != nil {
		return err
	}
	_, err = out.Write(password.ReplaceAll(b, []byte("://${1}:"+config.Hidden+"@")))
	return err
}

// password of a URL: of a mail server, a database, a webhook.
var password = regexp.MustCompile(`://([^/:@\s"]*):([^/@\s"]+)@`)
