package parquet

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestHiddenColumnsAreLost: where a directory's key hides a column of the rows, who
// takes up rows that are half done must not get the key for the column. A key that
// hides nothing is a column like any other.
func TestHiddenColumnsAreLost(t *testing.T) {
	list := []string{"tag:1", "map:2"}
	b := encodeDone(t, twoColumns(), plain(), doneRows{list, numbered(3, 0)})
	path := filepath.Join(t.TempDir(), "b=7", "day=3")
	saveBytes(t, filepath.Join(path, "a.parquet"), b)
	got := enter(t, filepath.Dir(filepath.Dir(path)), []string{"a", "day"})
	if len(got.asked) != 1 || len(got.rows) != 3 {
		t.Fatalf("asked %d times, %d rows", len(got.asked), len(got.rows))
	}
	asked, frame := got.asked[0], got.frames[0]
	if want := append(list, "without:b"); !slices.Equal(asked.Done, want) || !slices.Equal(frame.Done, want) {
		t.Errorf("asked with the list %v, and the frame bears %v, want %v", asked.Done, frame.Done, want)
	}
	if want := []string{"a", "s", "day"}; !slices.Equal(asked.Columns, want) || !slices.Equal(frame.Columns, want) {
		t.Errorf("the columns are %v and %v, want %v", asked.Columns, frame.Columns, want)
	}
	if row := got.rows[2]; row[0] != int64(2) || row[1] != int64(3) {
		t.Errorf("the last row is %v", row)
	}
}
