package sound

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sound/wav"
)

// Times of fetching.
const (
	fetchKept = 5 * time.Minute
	staleKept = 30 * time.Second
	fetchTime = 10 * time.Second
)

// openURL fetches a WAV file. Private addresses are kept out by the client, which looks at the address after DNS.
func (l *Library) openURL(tenant, name string) (media.Encoded, error) {
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(name) > maxURL {
		return nil, fmt.Errorf("%w: %q; a URL begins with https:// and carries no password", ErrName, name)
	}
	u.Fragment = ""
	var client *http.Client
	if l.cfg.HTTP != nil {
		client = l.cfg.HTTP(tenant)
	}
	if client == nil {
		return nil, fmt.Errorf("%w: sounds by URL are not set up", ErrName)
	}
	return l.store.get(key{"url", tenant, u.String()}, l.store.remote, true, func(ctx context.Context, old *entry) (loaded, error) {
		got, err := fetch(ctx, client, u)
		if err != nil && old != nil && old.outcome.clip != nil {
			l.log.Warn("a sound could not be fetched again; the old one is kept", "url", u.Redacted(), "error", err)
			return loaded{old.outcome.clip, "", staleKept}, nil
		}
		return got, err
	}), nil
}

func fetch(ctx context.Context, client *http.Client, u *url.URL) (loaded, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return loaded{}, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	req.Header.Set("Accept", "audio/wav, audio/x-wav;q=0.9, */*;q=0.1")
	res, err := client.Do(req)
	if err != nil {
		return loaded{}, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer res.Body.Close()
	return readBody(res)
}

func readBody(res *http.Response) (loaded, error) {
	if res.Request != nil && res.Request.URL.Scheme != "https" {
		return loaded{}, fmt.Errorf("%w: redirected away from https", ErrFetch)
	}
	if res.StatusCode != http.StatusOK {
		return loaded{}, fmt.Errorf("%w: status %d", ErrFetch, res.StatusCode)
	}
	body := &io.LimitedReader{R: res.Body, N: maxFetch + 1}
	samples, err := wav.Read(body, wav.Options{MaxSamples: maxSamples})
	if body.N == 0 {
		return loaded{}, fmt.Errorf("%w: more than %d MiB", ErrFetch, maxFetch>>20)
	}
	if err != nil {
		return loaded{}, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	return loaded{clip: newClip(samples), keep: fetchKept}, nil
}
