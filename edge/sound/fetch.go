package sound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/offhook/offhook/edge/sound/file"
)

// Times of fetching. A caller waits in silence for the first time, so it is short.
const (
	fetchTime = 4 * time.Second
	patience  = fetchTime + 500*time.Millisecond // from the asking for it, in the queue too
	staleKept = 30 * time.Second                 // an old one is used this long when it could not be fetched again
)

// openURL fetches a sound file. Private addresses are kept out by the client, which looks at the address after DNS.
func (l *Library) openURL(tenant, name string) (playable, error) {
	u, err := url.Parse(name)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(name) > maxURL {
		// The URL is not shown: it may be refused for its password.
		return nil, fmt.Errorf("%w: a URL begins with https:// or http://, carries no password and has at most %d characters", ErrName, maxURL)
	}
	u.Fragment = ""
	var client *http.Client
	if l.cfg.HTTP != nil {
		client = l.cfg.HTTP(tenant)
	}
	if client == nil {
		return nil, fmt.Errorf("%w: sounds by URL are not set up", ErrName)
	}
	return l.store.get(key{"url", tenant, u.String()}, l.store.remote, func(ctx context.Context, old *entry) (loaded, error) {
		if old != nil && old.outcome.clip == nil {
			old = nil
		}
		got, err := fetch(ctx, client, u, old)
		if err != nil && old != nil {
			l.log.Warn("a sound could not be fetched again; the old one is kept", "url", u.Redacted(), "error", err)
			return loaded{clip: old.outcome.clip, version: old.version, keep: staleKept}, nil
		}
		return got, err
	}), nil
}

// fetch asks for the sound, or whether the old one still is it (RFC 9110 13.1).
func fetch(ctx context.Context, client *http.Client, u *url.URL, old *entry) (loaded, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return loaded{}, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	req.Header.Set("Accept", "audio/*, */*;q=0.1")
	if old != nil {
		old.version.ask(req.Header)
	}
	res, err := client.Do(req)
	if err != nil {
		return loaded{}, fetchError(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified && old != nil {
		return fresh(res.Header, loaded{clip: old.outcome.clip, version: old.version}), nil
	}
	return readBody(res)
}

func readBody(res *http.Response) (loaded, error) {
	if res.StatusCode != http.StatusOK {
		return loaded{}, faulty(ofStatus(res.StatusCode), fmt.Errorf("%w: status %d", ErrFetch, res.StatusCode))
	}
	body := &io.LimitedReader{R: res.Body, N: maxFetch + 1}
	hint := file.Hint{Type: res.Header.Get("Content-Type")}
	if res.Request != nil {
		hint.Name = res.Request.URL.Path
	}
	s, err := file.Read(body, hint, maxSamples)
	if body.N <= 0 || res.ContentLength > maxFetch {
		return loaded{}, faulty("too_large", fmt.Errorf("%w: more than %d MiB", ErrFetch, maxFetch>>20))
	}
	if err != nil {
		return loaded{}, fetchError(err)
	}
	return fresh(res.Header, loaded{clip: newClip(s), version: versionOf(res.Header)}), nil
}

func fetchError(err error) error {
	var slow net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout() {
		return fmt.Errorf("%w: it did not come within %s", ErrFetch, fetchTime)
	}
	return fmt.Errorf("%w: %w", ErrFetch, err)
}
