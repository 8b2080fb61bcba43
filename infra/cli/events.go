package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/infra/run"
)

type eventsCmd struct {
	Show   eventsShow   `cmd:"" default:"withargs" help:"Print events from the log; --follow goes on with new ones."`
	Replay eventsReplay `cmd:"" help:"Put dead letters back where they came from."`
}

type eventsShow struct {
	client
	Follow bool   `short:"f" help:"Go on with new events until interrupted."`
	Call   string `help:"One call's events." placeholder:"ID"`
	Type   string `help:"A type or pattern, such as call.* or ask.failed."`
	JSON   bool   `help:"One JSON object a line."`
	Kafka  string `help:"Read this broker's log instead of a running offhook's stream." placeholder:"HOST:PORT"`
}

func (c *eventsShow) Run(ctx context.Context, out io.Writer) error {
	if c.Kafka != "" {
		return run.PrintLog(ctx, c.Kafka, c.Call, c.Follow, func(e run.WireEvent) error {
			return c.print(out, wire(e))
		}, c.Type)
	}
	if c.Call != "" {
		err := c.past(ctx, out)
		if err != nil || !c.Follow {
			return err
		}
	}
	if c.Call == "" && !c.Follow {
		return c.recent(ctx, out)
	}
	return c.follow(ctx, out)
}

func (c *eventsShow) past(ctx context.Context, out io.Writer) error {
	var answer struct{ Events []wire }
	if err := c.json(ctx, "/v1/calls/"+url.PathEscape(c.Call)+"/events", &answer); err != nil {
		return err
	}
	return c.all(out, answer.Events)
}

func (c *eventsShow) recent(ctx context.Context, out io.Writer) error {
	var answer struct{ Events []wire }
	if err := c.json(ctx, "/v1/events/recent?type="+url.QueryEscape(c.Type), &answer); err != nil {
		return err
	}
	return c.all(out, answer.Events)
}

func (c *eventsShow) all(out io.Writer, list []wire) error {
	for _, e := range list {
		if !api.Matches(c.Type, e.Type) {
			continue
		}
		if err := c.print(out, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *eventsShow) follow(ctx context.Context, out io.Writer) error {
	q := url.Values{"call": {c.Call}, "type": {c.Type}}
	res, err := c.get(ctx, "/v1/events?"+q.Encode())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e wire
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return err
		}
		if err := c.print(out, e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errStreamEnded, lines.Err())
}

func (c *eventsShow) print(out io.Writer, e wire) error {
	if c.JSON {
		return json.NewEncoder(out).Encode(run.WireEvent(e))
	}
	l := e.line()
	_, err := fmt.Fprintf(out, "%s  %-31s %-16s %s\n", e.Time.Local().Format("15:04:05.000"), e.Subject, l.Type, l.Text)
	return err
}

type eventsReplay struct {
	Topic string `arg:"" help:"Dead letter topic, such as offhook.calls.dlq."`
	Kafka string `help:"Broker list." default:"127.0.0.1:9092" env:"OFFHOOK_KAFKA"`
	Group string `help:"Only what this consumer group gave up on."`
}

func (c *eventsReplay) Run(ctx context.Context, out io.Writer) error {
	n, err := run.ReplayDead(ctx, c.Kafka, c.Topic, c.Group)
	if err == nil || n > 0 {
		fmt.Fprintf(out, "%d event(s) put back from %s\n", n, c.Topic)
	}
	return err
}
