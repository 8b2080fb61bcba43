package dev

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/console"
	"github.com/offhook/offhook/events"
)

// print writes one readable line per event, as it stands in the log; JSON for machines.
func (d *dev) print(ctx context.Context, feed *api.Feed) error {
	if d.JSON {
		lines := json.NewEncoder(d.out)
		return feed.Follow(ctx, func(e events.Delivered) error { return lines.Encode(api.EventJSON(e)) })
	}
	colour := isTerminal(d.out)
	return feed.Follow(ctx, func(e events.Delivered) error {
		l := console.Describe(e)
		if l.Type == "verb.started" {
			return nil
		}
		_, err := fmt.Fprintln(d.out, line(l, colour))
		return err
	})
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
