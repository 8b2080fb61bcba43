package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/events"
)

// print writes one readable line per event, as it stands in the log; JSON for machines. It never fails: calls do not
// depend on what is shown of them.
func (d *dev) print(ctx context.Context, feed *api.Feed) error {
	for ctx.Err() == nil {
		if err := feed.Follow(ctx, d.shower()); errors.Is(err, api.ErrSlow) {
			d.log.Warn("events come faster than they can be printed; some are only in the log")
		}
	}
	return nil
}

func (d *dev) shower() func(events.Delivered) error {
	if d.JSON {
		lines := json.NewEncoder(d.out)
		return func(e events.Delivered) error {
			_ = lines.Encode(api.EventJSON(e)) // a full disk or closed terminal is no matter of the calls
			return nil
		}
	}
	colour := isTerminal(d.out)
	return func(e events.Delivered) error {
		if l := console.Describe(e); l.Type != "verb.started" {
			fmt.Fprintln(d.out, line(l, colour))
		}
		return nil
	}
}

func line(l console.Line, colour bool) string {
	kind := fmt.Sprintf("%-16s", l.Type)
	if colour {
		kind = paint(l, kind)
	}
	return strings.TrimRight(fmt.Sprintf("%s  %-6s  %s  %s", l.At.Local().Format("15:04:05.000"), shortID(l.Call), kind, l.Text), " ")
}

// shortID is the random end of a call's id: enough to tell calls apart on a screen.
func shortID(id string) string { return id[max(0, len(id)-6):] }

func paint(l console.Line, text string) string {
	code := "32"
	switch {
	case l.Bad:
		code = "31"
	case strings.HasPrefix(l.Type, "verb.") || strings.HasPrefix(l.Type, "ask."):
		code = "90"
	case l.Type == "call.hangup":
		code = "33"
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
