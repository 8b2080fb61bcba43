package cli

import (
	"context"
	"io"
	"time"

	"github.com/offhook/offhook/infra/dev"
	"github.com/offhook/offhook/infra/run"
)

type devCmd struct {
	Answer string        `help:"Calls that nothing else claims ask this webhook, or run this document." placeholder:"URL|FILE" env:"OFFHOOK_ANSWER"`
	Config string        `help:"Configuration; default DATA/offhook.yaml, written with the demo tenant at the first start." placeholder:"FILE" env:"OFFHOOK_CONFIG"`
	Data   string        `help:"Folder for all data." default:".offhook" env:"OFFHOOK_DATA"`
	Name   string        `help:"This edge's name in events, headers and among the nodes of the configuration." default:"dev" env:"OFFHOOK_NAME"`
	SIP    string        `help:"Address for SIP over UDP and TCP." default:"127.0.0.1:5060" env:"OFFHOOK_SIP"`
	RTP    string        `help:"Address and ports for RTP." default:"127.0.0.1:20000-29999" env:"OFFHOOK_RTP"`
	HTTP   string        `help:"Address of the REST interface and the page." default:"127.0.0.1:8080" env:"OFFHOOK_HTTP"`
	Kafka  string        `help:"Address of the embedded event log." default:"127.0.0.1:9092" env:"OFFHOOK_KAFKA"`
	Log    string        `help:"Log format: text or json." enum:"text,json" default:"text" env:"OFFHOOK_LOG"`
	Level  string        `help:"Log level: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"OFFHOOK_LOG_LEVEL"`
	Grace  time.Duration `help:"How long calls may go on after an interrupt." default:"5s" env:"OFFHOOK_GRACE"`

	Secure secureFlags `embed:""`

	Profile string `help:"Loopback address for the runtime's profiles." hidden:"" name:"pprof" env:"OFFHOOK_PPROF"`
}

// secureFlags are those of the listeners for SIP over TLS and WebSocket.
type secureFlags struct {
	TLS  string `help:"Address for SIP over TLS; none by default." placeholder:"ADDR" env:"OFFHOOK_TLS"`
	WS   string `help:"Address for SIP over WebSocket; none by default." name:"ws" placeholder:"ADDR" env:"OFFHOOK_WS"`
	WSS  string `help:"Address for SIP over WebSocket with TLS; none by default." name:"wss" placeholder:"ADDR" env:"OFFHOOK_WSS"`
	Cert string `help:"Certificate of --tls and --wss with its chain (PEM), read again when it changes." placeholder:"FILE" env:"OFFHOOK_CERT"`
	Key  string `help:"Its key (PEM)." placeholder:"FILE" env:"OFFHOOK_CERT_KEY"`

	WSOrigins []string `help:"Hosts whose pages may use SIP over WebSocket, beside the server's own: shop.example, *.acme.test, 127.0.0.1:3000, or * for all." name:"ws-origins" placeholder:"HOST" env:"OFFHOOK_WS_ORIGINS"`
}

func (f secureFlags) options(selfMade bool) run.Secure {
	return run.Secure{TLS: f.TLS, WS: f.WS, WSS: f.WSS, Origins: f.WSOrigins, Cert: f.Cert, Key: f.Key, SelfMade: selfMade}
}

func (c *devCmd) Run(ctx context.Context, out io.Writer) error {
	return dev.Run(ctx, dev.Options{
		Answer: c.Answer, Config: c.Config, Data: c.Data, Version: version(),
		Edge: run.EdgeOptions{SIP: c.SIP, Secure: c.Secure.options(true), RTP: c.RTP, HTTP: c.HTTP, Kafka: c.Kafka, Data: c.Data, Name: c.Name, Grace: c.Grace, Profile: c.Profile},
		JSON: c.Log == "json", Level: c.Level,
	}, out)
}

type edgeCmd struct {
	Config string        `help:"Configuration file." required:"" env:"OFFHOOK_CONFIG"`
	Data   string        `help:"Folder for the spool and caches." default:".offhook" env:"OFFHOOK_DATA"`
	Name   string        `help:"This edge's name in events, headers and among the nodes of the configuration." default:"edge" env:"OFFHOOK_NAME"`
	SIP    string        `help:"Address for SIP over UDP and TCP." default:"0.0.0.0:5060" env:"OFFHOOK_SIP"`
	Public string        `help:"Host told to phones for SIP, when another than the listener's." placeholder:"HOST" env:"OFFHOOK_PUBLIC"`
	RTP    string        `help:"Address and ports for RTP." default:"127.0.0.1:20000-29999" env:"OFFHOOK_RTP"`
	Sound  string        `help:"IP address told to phones for RTP, when another than that of --rtp, such as behind NAT." name:"rtp-public" placeholder:"IP" env:"OFFHOOK_RTP_PUBLIC"`
	HTTP   string        `help:"Address of the REST interface and the page." default:"127.0.0.1:8080" env:"OFFHOOK_HTTP"`
	Kafka  string        `help:"Brokers: host:port,... or kafka://user:pass@host:port?tls=true&sasl=scram-sha-512" required:"" env:"OFFHOOK_KAFKA"`
	Secret string        `help:"Key shared by the edges of a cluster, for Contact and nonces." env:"OFFHOOK_SECRET"`
	Log    string        `help:"Log format: text or json." enum:"text,json" default:"json" env:"OFFHOOK_LOG"`
	Level  string        `help:"Log level: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"OFFHOOK_LOG_LEVEL"`
	Grace  time.Duration `help:"How long calls may go on after SIGTERM." default:"10m" env:"OFFHOOK_GRACE"`
	Nice   int           `help:"Priority beside other processes, -20 (first) to 19, where the system allows it; 0 leaves it, and one that it was started with stays." default:"-10" env:"OFFHOOK_NICE"`

	Secure secureFlags `embed:""`

	Profile string `help:"Loopback address for the runtime's profiles." hidden:"" name:"pprof" env:"OFFHOOK_PPROF"`
}

func (c *edgeCmd) Run(ctx context.Context, out io.Writer) error {
	settings, err := run.Load(c.Config, nil)
	if err != nil {
		return err
	}
	return run.EdgeAlone(ctx, settings, run.EdgeOptions{SIP: c.SIP, Secure: c.Secure.options(false), RTP: c.RTP, Sound: c.Sound, HTTP: c.HTTP, Kafka: c.Kafka, Data: c.Data, Name: c.Name,
		Public: c.Public, Secret: c.Secret, Grace: c.Grace, Nice: c.Nice, Profile: c.Profile}, run.NewLogger(out, c.Log == "json", c.Level))
}

type fnCmd struct {
	Names  []string `arg:"" name:"name" help:"Functions: router, email, history."`
	Config string   `help:"Configuration file." required:"" env:"OFFHOOK_CONFIG"`
	Data   string   `help:"Folder for local files." default:".offhook" env:"OFFHOOK_DATA"`
	HTTP   string   `help:"Address for asks, pages, health and metrics." default:"127.0.0.1:8081" env:"OFFHOOK_FN_HTTP"`
	Kafka  string   `help:"Brokers." required:"" env:"OFFHOOK_KAFKA"`
	Log    string   `help:"Log format: text or json." enum:"text,json" default:"json" env:"OFFHOOK_LOG"`
	Level  string   `help:"Log level: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"OFFHOOK_LOG_LEVEL"`

	Secrets []string `help:"Secrets of Standard Webhooks (whsec_...): asks must be signed with one of them. None: asks are not checked." placeholder:"SECRET" env:"OFFHOOK_FN_SECRETS"`
}

func (c *fnCmd) Run(ctx context.Context, out io.Writer) error {
	settings, err := run.Load(c.Config, nil)
	if err != nil {
		return err
	}
	return run.Functions(ctx, settings, run.FunctionOptions{Names: c.Names, Data: c.Data, HTTP: c.HTTP, Kafka: c.Kafka, Secrets: c.Secrets},
		run.NewLogger(out, c.Log == "json", c.Level))
}
