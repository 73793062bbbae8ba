package files

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// TestPackedSink proves that packed files read as plain ones do, and that their
// names say what they are.
func TestPackedSink(t *testing.T) {
	for compression, ext := range map[string]string{"none": ".txt", "gzip": ".txt.gz", "zstd": ".txt.zst"} {
		root := t.TempDir()
		k := openTestSink(t, root, nil)
		var err error
		if k.encoder, err = Packed(textEncoder{}, compression); err != nil {
			t.Fatal(err)
		}
		at := rdd.Block{Batch: 1}
		parts := []rdd.Staged{stageNumbers(t, k, at, map[int][]int64{0: {1, 2}}), stageNumbers(t, k, at, map[int][]int64{0: {3}})}
		if err := k.Publish(t.Context(), commit(1, 1), parts); err != nil {
			t.Fatal(err)
		}
		seen, _ := tree(t, root)
		for i, mark := range []string{"-1", ""} {
			if want := "part-0-0-00000-00000" + mark + ext; filepath.Base(seen[i]) != want {
				t.Errorf("%s, not %s", seen[i], want)
			}
		}
		rows, err := readAll(open(t, rdd.Options{"path": root}, lines{}), checked(t), rdd.Size{}, "line")
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, rows, "error n", "3", "error n", "1", "2")

		k.encoder, _ = Packed(fullEncoder{}, compression)
		_, err = k.Stage(t.Context(), at, frames(checked(t), map[int][]int64{0: {1}}))
		if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("%v", err)
		}
	}
	if _, err := Packed(textEncoder{}, "rar"); fault.Of(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
