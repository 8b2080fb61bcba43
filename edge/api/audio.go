package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/sound"
)

// Audio is what the API needs of the sounds; *sound.Library in production.
type Audio interface {
	Samples(ctx context.Context, tenant string) ([]sound.Sample, error)
	Sample(ctx context.Context, tenant, name string) (sound.Sample, io.ReadSeekCloser, error)
	Keep(ctx context.Context, tenant, name, original, kind string, content []byte) (sound.Sample, error)
	Discard(ctx context.Context, tenant, name string) error
}

// Bounds of uploads.
const (
	uploadTime   = time.Minute
	uploads      = 4 // at once: each is held in memory and then decoded
	maxParts     = 16
	maxFormField = 256
)

func (a *api) audioRoutes(mux *http.ServeMux) {
	if a.Audio == nil {
		return
	}
	mux.Handle("GET /v1/audio", a.guard("audio:read", a.audioOf(a.listAudio), "tenant"))
	mux.Handle("POST /v1/audio", a.guard("audio:write", a.upload, "name", "tenant"))
	mux.Handle("GET /v1/audio/{name}", a.guard("audio:read", a.audioOf(a.getAudio), "tenant"))
	mux.Handle("DELETE /v1/audio/{name}", a.guard("audio:write", a.audioOf(a.deleteAudio), "tenant"))
}

// audioOf finds the tenant: the key's, ?tenant=, or the only one.
func (a *api) audioOf(next func(w http.ResponseWriter, r *http.Request, tenant string)) func(http.ResponseWriter, *http.Request, caller) {
	return func(w http.ResponseWriter, r *http.Request, c caller) {
		tenant, problem := a.tenant(r.URL.Query().Get("tenant"), c)
		if problem != nil {
			failWith(w, *problem)
			return
		}
		next(w, r, tenant)
	}
}

func (a *api) listAudio(w http.ResponseWriter, r *http.Request, tenant string) {
	list, err := a.Audio.Samples(r.Context(), tenant)
	if err != nil {
		a.audioFault(w, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"audio": list})
}

func (a *api) getAudio(w http.ResponseWriter, r *http.Request, tenant string) {
	s, f, err := a.Audio.Sample(r.Context(), tenant, r.PathValue("name"))
	if err != nil {
		a.audioFault(w, err)
		return
	}
	defer f.Close()
	kinds := map[string]string{".wav": "audio/wav", ".mp3": "audio/mpeg"}
	w.Header().Set("Content-Type", cmp.Or(kinds[strings.ToLower(path.Ext(s.File))], "application/octet-stream"))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", s.ModifiedAt, f)
}

func (a *api) deleteAudio(w http.ResponseWriter, r *http.Request, tenant string) {
	if err := a.Audio.Discard(r.Context(), tenant, r.PathValue("name")); err != nil {
		a.audioFault(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// upload takes a multipart form with a file, or the file itself as the body.
func (a *api) upload(w http.ResponseWriter, r *http.Request, c caller) {
	select {
	case a.uploading <- struct{}{}:
		defer func() { <-a.uploading }()
	default:
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "busy", fmt.Sprintf("%d files are being uploaded; try again", uploads))
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime)) // where it cannot be set the server's own hold
	r.Body = http.MaxBytesReader(w, r.Body, sound.MaxUpload+64<<10)
	sent, err := received(r)
	if err != nil {
		uploadFault(w, err)
		return
	}
	tenant, problem := a.tenant(sent.tenant, c)
	if problem != nil {
		failWith(w, *problem)
		return
	}
	s, err := a.Audio.Keep(r.Context(), tenant, sent.name, sent.original, sent.kind, sent.content)
	if err != nil {
		a.audioFault(w, err)
		return
	}
	w.Header().Set("Location", "/v1/audio/"+s.Name)
	reply(w, http.StatusCreated, s)
}

// sending is what came with an upload.
type sending struct {
	tenant, name   string
	original, kind string
	content        []byte
}

var errNoFile = errors.New("no file: send one as a form (curl -F file=@hello.mp3), or as the body with ?name=hello")

func received(r *http.Request) (sending, error) {
	s := sending{tenant: r.URL.Query().Get("tenant"), name: r.URL.Query().Get("name"), kind: r.Header.Get("Content-Type")}
	var err error
	if kind, _, _ := mime.ParseMediaType(s.kind); kind == "multipart/form-data" {
		s.kind = ""
		err = s.form(r)
	} else {
		s.original = s.name
		s.content, err = io.ReadAll(r.Body)
	}
	switch {
	case err != nil:
		return s, err
	case len(s.content) == 0:
		return s, errNoFile
	case len(s.content) > sound.MaxUpload:
		return s, &http.MaxBytesError{Limit: sound.MaxUpload}
	}
	s.name = cmp.Or(s.name, s.original)
	return s, nil
}

// form reads the parts: one with a file name is the file.
func (s *sending) form(r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return err
	}
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if part.FileName() != "" {
			s.original, s.kind = part.FileName(), part.Header.Get("Content-Type")
			if s.content, err = io.ReadAll(part); err != nil {
				return err
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFormField))
		switch {
		case err != nil:
			return err
		case part.FormName() == "name":
			s.name = string(value)
		case part.FormName() == "tenant":
			s.tenant = string(value)
		}
	}
	return errors.New("too many parts")
}

func uploadFault(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("a file has at most %d MiB", sound.MaxUpload>>20))
	case errors.Is(err, errNoFile):
		fail(w, http.StatusUnprocessableEntity, "no_audio", err.Error())
	default:
		fail(w, http.StatusBadRequest, "bad_body", "the body could not be read: "+err.Error())
	}
}

func (a *api) audioFault(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, sound.ErrName):
		fail(w, http.StatusUnprocessableEntity, "bad_name", err.Error())
	case errors.Is(err, sound.ErrAudio):
		fail(w, http.StatusUnprocessableEntity, "bad_audio", err.Error())
	case errors.Is(err, sound.ErrFull):
		fail(w, http.StatusConflict, "too_many", err.Error())
	case errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, "no_such_audio", "no such sample")
	default: // paths are for the log
		a.Logger.Error("a sample could not be kept or read", "err", err)
		fail(w, http.StatusInternalServerError, "audio_unavailable", "the tenant's samples cannot be read or written; the log says why")
	}
}
