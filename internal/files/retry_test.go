package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// TestRetry proves that a publication that failed after it had moved parts is
// finished by the next, also if a part was staged anew in between, and that
// nothing is left of the first.
func TestRetry(t *testing.T) {
	for name, restage := range map[string]bool{"same parts": false, "one staged anew": true} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			k := openTestSink(t, root, nil)
			parts := []rdd.Staged{
				stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1}, 2: {5}}),
				stageNumbers(t, k, rdd.Block{Batch: 1, Task: 1}, map[int][]int64{0: {2}}),
			}
			final := filepath.Join(root, "batch=000001")
			saveBytes(t, final, nil) // a file in the way of the rename
			for range 2 {
				if err := k.publishAs(t, parts); fault.Of(err) == fault.Lost || err == nil {
					t.Fatalf("with a file in the way: %v", err)
				}
				if err := os.Remove(markerOf(root)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				k.entered = false // as if the failure had come before the directory was the run's
			}
			if err := os.Remove(final); err != nil {
				t.Fatal(err)
			}
			want := "label=error label=error label=information"
			if restage {
				parts[0] = stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1}})
				want = "label=error label=error"
			}
			if err := k.publishAs(t, parts); err != nil {
				t.Fatal(err)
			}
			seen, hidden := tree(t, root)
			var labels []string
			for _, s := range seen {
				labels = append(labels, strings.Split(s, "/")[1])
			}
			if strings.Join(labels, " ") != want || len(hidden) > 0 || len(k.gathered) > 0 {
				t.Errorf("readers see %v; hidden %v", seen, hidden)
			}
			if dirs, err := filepath.Glob(filepath.Join(final, "*")); err != nil || len(dirs) != strings.Count(want, " ") {
				t.Errorf("the batch has directories %v, %v", dirs, err)
			}
			if err := k.publishAs(t, parts); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}

func markerOf(root string) string { return filepath.Join(root, markerFile) }

func (k *Sink) publishAs(t *testing.T, parts []rdd.Staged) error {
	t.Helper()
	return k.Publish(t.Context(), commit(1, 1), parts)
}

// TestForeignContent proves that mode overwrite refuses, before it takes anything, a
// directory in which something is that no sink has published, and names it.
func TestForeignContent(t *testing.T) {
	for file, ours := range map[string]bool{
		"notes.txt":                        false,
		".hidden":                          false,
		"sub/dir/notes.txt":                false,
		"batch=new/x.txt":                  false,
		"job=a/notes.txt":                  false,
		"job=a/run=1/notes.txt":            false,
		"job=a/run=1/batch=000001/x.txt":   false, // without a marker
		"job=a/run=new/batch=000001/x.txt": false,
		"batch=000007/label=error/x.txt":   true,
	} {
		root := t.TempDir()
		first := begin(t, root, modeOverwrite, 10, false)
		first.mustPublish(1, 1)
		second := begin(t, root, modeOverwrite, 20, false)
		path := saveBytes(t, filepath.Join(root, filepath.FromSlash(file)), []byte("x"))
		_, err := tryBegin(root, modeOverwrite, 30, false)
		if ours {
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			second.mustPublish(2, 1)
			wantBatches(t, root, "batch=000002")
			continue
		}
		wantInvalid(t, err, root, filepath.FromSlash(file))
		wantInvalid(t, second.publish(2, 1), root, filepath.FromSlash(file)) // it came after the start
		if _, err := os.Stat(path); err != nil || !strings.Contains(batches(t, root), "batch=000001") {
			t.Errorf("%s: a refused run took it or the batch: %v", file, err)
		}
	}
	// Batches of a data set that somebody else has partitioned have no marker.
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "batch=1", "x.txt"), []byte("x"))
	_, err := tryBegin(root, modeOverwrite, 30, false)
	wantInvalid(t, err, root, filepath.Join("batch=1", "x.txt"))
}
