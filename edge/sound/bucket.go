package sound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/offhook/offhook/edge/bucket"
	"github.com/offhook/offhook/edge/sound/file"
	"github.com/offhook/offhook/edge/sound/wav"
)

// How long a sample of a bucket is used without looking whether it is still the same, and how long after that it is played while
// that is looked at.
const (
	bucketKept  = 10 * time.Second
	bucketStale = time.Hour
)

// crate is a shelf in a bucket. It is opened at first use, by a worker.
type crate struct {
	where string
	lib   *Library
	once  func() (*bucket.Bucket, error)
}

// bucket gives the crate of a URL: one for all that share it.
func (l *Library) bucket(where string) *crate {
	if c, ok := l.crates.Load(where); ok {
		return c.(*crate)
	}
	c := &crate{where: where, lib: l, once: sync.OnceValues(func() (*bucket.Bucket, error) { return bucket.Open(where) })}
	kept, _ := l.crates.LoadOrStore(where, c)
	return kept.(*crate)
}

// String is its URL, in which there is no secret.
func (c *crate) String() string { return c.where }

func (*crate) queue(s *store) chan *job { return s.remote }

// refused is an error in words for those who see events; the log has all of it.
func (c *crate) refused(err error) error {
	c.lib.log.Warn("samples in a bucket", "bucket", c.where, "err", err)
	code := "unreachable"
	if status := bucket.Status(err); status != 0 {
		code = ofStatus(status)
	}
	return faulty(code, fmt.Errorf("%w: %s", ErrFetch, bucket.Briefly(err)))
}

// find looks for the name with each ending.
func (c *crate) find(ctx context.Context, name string) (*bucket.Bucket, bucket.Object, error) {
	b, err := c.once()
	if err != nil {
		return nil, bucket.Object{}, faulty("refused", err)
	}
	list, err := b.List(ctx, name)
	if err != nil {
		return nil, bucket.Object{}, c.refused(err)
	}
	wanted := []string{name}
	if !slices.Contains(file.Endings, strings.ToLower(path.Ext(name))) {
		wanted = wanted[:0]
		for _, ending := range file.Endings {
			wanted = append(wanted, name+ending)
		}
	}
	for _, want := range wanted {
		if i := slices.IndexFunc(list, func(o bucket.Object) bool { return o.Key == want }); i >= 0 {
			return b, list[i], nil
		}
	}
	return nil, bucket.Object{}, fs.ErrNotExist
}

// load fetches a sample unless it is the one that is there. What cannot be looked at again is played as it was.
func (c *crate) load(ctx context.Context, name string, old *entry) (loaded, error) {
	if old != nil && old.stamp == "" { // a failure, or a built-in one
		old = nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	got, err := c.fetch(ctx, name, old)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return loaded{keep: bucketKept}, err
	case err != nil && old != nil:
		return loaded{clip: old.outcome.clip, stamp: old.stamp, keep: staleKept, stale: bucketStale}, nil
	}
	return got, err
}

func (c *crate) fetch(ctx context.Context, name string, old *entry) (loaded, error) {
	b, o, err := c.find(ctx, name)
	if err != nil {
		return loaded{}, err
	}
	got := loaded{stamp: o.Key + " " + o.ETag, keep: bucketKept, stale: bucketStale}
	if old != nil && old.stamp == got.stamp {
		got.clip = old.outcome.clip
		return got, nil
	}
	content, err := c.content(ctx, b, o)
	if err != nil {
		return loaded{}, err
	}
	s, err := file.Read(bytes.NewReader(content), file.Hint{Name: o.Key}, maxSamples)
	if err != nil {
		return loaded{}, fmt.Errorf("sample %q: %w", name, err)
	}
	got.clip = newClip(s)
	return got, nil
}

func (c *crate) content(ctx context.Context, b *bucket.Bucket, o bucket.Object) ([]byte, error) {
	tooLarge := faulty("too_large", fmt.Errorf("%w: %s has more than %d MiB", ErrFetch, o.Key, maxFetch>>20))
	if o.Bytes > maxFetch {
		return nil, tooLarge
	}
	body, _, err := b.Get(ctx, o.Key)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nil, c.refused(err)
	}
	defer body.Close()
	content, err := io.ReadAll(io.LimitReader(body, maxFetch+1))
	if err != nil {
		return nil, c.refused(err)
	}
	if len(content) > maxFetch { // it has grown since
		return nil, tooLarge
	}
	return content, nil
}

func objectSample(o bucket.Object) (Sample, bool) {
	name, ok := plainName(o.Key)
	return Sample{Name: name, File: o.Key, Bytes: o.Bytes, ModifiedAt: o.ModifiedAt.UTC()}, ok && name != o.Key
}

func (c *crate) list(ctx context.Context) ([]Sample, error) {
	b, err := c.once()
	if err != nil {
		return nil, err
	}
	objects, err := b.List(ctx, "")
	if err != nil {
		return nil, err
	}
	list := []Sample{}
	for _, o := range objects {
		if s, ok := objectSample(o); ok {
			list = append(list, s)
		}
	}
	return list, nil
}

type held struct{ *bytes.Reader }

// Close does nothing.
func (held) Close() error { return nil }

func (c *crate) open(ctx context.Context, name string) (Sample, io.ReadSeekCloser, error) {
	b, o, err := c.find(ctx, name)
	if err != nil {
		return Sample{}, nil, err
	}
	content, err := c.content(ctx, b, o)
	s, _ := objectSample(o)
	return s, held{bytes.NewReader(content)}, err
}

func (c *crate) put(ctx context.Context, name string, s wav.Sound) (Sample, error) {
	list, err := c.list(ctx)
	if err != nil {
		return Sample{}, err
	}
	if len(list) >= maxSamplesKept && !slices.ContainsFunc(list, func(s Sample) bool { return s.File == name }) {
		return Sample{}, errFull
	}
	var content bytes.Buffer
	if err := wav.Write(&content, s.Rate, s.Samples); err != nil {
		return Sample{}, err
	}
	b, err := c.once()
	if err != nil {
		return Sample{}, err
	}
	o := bucket.Object{Key: name, Bytes: int64(content.Len()), Type: "audio/wav", ModifiedAt: time.Now()}
	kept, _ := objectSample(o)
	return kept, b.Put(ctx, o, bytes.NewReader(content.Bytes()), false)
}

func (c *crate) remove(ctx context.Context, plain string) error {
	list, err := c.list(ctx)
	if err != nil {
		return err
	}
	gone := fs.ErrNotExist
	for _, s := range list {
		if s.Name != plain {
			continue
		}
		b, err := c.once()
		if err == nil {
			err = b.Delete(ctx, s.File)
		}
		if err != nil {
			return err
		}
		gone = nil
	}
	return gone
}
