package fn

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/offhook/offhook/events"
)

// settings are what Main takes from flags and the environment.
type settings struct {
	config, data, http, kafka, secrets, level string
	lambda                                    bool
}

// Main runs one function as a program: on AWS Lambda when AWS_LAMBDA_RUNTIME_API is set, else as Serve until SIGINT or
// SIGTERM. Flags and environment: -config OFFHOOK_CONFIG, -data OFFHOOK_DATA, -http OFFHOOK_FN_HTTP,
// -kafka OFFHOOK_KAFKA, -level OFFHOOK_LOG_LEVEL; OFFHOOK_FN_SECRETS are the Standard Webhooks secrets, with commas
// between, one of which must have signed an ask. It exits with 1 on failure and 2 on wrong usage.
//
// On Lambda the configuration lies in the deployment package (offhook.yaml by default). Function URLs need the invoke
// mode RESPONSE_STREAM, Kafka mappings FunctionResponseTypes ReportBatchItemFailures. Local files do not outlive an
// instance there: what must (the e-mail function's journal) needs a mounted folder named by OFFHOOK_DATA.
func Main(spec Spec) {
	s, err := parseSettings(spec, os.Args[1:], os.Getenv, os.Stderr)
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := newLogger(os.Stderr, s.level).With("fn", spec.Name)
	if err := s.run(ctx, spec, log); err != nil {
		log.Error("stopped", "err", err)
		os.Exit(1)
	}
}

func parseSettings(spec Spec, args []string, getenv func(string) string, out io.Writer) (settings, error) {
	s := settings{lambda: getenv("AWS_LAMBDA_RUNTIME_API") != "", secrets: getenv("OFFHOOK_FN_SECRETS")}
	folder := ".offhook"
	if s.lambda {
		folder = filepath.Join(os.TempDir(), "offhook")
	}
	env := func(name, fallback string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return fallback
	}
	f := flag.NewFlagSet(spec.Name, flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&s.config, "config", env("OFFHOOK_CONFIG", "offhook.yaml"), "configuration `file`")
	f.StringVar(&s.data, "data", env("OFFHOOK_DATA", folder), "`folder` for local files")
	f.StringVar(&s.http, "http", env("OFFHOOK_FN_HTTP", "127.0.0.1:8081"), "`address` for asks and pages; empty: none")
	f.StringVar(&s.kafka, "kafka", env("OFFHOOK_KAFKA", ""), "`brokers`; empty: no events")
	f.StringVar(&s.level, "level", env("OFFHOOK_LOG_LEVEL", "info"), "log `level`: debug, info, warn, error")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		fmt.Fprintf(out, "%s takes no arguments\n", spec.Name)
		return s, flag.ErrHelp
	}
	return s, nil
}

func newLogger(w io.Writer, level string) *slog.Logger {
	l := slog.LevelInfo
	_ = l.UnmarshalText([]byte(level)) // an unknown level is info
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
}

func (s settings) run(ctx context.Context, spec Spec, log *slog.Logger) error {
	o, err := s.options(spec, log)
	if err != nil {
		return err
	}
	if !s.lambda {
		return Serve(ctx, o)
	}
	set, err := Start(ctx, o.Specs, o.Env)
	if err != nil {
		return err
	}
	l := &onLambda{set: set, o: o}
	lambda.StartWithOptions(l.invoke, lambda.WithContext(ctx)) // ends with the process
	return nil
}

func (s settings) options(spec Spec, log *slog.Logger) (ServeOptions, error) {
	cfg, err := openConfig(s.config, os.Getenv, log)
	if err != nil {
		return ServeOptions{}, err
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return ServeOptions{}, fmt.Errorf("data folder: %w; -data changes it", err)
	}
	o := ServeOptions{
		Specs: []Spec{spec}, HTTP: s.http,
		Env: Env{Config: cfg.get, Folder: filepath.Dir(s.config), Data: s.data, Logger: log, Getenv: os.Getenv},
	}
	if s.secrets != "" {
		o.Secrets = strings.Split(s.secrets, ",")
	}
	if s.kafka != "" {
		o.Kafka, err = events.ParseKafka(s.kafka)
	}
	return o, err
}
