package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// Recordings is what the API needs of the store.
type Recordings interface {
	// Get opens a recording by the location that its event told; fs.ErrNotExist when it is not here.
	Get(ctx context.Context, location string) (io.ReadCloser, int64, error)
}

// recording sends a stored recording. The log says where it is: its id begins with its call's.
func (a *api) recording(w http.ResponseWriter, r *http.Request, c caller) {
	id := r.PathValue("id")
	call := id[:max(strings.LastIndexByte(id, '-'), 0)]
	all, err := a.Log.Timeline(r.Context(), call)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "log_unavailable", "the event log cannot be read: "+err.Error())
		return
	}
	location := ""
	if call != "" && len(all) > 0 && c.may(tenantOf(all[0])) {
		location = located(all, id)
	}
	if location == "" || a.Recordings == nil {
		fail(w, http.StatusNotFound, "no_such_recording", "the log has no stored recording "+id)
		return
	}
	a.sendRecording(w, r, location)
}

// located finds where a recording is, in the newest event that says so.
func located(all []events.Delivered, id string) (location string) {
	for _, d := range all {
		if d.Type != event.Prefix+event.RecordingStored && d.Type != event.Prefix+event.RecordingFailed {
			continue
		}
		var data event.Recording
		if json.Unmarshal(d.Data, &data) == nil && data.Recording == id && data.Location != "" {
			location = data.Location
		}
	}
	return location
}

func (a *api) sendRecording(w http.ResponseWriter, r *http.Request, location string) {
	body, size, err := a.Recordings.Get(r.Context(), location)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, "recording_not_here", "not at this edge: "+location)
		return
	case err != nil:
		a.Logger.Error("recording not read", "location", location, "err", err)
		fail(w, http.StatusBadGateway, "recording_unavailable", "the store does not give "+location)
		return
	}
	defer body.Close()
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.Copy(w, body) // the client went away: nothing to do
}
