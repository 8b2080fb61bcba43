package recordings

import (
	"context"
	"fmt"
	"os"

	"github.com/offhook/offhook/edge/bucket"
)

// put uploads a file under a key that is free and gives that key. What this very file has taken already, when an
// answer was lost, counts as put.
func put(ctx context.Context, b *bucket.Bucket, path, key string) (string, error) {
	about, err := settle(path, nil)
	if err != nil {
		return "", err
	}
	for n := 1; n < 10_000; n++ {
		name := numbered(key, n)
		err := putAs(ctx, b, path, name, about)
		if err == nil || bucket.Taken(err) && has(ctx, b, name, about) {
			return name, nil
		}
		if !bucket.Taken(err) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: too many recordings of this name", key)
}

func putAs(ctx context.Context, b *bucket.Bucket, path, key string, about Stored) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	o := bucket.Object{Key: key, Bytes: about.Bytes, Type: "audio/wav", Meta: map[string]string{"sha256": about.SHA256}}
	return b.Put(ctx, o, f, true)
}

func has(ctx context.Context, b *bucket.Bucket, key string, about Stored) bool {
	o, err := b.Head(ctx, key)
	return err == nil && o.Meta["sha256"] == about.SHA256
}
