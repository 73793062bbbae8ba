// Package store reads and writes files in object storage as package os does on
// a disk:
//
//	s3://bucket/prefix/file?endpoint=http://host:9000&region=eu-west-1
//
// What stands behind the question mark is how the bucket is reached: region,
// endpoint, profile, anonymous, role, dualstack, and access_key with secret_key.
// Without a key the credentials come from where programs for AWS look for them:
// the environment, the shared files, the machine's role. It is said once, when a
// path is given to [Store.Add], and is no part of the paths that a Store returns:
// these name bucket and key and nothing else.
//
// A Store holds a connection to each bucket and is safe for concurrent use.
package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/idag/idag/internal/fault"
	"gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"
)

// IsURL reports whether a path lies in object storage.
func IsURL(path string) bool { return strings.HasPrefix(path, scheme) }

const scheme = "s3://"

// Info is what is known of an object.
type Info struct {
	Path string // s3://bucket/key
	Size int64
	Time time.Time // of its last change
	Tag  string    // changes whenever the object does
}

// Store opens objects. The zero Store is ready for use.
type Store struct {
	mu      sync.Mutex
	how     map[string]url.Values // by bucket
	buckets map[string]*blob.Bucket
}

// Add notes how the bucket of a path is reached and returns the path without
// that. A bucket that was to be reached in another way is a fault.Invalid.
func (s *Store) Add(path string) (string, error) {
	bare, query, _ := strings.Cut(path, "?")
	bucket, _, err := split(bare)
	if err != nil {
		return bare, err
	}
	how, err := url.ParseQuery(query)
	if err != nil {
		return bare, fault.New(fault.Invalid, "%s: what stands behind the question mark is not of the form name=value&name=value", bare)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how == nil {
		s.how, s.buckets = map[string]url.Values{}, map[string]*blob.Bucket{}
	}
	if had, ok := s.how[bucket]; ok && had.Encode() != how.Encode() {
		return bare, fault.New(fault.Invalid, "%s: the bucket is reached in two ways", bare)
	}
	s.how[bucket] = how
	return bare, nil
}

// split takes a path apart.
func split(path string) (bucket, key string, err error) {
	rest, ok := strings.CutPrefix(path, scheme)
	bucket, key, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", fault.New(fault.Invalid, "%s: not of the form s3://BUCKET/PATH", path)
	}
	return bucket, key, nil
}

// bucket returns the bucket of a path, open, and the key.
func (s *Store) bucket(ctx context.Context, path string) (*blob.Bucket, string, error) {
	name, key, err := split(path)
	if err != nil {
		return nil, "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.buckets[name]; b != nil {
		return b, key, nil
	}
	b, err := dial(ctx, name, s.how[name])
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "%s%s: %w", scheme, name, err)
	}
	if s.buckets == nil {
		s.buckets = map[string]*blob.Bucket{}
	}
	s.buckets[name] = b
	return b, key, nil
}

func dial(ctx context.Context, bucket string, how url.Values) (*blob.Bucket, error) {
	q := url.Values{}
	for k, v := range how {
		q[k] = v
	}
	id, secret := q.Get("access_key"), q.Get("secret_key")
	q.Del("access_key")
	q.Del("secret_key")
	other := q.Get("endpoint") != "" // than AWS itself: what few others understand is left out
	if other && !q.Has("request_checksum_calculation") {
		q.Set("request_checksum_calculation", "when_required")
		q.Set("response_checksum_validation", "when_required")
	}
	cfg, err := aws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, err
	}
	if id != "" {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(id, secret, "")
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = other })
	return s3blob.OpenBucket(ctx, client, bucket, nil)
}

// Close closes the connections.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, b := range s.buckets {
		err = errors.Join(err, b.Close())
	}
	clear(s.buckets)
	return err
}

// List calls f for every object whose path begins with prefix, in the order of
// the paths.
func (s *Store) List(ctx context.Context, prefix string, f func(Info) error) error {
	b, key, err := s.bucket(ctx, prefix)
	if err != nil {
		return err
	}
	root := strings.TrimSuffix(prefix, key)
	if !strings.HasSuffix(root, "/") {
		root += "/"
	}
	it := b.List(&blob.ListOptions{Prefix: key})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return wrap(prefix, err)
		}
		i := Info{Path: root + o.Key, Size: o.Size, Time: o.ModTime}
		var raw types.Object
		if o.As(&raw) && raw.ETag != nil {
			i.Tag = *raw.ETag
		}
		if err := f(i); err != nil {
			return err
		}
	}
}

// Stat returns what is known of an object.
func (s *Store) Stat(ctx context.Context, path string) (Info, error) {
	b, key, err := s.bucket(ctx, path)
	if err != nil {
		return Info{}, err
	}
	if key == "" { // the bucket itself is no object
		return Info{}, fault.Wrap(fault.Invalid, missing(path))
	}
	a, err := b.Attributes(ctx, key)
	if err != nil {
		return Info{}, wrap(path, err)
	}
	return Info{Path: path, Size: a.Size, Time: a.ModTime, Tag: a.ETag}, nil
}

// wrap says what kind of fault it is not to reach an object.
func wrap(path string, err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fault.Wrap(fault.Invalid, missing(path))
	case gcerrors.PermissionDenied:
		return fault.New(fault.Invalid, "%s: permission denied", path)
	case gcerrors.Canceled:
		return context.Canceled
	default:
		return fault.New(fault.Retry, "%s: %w", path, err)
	}
}

// missing is the path of an object that there is not.
type missing string

// Error implements error.
func (m missing) Error() string { return string(m) + ": no such object or bucket" }

// Is makes it a fs.ErrNotExist.
func (missing) Is(target error) bool { return target == fs.ErrNotExist }
