package parquet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// editFooter returns a file whose footer was changed by edit.
func editFooter(t testing.TB, file []byte, edit func(*format.FileMetaData)) []byte {
	t.Helper()
	size := int(binary.LittleEndian.Uint32(file[len(file)-8:]))
	data := file[:len(file)-8-size]
	m := &format.FileMetaData{}
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, file[len(data):len(file)-8], m); err != nil {
		t.Fatal(err)
	}
	edit(m)
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, m)
	if err != nil {
		t.Fatal(err)
	}
	out := append(slices.Clone(data), b...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
	return append(out, "PAR1"...)
}

// editKey changes the value of a key of the footer.
func editKey(t testing.TB, file []byte, key string, edit func(string) string) []byte {
	t.Helper()
	return editFooter(t, file, func(m *format.FileMetaData) {
		for i := range m.KeyValueMetadata {
			if kv := &m.KeyValueMetadata[i]; kv.Key == key {
				kv.Value = edit(kv.Value)
				return
			}
		}
		t.Fatalf("there is no key %s", key)
	})
}

// doneRows are rows to which a list of operations was applied.
type doneRows struct {
	list []string
	rows []row
}

// encodeDone writes parts of a file, each with its done-list.
func encodeDone(t testing.TB, schema *arrow.Schema, o WriterOptions, parts ...doneRows) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := w.Done(p.list); err != nil {
			t.Fatal(err)
		}
		b := batchOf(memory.DefaultAllocator, schema, p.rows)
		err := w.Write(b)
		b.Release()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func twoColumns() *arrow.Schema {
	return schemaOf("a", arrow.PrimitiveTypes.Int64, "b", arrow.PrimitiveTypes.Int64, "s", arrow.BinaryTypes.String)
}

// plain says how files are written in which a value takes the same place whatever it is.
func plain() WriterOptions {
	return WriterOptions{Compression: "none", Metadata: map[string]string{labelKey: "error"}}
}

func numbered(n, from int) []row {
	var out []row
	for i := range n {
		out = append(out, row{int64(from + i), int64(-i), "s"})
	}
	return out
}

// entry is what a reader was asked and what it gave.
type entry struct {
	asked   []rdd.Header
	frames  []rdd.Header
	columns int
	rows    []row
}

// enter reads a file whole and returns columns for every group that it is asked of.
func enter(t testing.TB, path string, columns []string) entry {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t.(memory.TestingT), 0)
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	var out entry
	want := rdd.Projection{Columns: []string{"a", "b", "s"}, Mem: mem, Bounds: []string{"a"}, Enter: func(h *rdd.Header) []string {
		out.asked = append(out.asked, *h)
		return columns
	}}
	for _, split := range splits {
		for f, err := range s.Read(t.Context(), split, want) {
			if err != nil {
				t.Fatal(err)
			}
			out.frames = append(out.frames, f.Header)
			out.columns = int(f.Batch.NumCols())
			out.rows = append(out.rows, rowsOf(f.Batch)...)
		}
	}
	return out
}

// TestDoneIsRead proves that a list goes with its rows: a row group holds rows of
// one list, who reads it is asked with the list, the columns and the bounds, and the
// frames bear it; and that without Enter, or where it wants nothing, rows are raw.
func TestDoneIsRead(t *testing.T) {
	one, two := []string{"tag:1", "map:2"}, []string{"tag:1", "map:3<"}
	b := encodeDone(t, twoColumns(), plain(), doneRows{one, numbered(3, 0)}, doneRows{one, numbered(3, 3)},
		doneRows{two, numbered(2, 6)}, doneRows{nil, numbered(4, 8)}, doneRows{one, numbered(1, 12)})
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), b)
	got := enter(t, path, []string{"a"})
	want := [][]string{one, two, nil, one}
	if len(got.frames) != len(want) || len(got.asked) != 3 || len(got.rows) != 13 || got.columns != 1 {
		t.Fatalf("%d frames, asked %d times, %d rows of %d columns", len(got.frames), len(got.asked), len(got.rows), got.columns)
	}
	for i, h := range got.frames {
		if !slices.Equal(h.Done, want[i]) || h.Unbound != "" || (h.Done == nil) != (h.Columns == nil) {
			t.Errorf("group %d has %v, columns %v, not %v; unbound: %s", i, h.Done, h.Columns, want[i], h.Unbound)
		}
		if _, ok := h.Bounds["a"]; !ok || len(h.Bounds) != 1 {
			t.Errorf("group %d has bounds %v", i, h.Bounds)
		}
	}
	if a := got.asked[1]; !slices.Equal(a.Columns, []string{"a", "b", "s"}) || !slices.Equal(a.Done, two) || a.Bounds["a"].Min != int64(6) || a.Bounds["a"].Max != int64(7) {
		t.Errorf("asked with %+v", a)
	}
	if raw := enter(t, path, nil); raw.columns != 3 || slices.ContainsFunc(raw.frames, func(h rdd.Header) bool { return h.Done != nil }) {
		t.Errorf("rows that nobody enters are %+v", raw.frames)
	}
}

// TestHintsOfSplits proves that splits say what the footer does: the label and the
// last of what was done.
func TestHintsOfSplits(t *testing.T) {
	b := encodeDone(t, twoColumns(), plain(), doneRows{[]string{"tag:1", "map:2"}, numbered(3, 0)}, doneRows{nil, numbered(2, 3)})
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "a.parquet"), b)
	saveBytes(t, filepath.Join(root, "label=x%20y", "b.parquet"), encodeDone(t, twoColumns(), WriterOptions{}, doneRows{nil, numbered(1, 0)}))
	splits, err := cutAll(open(t, rdd.Options{"path": root, "union_by_name": true}, connectors.Env{}), rdd.Size{})
	if err != nil || len(splits) != 3 {
		t.Fatalf("%d splits, %v", len(splits), err)
	}
	for i, want := range []struct {
		label string
		rows  int64
		done  string
	}{{"error", 3, "map:2"}, {"error", 2, ""}, {"x y", 1, ""}} {
		if s := splits[i]; s.Done != want.done || len(s.Labels) != 1 || s.Labels[want.label] != want.rows {
			t.Errorf("split %d: labels %v, done %q", i, s.Labels, s.Done)
		}
	}
}

// TestHeaderOfOtherRows proves that a header is believed of no other rows than
// those it was written for: not if it was copied to more rows, to as many, or to
// the same rows elsewhere; not if one of its parts was edited. The rows are as they
// are without a header.
func TestHeaderOfOtherRows(t *testing.T) {
	list := []string{"tag:1", "map:2"}
	ours := encodeDone(t, twoColumns(), plain(), doneRows{list, numbered(5, 0)})
	value := ""
	editKey(t, ours, doneKey, func(v string) string { value = v; return v })
	foreign := func(n, from int) []byte {
		b := encode(t, twoColumns(), WriterOptions{Compression: "none"}, batchOf(memory.DefaultAllocator, twoColumns(), numbered(n, from)))
		return editFooter(t, b, func(m *format.FileMetaData) {
			m.KeyValueMetadata = []format.KeyValue{{Key: labelKey, Value: "error"}, {Key: doneKey, Value: value}}
			m.CreatedBy = "other"
		})
	}
	replace := func(key, old, now string) []byte {
		return editKey(t, ours, key, func(v string) string {
			if !strings.Contains(v, old) {
				t.Fatalf("%s is not in %s", old, v)
			}
			return strings.ReplaceAll(v, old, now)
		})
	}
	for name, b := range map[string][]byte{
		"more rows":          foreign(6, 0),
		"as many other rows": foreign(5, 7),
		"another label":      replace(labelKey, "error", "backup"),
		"a longer list":      replace(doneKey, `"map:2"`, `"map:2","map:3"`),
		"another digest":     replace(doneKey, "map:2", "map:3"),
		"another version":    replace(doneKey, `"version":1`, `"version":2`),
		"no JSON":            replace(doneKey, `{`, ``),
		"two headers": editFooter(t, ours, func(m *format.FileMetaData) {
			m.KeyValueMetadata = append(m.KeyValueMetadata, format.KeyValue{Key: doneKey, Value: value})
		}),
		"columns change name": editFooter(t, ours, func(m *format.FileMetaData) { m.Schema[1].Name, m.Schema[2].Name = "b", "a" }),
		"other statistics":    editFooter(t, ours, func(m *format.FileMetaData) { m.RowGroups[0].Columns[1].MetaData.Statistics.MinValue = make([]byte, 8) }),
	} {
		path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), b)
		got := enter(t, path, []string{"a"})
		if len(got.asked) > 0 || len(got.frames) != 1 || got.columns != 3 || got.frames[0].Done != nil || got.frames[0].Unbound == "" {
			t.Errorf("%s: asked %+v, frames %+v", name, got.asked, got.frames)
		}
		if without := enter(t, saveBytes(t, path, editKey(t, b, doneKey, func(string) string { return "" })), []string{"a"}); !equalRows(got.rows, without.rows) {
			t.Errorf("%s: rows %v, without a header %v", name, got.rows, without.rows)
		}
	}
	if got := enter(t, saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), editFooter(t, ours, func(*format.FileMetaData) {})), []string{"a"}); got.frames[0].Done == nil {
		t.Error("the header of these rows is not believed: the test shows nothing")
	}
}

func equalRows(a, b []row) bool {
	return slices.EqualFunc(a, b, func(x, y row) bool { return slices.Equal(x, y) })
}

// TestOtherBytes proves that a list is believed only of the bytes it was written
// for, of all columns that are read: where one has others under the same footer the
// group is read as raw rows, as a whole.
func TestOtherBytes(t *testing.T) {
	list := []string{"tag:1"}
	ours := encodeDone(t, twoColumns(), plain(), doneRows{list, numbered(5, 0)})
	other := numbered(5, 0)
	for i := range other {
		other[i][0] = int64(4 - i) // the statistics are the same
	}
	theirs := encodeDone(t, twoColumns(), plain(), doneRows{list, other})
	size := int(binary.LittleEndian.Uint32(ours[len(ours)-8:]))
	mixed := append(slices.Clone(theirs[:len(ours)-8-size]), ours[len(ours)-8-size:]...)
	if bytes.Equal(mixed, ours) {
		t.Fatal("the files do not differ")
	}
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), mixed)
	for range 2 {
		got := enter(t, path, []string{"b", "a"})
		if h := got.frames[0]; len(got.asked) != 1 || h.Done != nil || h.Columns != nil || got.columns != 3 ||
			!strings.Contains(h.Unbound, `column "a"`) || !strings.Contains(h.Unbound, path) {
			t.Errorf("asked %+v, %d columns, frame %+v", got.asked, got.columns, h)
		}
		if !equalRows(got.rows, other) {
			t.Errorf("rows %v", got.rows)
		}
	}
	if got := enter(t, path, []string{"b", "s"}); got.frames[0].Done == nil || got.columns != 2 {
		t.Errorf("a column that is not read counts: %+v", got.frames)
	}
}

// TestLargeChunks proves that chunks which are too large to be kept are checked all
// the same.
func TestLargeChunks(t *testing.T) {
	ours := encodeDone(t, twoColumns(), plain(), doneRows{[]string{"tag:1"}, numbered(100, 0)})
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), ours)
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	mem := checked(t)
	f, err := s.files.acquire(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.files.release(f)
	for i, sum := range f.meta.bound.groups[0].sums {
		got, err := sumFrom(f, &f.meta.groups[0].chunks[i], mem)
		if err != nil || got != sum {
			t.Errorf("column %d: %x, not %x; %v", i, got, sum, err)
		}
	}
	long := chunk{data: 4, compressed: int64(len(ours))}
	if _, err := sumFrom(f, &long, mem); err == nil {
		t.Error("a chunk past the end of the file has a sum")
	}
}

// FuzzHeader proves that no header makes a reader panic, and that one which is
// believed fits the file.
func FuzzHeader(f *testing.F) {
	file := encodeDone(f, twoColumns(), plain(), doneRows{[]string{"tag:1"}, numbered(2, 0)}, doneRows{nil, numbered(3, 0)})
	size := int(binary.LittleEndian.Uint32(file[len(file)-8:]))
	meta, err := parseFooter(file[len(file)-8-size : len(file)-8])
	if err != nil {
		f.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(meta.header, &e); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(e.Header))
	f.Add([]byte(`{"lists":[],"groups":[{"rows":2,"list":0,"chunks":[]},null]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, header []byte) {
		m := *meta
		m.header, _ = json.Marshal(&envelope{Version: headerVersion, Sum: spellSum(m.fingerprint(header)), Header: header})
		if b, err := m.bind(); err == nil && b != nil {
			for i := range m.groups {
				if len(b.groups[i].sums) != len(m.groups[i].chunks) {
					t.Errorf("%d sums for %d columns", len(b.groups[i].sums), len(m.groups[i].chunks))
				}
			}
		}
		m.header = header
		if b, err := m.bind(); err == nil && !bytes.Equal(header, meta.header) {
			t.Errorf("believed %q: %v", header, b)
		}
	})
}
