package parquet

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/parquet-go/parquet-go/format"
)

func verifyAll(t *testing.T, label string, paths ...string) []Lie {
	t.Helper()
	var out []Lie
	if err := Verify(t.Context(), paths, label, func(l Lie) { out = append(out, l) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInspect proves that what footers say is told: labels, groups, lists,
// statistics, of our own files and of those without a header.
func TestInspect(t *testing.T) {
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "a.parquet"), encodeDone(t, twoColumns(), plain(), doneRows{[]string{"tag:1"}, numbered(3, 0)}, doneRows{nil, numbered(2, 3)}))
	save(t, filepath.Join(root, "label=x", "b.parquet"), everyType(), WriterOptions{}, row{int64(1), "NaN", "s", nil, arrow.Timestamp(7), arrow.Date32(3), true})
	var got []*File
	for f, err := range Inspect(t.Context(), []string{root}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if len(got) != 2 || got[0].Label != "error" || got[1].Label != "x" || got[0].Header != "bound" || got[0].Rows != 5 || !strings.HasPrefix(got[0].Writer, "idag") {
		t.Fatalf("%+v", got)
	}
	if g := got[0].Groups; len(g) != 2 || g[0].Rows != 3 || !slices.Equal(g[0].Done, []string{"tag:1"}) || g[1].Done != nil || string(g[0].Columns[0].Max) != "2" {
		t.Errorf("%+v", g)
	}
	for i, want := range []string{"i bigint 1 1", "f double - -", `s string "s" "s"`, "d string - -", `t timestamp "1970-01-01T00:00:00.000007Z" "1970-01-01T00:00:00.000007Z"`, `day date "1970-01-04" "1970-01-04"`, "b boolean true true"} {
		c := got[1].Groups[0].Columns[i]
		lo, hi := string(c.Min), string(c.Max)
		if c.Min == nil {
			lo, hi = "-", "-"
		}
		if text := strings.Join([]string{c.Name, c.Type, lo, hi}, " "); text != want || c.Nulls == nil || c.Bytes == 0 {
			t.Errorf("%s, %v nulls, %d bytes; want %s", text, c.Nulls, c.Bytes, want)
		}
	}
	if c := got[1].Groups[0].Columns[4]; !c.Times.Known || c.Times.Min != 7 || *got[1].Groups[0].Columns[1].NaNs != 1 {
		t.Errorf("%+v", c)
	}
	seen := 0
	for _, err := range Inspect(t.Context(), []string{root}) { // who has had enough stops it
		if seen++; err != nil || seen == 1 {
			break
		}
	}
	if seen != 1 {
		t.Errorf("%d files after the first was enough", seen)
	}
	for _, err := range Inspect(t.Context(), []string{filepath.Join(root, "gone")}) {
		wantInvalid(t, err, "gone")
	}
}

// TestVerify proves that each kind of lie is found where it is, and nothing in a
// file that tells the truth.
func TestVerify(t *testing.T) {
	rows := []row{
		{int64(1), 1.0, "error", "x", arrow.Timestamp(5), arrow.Date32(5), true},
		{int64(9), "NaN", "error", "y", arrow.Timestamp(9), arrow.Date32(9), false},
		{nil, 2.0, "error", nil, nil, nil, nil},
	}
	o := WriterOptions{Metadata: map[string]string{labelKey: "error"}}
	truth := encodeDone(t, everyType(), o, doneRows{[]string{"tag:1"}, rows[:1]}, doneRows{nil, rows})
	meta := func(edit func(*format.ColumnMetaData), column int) []byte {
		b := editKey(t, truth, doneKey, func(string) string { return "" })
		return editFooter(t, b, func(m *format.FileMetaData) {
			m.KeyValueMetadata = slices.DeleteFunc(m.KeyValueMetadata, func(kv format.KeyValue) bool { return kv.Key == doneKey })
			edit(&m.RowGroups[1].Columns[column].MetaData)
		})
	}
	other := slices.Clone(truth)
	other[40] ^= 1
	for name, c := range map[string]struct {
		file   []byte
		column string
		group  int
		words  []string
	}{
		"truth":      {truth, "", 0, nil},
		"least":      {meta(func(m *format.ColumnMetaData) { m.Statistics.MinValue = m.Statistics.MaxValue }, 0), "i", 1, []string{"values from 9 to 9", "holds 1"}},
		"fewer null": {meta(func(m *format.ColumnMetaData) { m.Statistics.NullCount = 0 }, 3), "d", 1, []string{"0 nulls", "holds 1"}},
		"more nulls": {meta(func(m *format.ColumnMetaData) { m.Statistics.NullCount = 2 }, 4), "t", 1, []string{"2 nulls", "holds 1"}},
		"NaN":        {meta(func(m *format.ColumnMetaData) { m.KeyValueMetadata[0].Value = "0" }, 1), "f", 1, []string{"0 NaNs", "holds 1"}},
		"rows":       {meta(func(m *format.ColumnMetaData) { m.NumValues++ }, 0), "i", 1, []string{"4 rows", "row group 3"}},
		"header":     {editKey(t, truth, doneKey, func(v string) string { return strings.Replace(v, "tag:1", "tag:2", 1) }), "", -1, []string{"header is not believed"}},
		"label":      {editKey(t, truth, labelKey, func(string) string { return "backup" }), "", -1, []string{"header is not believed"}},
		"bytes":      {other, "i", 0, []string{"not those that the header was written for"}},
		"no Parquet": {truth[:len(truth)-1], "", -1, []string{"not a Parquet file"}},
	} {
		path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), c.file)
		lies := verifyAll(t, "", path)
		if c.words == nil {
			if len(lies) > 0 {
				t.Errorf("%s: %+v", name, lies)
			}
			continue
		}
		if len(lies) == 0 || lies[0].Path != path || lies[0].Group != c.group || lies[0].Column != c.column {
			t.Errorf("%s: %+v", name, lies)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(lies[0].What, w) {
				t.Errorf("%s: %q does not say %q", name, lies[0].What, w)
			}
		}
	}
}

// TestVerifyLabels proves that the label of the footer is held against the column
// of labels, and against the directory.
func TestVerifyLabels(t *testing.T) {
	b := encodeDone(t, twoColumns(), plain(), doneRows{nil, numbered(3, 0)})
	root := t.TempDir()
	path := saveBytes(t, filepath.Join(root, "label=backup", "a.parquet"), b)
	lies := verifyAll(t, "s", root)
	if len(lies) != 2 || lies[0].Group != -1 || !strings.Contains(lies[0].What, `"backup"`) || lies[1].Column != "s" || !strings.Contains(lies[1].What, `"error", and a row has "s"`) {
		t.Errorf("%+v", lies)
	}
	if lies = verifyAll(t, "gone", path); len(lies) != 1 || !strings.Contains(lies[0].What, `no column "gone"`) {
		t.Errorf("%+v", lies)
	}
}

// FuzzVerify proves that no byte of a file makes Verify panic, and that each one of a
// page that was changed is seen.
func FuzzVerify(f *testing.F) {
	file := encodeDone(f, everyType(), WriterOptions{}, doneRows{[]string{"tag:1"}, []row{
		{int64(1), 1.0, "s", "x", arrow.Timestamp(5), arrow.Date32(5), true}, {nil, "NaN", nil, "y", nil, nil, false}}})
	f.Add(40, byte(1))
	f.Add(len(file)-20, byte(255))
	f.Fuzz(func(t *testing.T, at int, flip byte) {
		if at < 0 || at >= len(file) || flip == 0 {
			return
		}
		b := bytes.Clone(file)
		b[at] ^= flip
		path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), b)
		lies := verifyAll(t, "", path)
		if at >= 4 && at < 4+dataBytes(t, file) && len(lies) == 0 {
			t.Errorf("byte %d of %d was changed by %x and nobody saw it", at, len(file), flip)
		}
	})
}

// dataBytes is how many bytes of a file are pages.
func dataBytes(t *testing.T, file []byte) int {
	total := int64(0)
	editFooter(t, file, func(m *format.FileMetaData) {
		for _, c := range m.RowGroups[0].Columns {
			total += c.MetaData.TotalCompressedSize
		}
	})
	return int(total)
}
