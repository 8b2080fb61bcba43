package cli

import (
	"encoding/json"
	"io"
	"regexp"

	"github.com/goccy/go-yaml"

	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/config"
)

type configCmd struct {
	Config string `help:"Configuration file." default:".offhook/offhook.yaml" env:"OFFHOOK_CONFIG"`
	JSON   bool   `help:"As JSON."`
}

// Run prints what is in force after files and environment were read; secrets print as ***.
func (c *configCmd) Run(out io.Writer) error {
	s, err := run.Load(c.Config, nil)
	if err != nil {
		return err
	}
	b, err := c.marshal(s.Config())
	if err != nil {
		return err
	}
	_, err = out.Write(password.ReplaceAll(b, []byte("://${1}:"+config.Hidden+"@")))
	return err
}

func (c *configCmd) marshal(v *config.Config) ([]byte, error) {
	if c.JSON {
		b, err := json.Marshal(v)
		return append(b, '\n'), err
	}
	return yaml.MarshalWithOptions(v, yaml.UseJSONMarshaler())
}

// password of a URL: of a mail server, a database, a webhook.
var password = regexp.MustCompile(`://([^/:@\s"]*):([^/@\s"]+)@`)
