package recordings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// bucket is an S3 bucket, of AWS or of anything that speaks like it.
type bucket struct {
	client *s3.Client
	name   string
	prefix string // empty, or with a slash at its end
}

// openBucket reads s3://BUCKET/PREFIX?region=...&endpoint=.... Credentials come from where the AWS SDK finds them.
func openBucket(store string) (*bucket, error) {
	u, err := url.Parse(store)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("want a folder or s3://BUCKET/PREFIX?region=...&endpoint=..., found %q", hidden(u, store))
	}
	q := u.Query()
	for name := range q {
		if name != "region" && name != "endpoint" {
			return nil, fmt.Errorf("%s has region and endpoint, not %q", u.Scheme, name)
		}
	}
	endpoint := q.Get("endpoint")
	if e, err := url.Parse(endpoint); endpoint != "" && (err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https") {
		return nil, fmt.Errorf("endpoint: want http://HOST or https://HOST, found %q", endpoint)
	}
	b := &bucket{name: u.Host}
	if p := strings.Trim(u.Path, "/"); p != "" {
		b.prefix = p + "/"
	}
	cfg, err := load(q.Get("region"), endpoint != "")
	if err != nil {
		return nil, err
	}
	b.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = aws.String(endpoint), true
		}
	})
	return b, nil
}

// hidden keeps a password out of what is told.
func hidden(u *url.URL, raw string) string {
	if u == nil {
		return "no URL"
	}
	if u.User != nil {
		return u.Redacted()
	}
	return raw
}

func load(region string, elsewhere bool) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = time.Minute })
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired), // not every S3 knows the newer ones
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	if err != nil {
		return cfg, err
	}
	if cfg.Region = cmp.Or(region, cfg.Region); cfg.Region == "" {
		if !elsewhere {
			return cfg, errors.New("no region: s3://BUCKET/PREFIX?region=..., or AWS_REGION")
		}
		cfg.Region = "us-east-1"
	}
	return cfg, nil
}

func (b *bucket) location(key string) string { return "s3://" + b.name + "/" + b.prefix + key }

// put uploads a file under a key that is free and gives that key. What this very file has taken already, when an
// answer was lost, counts as put.
func (b *bucket) put(ctx context.Context, path, key string) (string, error) {
	about, err := settle(path, nil)
	if err != nil {
		return "", err
	}
	for n := 1; n < 10_000; n++ {
		name := numbered(key, n)
		err := b.putAs(ctx, path, name, about)
		if err == nil || taken(err) && b.has(ctx, name, about) {
			return name, nil
		}
		if !taken(err) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: too many recordings of this name", key)
}

func (b *bucket) putAs(ctx context.Context, path, key string, about Stored) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String(b.prefix + key), Body: f, ContentLength: &about.Bytes, ContentType: aws.String("audio/wav"),
		IfNoneMatch: aws.String("*"), Metadata: map[string]string{"sha256": about.SHA256},
	})
	return err
}

// taken: there is such an object, or one is just being put.
func taken(err error) bool {
	code := status(err)
	return code == http.StatusPreconditionFailed || code == http.StatusConflict
}

func status(err error) int {
	var answered *awshttp.ResponseError
	if errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

func (b *bucket) has(ctx context.Context, key string, about Stored) bool {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	return err == nil && out.Metadata["sha256"] == about.SHA256
}

func (b *bucket) get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	if status(err) == http.StatusNotFound {
		return nil, 0, fs.ErrNotExist
	}
	if err != nil {
		return nil, 0, err
	}
	return out.Body, aws.ToInt64(out.ContentLength), nil
}

// briefly is for those who see events: the log has all of it, with addresses.
func briefly(err error) string {
	if code := status(err); code != 0 {
		return fmt.Sprintf("the bucket answered %d", code)
	}
	return "the bucket was not reached"
}
