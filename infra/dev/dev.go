// Package dev runs everything in one process on loopback: event log, functions, edge, page and a demo tenant.
// It is for trying, developing and one small node; production runs the parts one by one.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/offhook/offhook/edge/certificate"
	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/events/embedded"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/infra/run"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

// Options of `offhook dev`.
type Options struct {
	Answer  string // URL or file for calls that nothing else claims
	Config  string // default Data/offhook.yaml
	Data    string
	Version string
	Edge    run.EdgeOptions
	JSON    bool
	Level   string
}

// Run runs until ctx ends.
func Run(ctx context.Context, o Options, out io.Writer) error {
	if o.Config == "" {
		o.Config = filepath.Join(o.Data, "offhook.yaml")
		if err := writeDemo(o.Data, o.Config); err != nil {
			return err
		}
	}
	settings, err := run.Load(o.Config, o.adjust)
	if err != nil {
		return err
	}
	d := &dev{Options: o, settings: settings, out: out, log: logger(out, o)}
	return d.run(ctx)
}

type dev struct {
	Options
	settings *run.Settings
	out      io.Writer
	log      *slog.Logger
}

func (d *dev) run(ctx context.Context) (err error) {
	stack, functions := run.NewStack(), &fn.Set{}
	defer func() { err = errors.Join(err, stack.Stop(), functions.Close()) }() // functions last: the edge asks them, the log feeds them
	broker, err := embedded.Open(embedded.Config{Dir: filepath.Join(d.Data, "kafka"), Addr: d.Edge.Kafka, Logger: d.log})
	switch {
	case errors.Is(err, embedded.ErrInUse):
		return fmt.Errorf("--data %s is in use by another offhook; end that one, or give another folder with --data", d.Data)
	case err != nil:
		return fmt.Errorf("--kafka %s cannot be used: %w", d.Edge.Kafka, err)
	}
	stack.Start("embedded event log", broker.Run)
	local, err := run.Local(ctx, d.settings, d.Data, true, d.log)
	if err != nil {
		return err
	}
	functions = local
	edge, err := run.NewEdge(d.settings, d.Edge, run.Parts{Functions: functions, Pages: run.Pages(functions), Facts: d.facts(), Open: true}, d.log)
	if err != nil {
		return err
	}
	kafka, err := events.ParseKafka(d.Edge.Kafka)
	if err != nil {
		return err
	}
	edge.Start(stack)
	stack.Start("functions", func(ctx context.Context) error { return functions.Run(ctx, kafka) })
	stack.Start("printer", func(ctx context.Context) error { return d.print(ctx, edge.Feed()) })
	d.banner()
	err = stack.Wait(ctx)
	edge.Drain()
	return err
}

// adjust puts --answer in the place of every tenant's answer.
func (o Options) adjust(c *config.Config) error {
	if o.Answer == "" {
		return nil
	}
	do, err := o.answer()
	if err != nil {
		return err
	}
	for name, t := range c.Tenants {
		t.Answer = do
		c.Tenants[name] = t
	}
	return nil
}

func (o Options) answer() (*verb.Do, error) {
	if u, err := url.Parse(o.Answer); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" || strings.HasPrefix(o.Answer, "fn:") {
		return &verb.Do{URL: o.Answer}, nil
	}
	raw, err := os.ReadFile(o.Answer)
	if err != nil {
		return nil, fmt.Errorf("--answer: neither a URL (http://...) nor a file that can be read: %w", err)
	}
	answer, faults := check.Answer(raw, nil)
	if len(faults) > 0 {
		return nil, &run.Faults{File: o.Answer, List: faults}
	}
	if strings.HasSuffix(o.Answer, ".json") { // the router reads it, and again when it changes
		path, err := filepath.Abs(o.Answer)
		return &verb.Do{URL: path}, err
	}
	if len(answer.Vars) > 0 || answer.State != nil {
		return nil, fmt.Errorf("--answer: %s sets vars or state, and its name does not end in .json; expected a name such as answer.json", o.Answer)
	}
	return &verb.Do{Document: answer.Verbs}, nil
}

// facts are what a newcomer needs to know, for the terminal and the page.
func (d *dev) facts() []console.Fact {
	c := d.settings.Config()
	mails := filepath.Join(d.Data, "mail", "*.eml")
	if c.Email.SMTP != "" {
		mails = redacted(c.Email.SMTP)
	}
	facts := []console.Fact{{Name: "SIP", Value: strings.Join(append([]string{d.Edge.SIP + " udp, tcp"}, d.Edge.Secure.Listeners()...), ", ")}}
	for _, name := range tenantNames(c) {
		facts = append(facts, tenantFacts(name, c.Tenants[name])...)
	}
	return append(facts,
		console.Fact{Name: "Event log", Value: "Kafka at " + d.Edge.Kafka + ", topics " + events.TopicCalls + " " + events.TopicState},
		console.Fact{Name: "Mails", Value: mails}, console.Fact{Name: "Recordings", Value: d.recordings()})
}

// recordings is where they go, without the parameters of a bucket.
func (d *dev) recordings() string {
	store, _, _ := strings.Cut(d.settings.Config().Recordings.Store, "?")
	if store == "" {
		store = filepath.Join(d.Data, "recordings")
	}
	return store
}

func tenantFacts(name string, t config.Tenant) []console.Fact {
	var facts []console.Fact
	if numbers := keys(t.Numbers); len(numbers) > 0 {
		facts = append(facts, console.Fact{Name: "Dial", Value: strings.Join(numbers, " "), Tenant: name})
	}
	if users := keys(t.Users); len(users) > 0 {
		facts = append(facts, console.Fact{Name: "Users", Value: strings.Join(users, " "), Tenant: name})
	}
	return facts
}

func tenantNames(c *config.Config) []string { return keys(c.Tenants) }

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an SMTP server"
	}
	return u.Redacted()
}

// banner says in about ten lines what is running and what to do next.
func (d *dev) banner() {
	if d.JSON {
		d.log.Info("offhook started", "version", d.Version, "sip", d.Edge.SIP, "http", d.Edge.HTTP, "kafka", d.Edge.Kafka, "data", d.Data)
		return
	}
	c := d.settings.Config()
	row := func(name, value string) { fmt.Fprintf(d.out, "  %-10s %s\n", name, value) }
	fmt.Fprintf(d.out, "offhook %s is running\n\n", d.Version)
	row("SIP", d.Edge.SIP+" (UDP and TCP), RTP "+d.Edge.RTP)
	if secure := d.Edge.Secure.Listeners(); len(secure) > 0 {
		row("", strings.Join(secure, ", "))
	}
	if d.Edge.Secure.Encrypted() {
		file := d.Edge.Secure.CertFile(d.Data)
		row("", "certificate "+file)
		row("", "SHA-256 "+certificate.Fingerprint(file))
	}
	for _, name := range tenantNames(c) {
		row("phones", phones(c.Tenants[name]))
		if numbers := keys(c.Tenants[name].Numbers); len(numbers) > 0 {
			row("dial", strings.Join(numbers, ", ")+"; from a second terminal: "+d.callHint(numbers[0]))
		}
	}
	row("your code", d.answerHint())
	row("browsers", "ws://"+d.Edge.HTTP+"/sip: SIP over WebSocket, for pages of this host"+d.originsHint())
	row("page", "http://"+d.Edge.HTTP+"/   REST: /v1/calls, /v1/events; "+d.keyHint())
	row("event log", "Kafka at "+d.Edge.Kafka+", topics "+events.TopicCalls+", "+events.TopicState)
	for _, f := range d.facts() {
		if f.Name == "Mails" {
			row("mails", f.Value)
		}
	}
	row("settings", d.Config+" (read again when it changes)")
	fmt.Fprintln(d.out)
}

// originsHint: whose pages may be phones too.
func (d *dev) originsHint() string {
	if others := d.Edge.Secure.Origins; len(others) > 0 {
		return " and of " + strings.Join(others, ", ")
	}
	return "; others by --ws-origins"
}

func phones(t config.Tenant) string {
	var list []string
	for _, name := range keys(t.Users) {
		shown := "password in the configuration"
		if u := t.Users[name]; strings.HasPrefix(u.Password.Value, "demo-") {
			shown = u.Password.Value
		}
		list = append(list, name+" ("+shown+")")
	}
	return strings.Join(list, ", ")
}

func (d *dev) callHint(number string) string {
	hint := os.Args[0] + " call " + number + " --digits 1"
	if d.Edge.SIP != "127.0.0.1:5060" {
		hint += " --server " + d.Edge.SIP
	}
	return hint
}

func (d *dev) answerHint() string {
	if d.Answer != "" {
		return "calls that nothing else claims ask " + d.Answer
	}
	return os.Args[0] + " dev --answer http://127.0.0.1:3000/call, then dial any other number"
}

func (d *dev) keyHint() string {
	if len(d.settings.Config().Keys) == 0 {
		return "no key needed from this machine"
	}
	return "no key needed from this machine, api_keys elsewhere"
}
