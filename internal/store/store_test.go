package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts object storage in this process, with objects of a bucket called
// data, and returns how it is reached.
func serve(t *testing.T, objects map[string]string) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	for key, content := range objects {
		if _, err := backend.PutObject("data", key, nil, strings.NewReader(content), int64(len(content)), nil); err != nil {
			t.Fatal(err)
		}
	}
	s := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return "?endpoint=" + s.URL + "&region=here&access_key=key&secret_key=very-secret"
}

// TestReadAt proves that an object reads anywhere as its bytes, over blocks and to
// its end.
func TestReadAt(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcde"), 2*blockBytes/10)
	how := serve(t, map[string]string{"a/big": string(content), "a/empty": ""})
	var s Store
	defer func() { _ = s.Close() }()
	path, err := s.Add("s3://data/a/big" + how)
	if err != nil || path != "s3://data/a/big" {
		t.Fatal(path, err)
	}
	f, err := s.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 5, blockBytes - 3, 2*blockBytes + 1, 0, f.Size - 7, f.Size, f.Size + 5} {
		for _, n := range []int{0, 1, 10, blockBytes + 9} {
			p := make([]byte, n)
			got, err := f.ReadAt(p, at)
			rest := content[min(at, f.Size):]
			if want := min(n, len(rest)); got != want || !bytes.Equal(p[:got], rest[:want]) || (want < n) != errors.Is(err, io.EOF) {
				t.Errorf("%d bytes at %d: %d, %v", n, at, got, err)
			}
		}
	}
	if len(f.blocks) > blocksKept {
		t.Errorf("%d blocks are kept", len(f.blocks))
	}
	f.Rest()
	if all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size)); err != nil || !bytes.Equal(all, content) {
		t.Errorf("%d bytes, %v", len(all), err)
	}
	empty, err := s.Open(t.Context(), "s3://data/a/empty")
	if err != nil || empty.Size != 0 {
		t.Fatal(err)
	}
	if n, err := empty.ReadAt(make([]byte, 1), 0); n != 0 || !errors.Is(err, io.EOF) {
		t.Error(n, err)
	}
}

// TestList proves that objects come in order, below a prefix only, and what is
// said of those that are not there.
func TestList(t *testing.T) {
	how := serve(t, map[string]string{"p/b": "1", "p/a/c": "22", "q": "3", "p2": ""})
	var s Store
	defer func() { _ = s.Close() }()
	if _, err := s.Add("s3://data" + how); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := s.List(t.Context(), "s3://data/p/", func(i Info) error {
		got = append(got, fmt.Sprint(i.Path, i.Size))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[s3://data/p/a/c2 s3://data/p/b1]" {
		t.Error(got)
	}
	for path, kind := range map[string]fault.Kind{"s3://data/none": fault.Invalid, "s3:///x": fault.Invalid} {
		if _, err := s.Open(t.Context(), path); fault.Of(err) != kind || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
	for _, bad := range []string{"s3://", "s3://data?endpoint=http://other", "s3://x?%zz"} {
		if _, err := s.Add(bad); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := s.Add("s3://odd?colour=red"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "s3://odd/x"); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "colour") {
		t.Errorf("an option that there is not: %v", err)
	}
}
