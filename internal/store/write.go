package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/idag/idag/internal/fault"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// ErrExists is what [Store.Create] says of an object that there is already.
var ErrExists = errors.New("the object exists already")

// Put writes an object, in place of one that there may be. It appears as a
// whole or, after an error, not at all or as a whole.
func (s *Store) Put(ctx context.Context, path string, content io.Reader) error {
	return s.write(ctx, path, content, false)
}

// Create writes an object unless it exists, which is [ErrExists]. Of several at
// the same time one creates it, where the storage knows conditional writes; one
// that does not lets the last win.
func (s *Store) Create(ctx context.Context, path string, content io.Reader) error {
	return s.write(ctx, path, content, true)
}

func (s *Store) write(ctx context.Context, path string, content io.Reader, create bool) error {
	b, key, err := s.bucket(ctx, path)
	if err != nil {
		return err
	}
	err = b.Upload(ctx, key, content, &blob.WriterOptions{ContentType: "application/octet-stream", IfNotExist: create})
	switch {
	case err == nil:
		return nil
	case create && gcerrors.Code(err) == gcerrors.FailedPrecondition:
		return fault.Wrap(fault.Retry, fmt.Errorf("%s: %w", path, ErrExists))
	}
	return wrap(path, err)
}

// Delete removes an object. That there is none is no error.
func (s *Store) Delete(ctx context.Context, path string) error {
	b, key, err := s.bucket(ctx, path)
	if err != nil {
		return err
	}
	if err := b.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return wrap(path, err)
	}
	return nil
}
