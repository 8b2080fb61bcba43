package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/infra/run"
)

// client speaks to a running offhook's REST interface.
type client struct {
	HTTP string `help:"Address of the running offhook." default:"127.0.0.1:8080" env:"OFFHOOK_HTTP"`
	Key  string `help:"API key; unneeded for offhook dev on this machine." env:"OFFHOOK_KEY"`
}

func (c *client) get(ctx context.Context, path string) (*http.Response, error) {
	base := c.HTTP
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, usage{err}
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("is offhook running? --http names its address: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

func problem(res *http.Response) error {
	var p struct{ Code, Detail string }
	if json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&p) != nil || p.Code == "" {
		return fmt.Errorf("answered %s", res.Status)
	}
	if res.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%s: give an API key with --key or OFFHOOK_KEY", p.Code)
	}
	return fmt.Errorf("%s: %s", p.Code, p.Detail)
}

func (c *client) json(ctx context.Context, path string, into any) error {
	res, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(into)
}

type callsCmd struct {
	client
	ID   string `arg:"" optional:"" help:"A call: its timeline is printed."`
	JSON bool   `help:"As JSON."`
}

func (c *callsCmd) Run(ctx context.Context, out io.Writer) error {
	if c.ID != "" {
		return c.timeline(ctx, out)
	}
	var answer struct{ Calls []node.View }
	if err := c.json(ctx, "/v1/calls", &answer); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(answer.Calls)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CALL\tSTATUS\tFROM\tTO\tAGENT\tSINCE")
	for _, v := range answer.Calls {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, strings.TrimSpace(v.Status+" "+v.Place), v.From, v.To, v.Agent, time.Since(v.CreatedAt).Truncate(time.Second))
	}
	return w.Flush()
}

// wire is an event as the REST interface gives it.
type wire run.WireEvent

func (e wire) line() console.Line {
	return console.Describe(events.Delivered{Event: events.Event{ID: e.ID, Type: e.Type, Subject: e.Subject, Time: e.Time, Data: e.Data}})
}

func (c *callsCmd) timeline(ctx context.Context, out io.Writer) error {
	var answer struct {
		Call   string          `json:"call"`
		Events json.RawMessage `json:"events"`
	}
	if err := c.json(ctx, "/v1/calls/"+url.PathEscape(c.ID)+"/events", &answer); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(out).Encode(answer.Events)
	}
	var list []wire
	if err := json.Unmarshal(answer.Events, &list); err != nil {
		return err
	}
	for _, e := range list {
		fmt.Fprintf(out, "%s  +%8.3fs  %-16s %s\n", e.Time.Local().Format("15:04:05.000"), e.Time.Sub(list[0].Time).Seconds(), e.line().Type, e.line().Text)
	}
	return nil
}

var errStreamEnded = errors.New("the stream ended")
