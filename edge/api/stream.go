package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/events"
)

// WireEvent is an event in the API and on the command line: CloudEvents attributes beside the data.
type WireEvent struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Source  string          `json:"source"`
	Subject string          `json:"subject,omitempty"`
	Time    time.Time       `json:"time"`
	Data    json.RawMessage `json:"data"`
}

// EventJSON puts an event of the log into the API's form. Data that is no JSON comes as a string: a stranger's record on
// the topic must not break the answer it stands in.
func EventJSON(d events.Delivered) WireEvent {
	e := WireEvent{ID: d.ID, Type: d.Type, Source: d.Source, Subject: d.Subject, Time: d.Time, Data: d.Data}
	if len(d.Data) == 0 {
		e.Data = nil
	} else if !json.Valid(d.Data) {
		e.Data, _ = json.Marshal(string(d.Data)) // a string always marshals
	}
	return e
}

const (
	recentMost = 500    // events in an answer
	recentFrom = 10_000 // among the newest so many
)

// recent are the newest events, oldest first, at most recentMost or ?limit. ?call=ID and ?type=call.* choose.
func (a *api) recent(w http.ResponseWriter, r *http.Request, c caller) {
	wanted, ok := chosen(w, r, c)
	if !ok {
		return
	}
	most, problem := limit(r.URL.Query().Get("limit"), recentMost)
	if problem != nil {
		failWith(w, *problem)
		return
	}
	list := []WireEvent{}
	all := a.Recent(recentFrom)
	for i := len(all) - 1; i >= 0 && len(list) < most; i-- {
		if wanted(all[i]) {
			list = append(list, EventJSON(all[i]))
		}
	}
	slices.Reverse(list)
	reply(w, http.StatusOK, map[string]any{"events": list})
}

// chosen reads ?call and ?type; the caller sees its tenant's events only.
func chosen(w http.ResponseWriter, r *http.Request, c caller) (wanted func(events.Delivered) bool, ok bool) {
	pattern, id := r.URL.Query().Get("type"), r.URL.Query().Get("call")
	if _, err := path.Match(pattern, ""); err != nil {
		fail(w, http.StatusBadRequest, "bad_pattern", "type takes a name or a pattern such as call.*")
		return nil, false
	}
	return func(d events.Delivered) bool {
		return (id == "" || d.Subject == id) && Matches(pattern, d.Type) && c.may(tenantOf(d))
	}, true
}

// stream sends events as they come (text/event-stream). ?call=ID and ?type=call.* choose.
func (a *api) stream(w http.ResponseWriter, r *http.Request, c caller) {
	wanted, ok := chosen(w, r, c)
	if !ok {
		return
	}
	out := &sse{w: w, rc: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if out.send(": offhook events\n\n") != nil {
		return
	}
	a.follow(r.Context(), out, wanted)
}

// Matches tells whether a type such as offhook.call.held fits call.held, call.* or offhook.call.*; an empty pattern fits all.
func Matches(pattern, kind string) bool {
	if pattern == "" {
		return true
	}
	full, _ := path.Match(pattern, kind)
	short, _ := path.Match("offhook."+pattern, kind)
	return full || short
}

func (a *api) follow(ctx context.Context, out *sse, wanted func(events.Delivered) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan string, 256)
	done := make(chan error, 1)
	go func() {
		done <- a.Log.Follow(ctx, func(d events.Delivered) error {
			if !wanted(d) {
				return nil
			}
			data, err := json.Marshal(EventJSON(d))
			if err != nil {
				return err
			}
			select {
			case lines <- fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", oneLine(d.ID), oneLine(d.Type), data):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	out.pump(ctx, lines, done)
	cancel()
	<-done //nolint:errcheck // it ends because it was told to
}

// oneLine keeps a stranger's line breaks from making fields of the stream.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, text)
}

// sse writes one stream; a reader that stalls is let go after 10 s.
type sse struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func (s *sse) send(text string) error {
	_ = s.rc.SetWriteDeadline(time.Now().Add(10 * time.Second)) // not every writer can: then none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}

// pump writes lines, and a comment every 15 s so that proxies keep the stream. It puts the log's end back for the caller to read.
func (s *sse) pump(ctx context.Context, lines <-chan string, done chan error) {
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case e := <-done:
			done <- e
			return
		case line := <-lines:
			err = s.send(line)
		case <-alive.C:
			err = s.send(": alive\n\n")
		}
		if err != nil {
			return
		}
	}
}
