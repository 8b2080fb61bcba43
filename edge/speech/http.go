package speech

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/wav"
)

// Bounds of speech that is fetched.
const (
	fetchTime = 15 * time.Second
	maxFetch  = 10 << 20 // bytes
)

// HTTP is an engine at a URL. It is sent a POST of {"text" or "ssml", "voice", "language"} and answers with a sound file: WAV, MP3,
// or raw A-law or mu-law by its content type.
type HTTP struct {
	URL    string
	Secret string // sent as a bearer token; "": none
	Client *http.Client
}

var _ Reader = (*HTTP)(nil)

// spokenRequest is what is sent.
type spokenRequest struct {
	Text     string `json:"text,omitempty"`
	SSML     string `json:"ssml,omitempty"`
	Voice    string `json:"voice,omitempty"`
	Language string `json:"language,omitempty"`
}

// Speak implements Engine.
func (h *HTTP) Speak(ctx context.Context, r Request) (wav.Sound, error) {
	return h.ask(ctx, spokenRequest{Text: r.Text, Voice: r.Voice, Language: r.Language})
}

// SpeakSSML implements Reader.
func (h *HTTP) SpeakSSML(ctx context.Context, r Request) (wav.Sound, error) {
	return h.ask(ctx, spokenRequest{SSML: r.Text, Voice: r.Voice, Language: r.Language})
}

func (h *HTTP) ask(ctx context.Context, what spokenRequest) (wav.Sound, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	body, err := json.Marshal(what)
	if err != nil {
		return wav.Sound{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "audio/wav, audio/mpeg, audio/pcmu, audio/pcma")
	if h.Secret != "" {
		req.Header.Set("Authorization", "Bearer "+h.Secret)
	}
	client := h.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %s", ErrEngine, unreached(err))
	}
	defer res.Body.Close()
	return heard(res)
}

// unreached leaves the engine's address out of what tenants see.
func unreached(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it did not answer in time"
	}
	return "it was not reached"
}

func heard(res *http.Response) (wav.Sound, error) {
	if res.StatusCode != http.StatusOK {
		return wav.Sound{}, fmt.Errorf("%w: status %d", ErrEngine, res.StatusCode)
	}
	body := &io.LimitedReader{R: res.Body, N: maxFetch + 1}
	s, err := file.Read(body, file.Hint{Type: res.Header.Get("Content-Type")}, maxSamples)
	if body.N <= 0 {
		return wav.Sound{}, fmt.Errorf("%w: more than %d MiB", ErrEngine, maxFetch>>20)
	}
	if err != nil {
		return wav.Sound{}, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	return s, nil
}
