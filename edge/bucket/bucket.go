// Package bucket is an S3 bucket, of AWS or of anything that speaks like it, below a prefix. It knows no recordings and no
// sounds, and caches nothing.
package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bucket is one.
type Bucket struct {
	client *s3.Client
	name   string
	prefix string // empty, or with a slash at its end
}

// Open reads s3://BUCKET/PREFIX?region=...&endpoint=.... Credentials come from where the AWS
// SDK finds them. It talks to nobody.
func Open(store string) (*Bucket, error) {
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
	b := &Bucket{name: u.Host}
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

// Location is where an object is, as it is told.
func (b *Bucket) Location(key string) string { return "s3://" + b.name + "/" + b.prefix + key }

// Object is what is known of what lies in a bucket.
type Object struct {
	Key        string
	Bytes      int64
	ETag       string
	ModifiedAt time.Time
	Type       string            // content type; not of List
	Meta       map[string]string // not of List
}

// Put uploads an object. free: only where there is none, see Taken.
func (b *Bucket) Put(ctx context.Context, o Object, content io.ReadSeeker, free bool) error {
	in := &s3.PutObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + o.Key), Body: content, ContentLength: &o.Bytes, ContentType: &o.Type, Metadata: o.Meta}
	if free {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := b.client.PutObject(ctx, in)
	return err
}

// Head tells of an object.
func (b *Bucket) Head(ctx context.Context, key string) (Object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	if err != nil {
		return Object{}, err
	}
	return Object{Key: key, Bytes: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag), Type: aws.ToString(out.ContentType), Meta: out.Metadata}, nil
}

// MaxList is the most objects that List gives.
const MaxList = 1000

// List gives the objects whose keys begin so, without those below a further slash, in order of their keys.
func (b *Bucket) List(ctx context.Context, begin string) ([]Object, error) {
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: aws.String(b.prefix + begin), Delimiter: aws.String("/"), MaxKeys: aws.Int32(MaxList)})
	if err != nil {
		return nil, err
	}
	var list []Object
	for _, o := range out.Contents {
		list = append(list, Object{Key: strings.TrimPrefix(aws.ToString(o.Key), b.prefix), Bytes: aws.ToInt64(o.Size), ETag: aws.ToString(o.ETag), ModifiedAt: aws.ToTime(o.LastModified)})
	}
	return list, nil
}

// Delete takes an object away; one that is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	return err
}

// Taken: there is such an object, or one is just being put.
func Taken(err error) bool {
	code := Status(err)
	return code == http.StatusPreconditionFailed || code == http.StatusConflict
}

// Status is what the bucket answered with, 0: it did not.
func Status(err error) int {
	var answered *awshttp.ResponseError
	if errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

// Get opens an object. fs.ErrNotExist: it is not there.
func (b *Bucket) Get(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: aws.String(b.prefix + key)})
	if Status(err) == http.StatusNotFound {
		return nil, 0, fs.ErrNotExist
	}
	if err != nil {
		return nil, 0, err
	}
	return out.Body, aws.ToInt64(out.ContentLength), nil
}

// Briefly is for those who see events: the log has all of it, with addresses.
func Briefly(err error) string {
	if code := Status(err); code != 0 {
		return fmt.Sprintf("the bucket answered %d", code)
	}
	return "the bucket was not reached"
}
