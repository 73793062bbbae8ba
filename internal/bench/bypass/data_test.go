package bypass

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
)

// A part of a volume is whole folders and then files of the next.
func TestVolumePaths(t *testing.T) {
	v := &volume{dir: "d", files: 2*folderFiles + 3, folders: 3}
	for files, want := range map[int][]any{
		0:                 nil,
		2:                 {"d/000/part-0000.parquet", "d/000/part-0001.parquet"},
		folderFiles:       {"d/000"},
		folderFiles + 1:   {"d/000", "d/001/part-0000.parquet"},
		2*folderFiles + 3: {"d/000", "d/001", "d/002"},
	} {
		if got := v.paths(files); !reflect.DeepEqual(got, want) {
			t.Errorf("%d files: got %v, want %v", files, got, want)
		}
	}
}

// Only Parquet files count, and a directory that is not there holds nothing.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"a.parquet": 5, "b/c.parquet": 7, "b/.part-1": 100} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := size(dir); n != 12 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := size(filepath.Join(dir, "gone")); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// A data set that the disk has no room for is refused before anything is made,
// with what to do about it.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	if _, known := freeBytes(dir); !known {
		t.Skip("the system does not say what is free")
	}
	if err := room(dir, 1); err != nil {
		t.Error(err)
	}
	err := room(dir, math.MaxInt64/4)
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "--path") || !strings.Contains(err.Error(), "GB free") {
		t.Errorf("got %v", err)
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 64e6: "64 MB", 86e8: "8.6 GB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
