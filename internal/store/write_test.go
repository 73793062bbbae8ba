package store

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
)

// TestWrite proves that Put replaces, Create does not, Delete needs nothing to be
// there, and that a bucket that there is not is the author's mistake.
func TestWrite(t *testing.T) {
	how := serve(t, nil)
	var s Store
	defer func() { _ = s.Close() }()
	path, err := s.Add("s3://data/a/x" + how)
	if err != nil {
		t.Fatal(err)
	}
	content := func() string {
		t.Helper()
		f, err := s.Open(t.Context(), path)
		if err != nil {
			return err.Error()
		}
		b := make([]byte, f.Size)
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if _, err := s.Stat(t.Context(), path); !errors.Is(err, fs.ErrNotExist) || fault.Of(err) != fault.Invalid {
		t.Errorf("not there: %v", err)
	}
	if err := s.Create(t.Context(), path, strings.NewReader("one")); err != nil || content() != "one" {
		t.Errorf("created: %v, %s", err, content())
	}
	if err := s.Create(t.Context(), path, strings.NewReader("two")); !errors.Is(err, ErrExists) || content() != "one" {
		t.Errorf("created twice: %v, %s", err, content())
	}
	big := strings.Repeat("0123456789", 1<<20) // in several parts
	if err := s.Put(t.Context(), path, strings.NewReader(big)); err != nil || content() != big {
		t.Errorf("put: %v", err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), path); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Add("s3://none" + how); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "s3://none/x", strings.NewReader("x")); fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "secret") {
		t.Errorf("no bucket: %v", err)
	}
}
