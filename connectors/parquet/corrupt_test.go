package parquet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// smallFile is a file with every type, nulls, a dictionary, plain strings and
// two row groups.
func smallFile(t testing.TB, compression string) []byte {
	schema := schemaOf("i", arrow.PrimitiveTypes.Int64, "f", arrow.PrimitiveTypes.Float64, "b", arrow.FixedWidthTypes.Boolean,
		"s", arrow.BinaryTypes.String, "u", arrow.BinaryTypes.String, "t", timestampType(), "d", arrow.FixedWidthTypes.Date32)
	var rows []row
	for i := range 600 {
		r := row{int64(i), float64(i) / 3, i%3 == 0, fmt.Sprint("v", i%7), fmt.Sprint("unique", i),
			arrow.Timestamp(i * 1000), arrow.Date32(i)}
		if i%5 == 0 {
			r[i/5%len(r)] = nil
		}
		rows = append(rows, r)
	}
	b := batchOf(memory.DefaultAllocator, schema, rows)
	defer b.Release()
	return encode(t, schema, WriterOptions{Compression: compression, RowGroupRows: 400}, b)
}

// tryRead reads whatever a file says it holds.
func tryRead(t testing.TB, path string) ([]row, error) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer func() {
		if n := mem.CurrentAlloc(); n != 0 {
			t.Errorf("%d bytes leaked", n)
		}
	}()
	s, err := openSource(t.Context(), rdd.Options{"path": path}, connectors.Env{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	return readAll(s, mem, 100)
}

// TestFlippedBytes proves that no damage to a file makes the reader panic or
// leak: it reads what it can or names the file.
func TestFlippedBytes(t *testing.T) {
	for _, compression := range []string{"none", "snappy", "zstd", "gzip"} {
		good := smallFile(t, compression)
		path := filepath.Join(t.TempDir(), "bad.parquet")
		step := 11
		if compression != "snappy" {
			step = 97
		}
		for i := 0; i < len(good); i += step {
			bad := append([]byte(nil), good...)
			bad[i] ^= byte(1 << (i % 8))
			saveBytes(t, path, bad)
			if _, err := tryRead(t, path); err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("byte %d: %v does not name the file", i, err)
			}
		}
	}
}

// TestTruncated proves that a file cut anywhere is refused with its name.
func TestTruncated(t *testing.T) {
	good := smallFile(t, "snappy")
	path := filepath.Join(t.TempDir(), "cut.parquet")
	for n := 0; n < len(good); n += 1 + n/20 {
		saveBytes(t, path, good[:n])
		_, err := tryRead(t, path)
		wantInvalid(t, err, path, "not a Parquet file")
	}
}

// TestForeign proves that what is not Parquet is refused with a reason.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string]string{
		"text.csv":   "a,b\n1,2\nthis is longer than a dozen bytes\n",
		"empty":      "",
		"encrypted":  "PARE0123456789\x04\x00\x00\x00PARE",
		"footerless": "PAR1" + "\xff\xff\xff\x7fPAR1",
		"noschema":   "PAR1" + "\x15\x02\x00" + "\x03\x00\x00\x00PAR1",
	} {
		path := saveBytes(t, filepath.Join(dir, name), []byte(b))
		_, err := tryRead(t, path)
		wantInvalid(t, err, path, "not a Parquet file")
	}
	_, err := tryRead(t, filepath.Join(dir, "nowhere.parquet"))
	wantInvalid(t, err, "nowhere.parquet: no such file")
	_, err = tryRead(t, filepath.Join(dir, "no/*.parquet"))
	wantInvalid(t, err, "no/*.parquet: no such file")
	empty := filepath.Join(dir, "sub")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = tryRead(t, empty)
	wantInvalid(t, err, empty, "no Parquet files")
}

// TestChangedUnderfoot proves that a file that shrinks or is rewritten between
// planning and reading is noticed.
func TestChangedUnderfoot(t *testing.T) {
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), smallFile(t, "none"))
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	want := rdd.Projection{Columns: []string{"i"}, Rows: 10, Mem: memory.DefaultAllocator}
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	_, err = readSplit(s, splits[0], want) // the file is still open
	wantInvalid(t, err, path, `row group 0, column "i"`, "truncated")

	saveBytes(t, path, smallFile(t, "zstd"))
	other := open(t, rdd.Options{"path": path}, connectors.Env{})
	_, err = readSplit(other, splits[0], want)
	wantInvalid(t, err, path, "has changed")
}

// TestChecksum proves that a page whose bytes changed without harm to its form
// is refused.
func TestChecksum(t *testing.T) {
	schema := schemaOf("i", arrow.PrimitiveTypes.Int64)
	b := encodeRows(t, schema, WriterOptions{Compression: "none"}, row{int64(0x1122334455667788)})
	value := "\x88\x77\x66\x55\x44\x33\x22\x11"
	at := strings.Index(string(b), value) // a bound in the page's header, another, then the page
	at += 1 + strings.Index(string(b[at+1:]), value)
	at += 1 + strings.Index(string(b[at+1:]), value)
	b[at] ^= 1
	_, err := tryRead(t, saveBytes(t, filepath.Join(t.TempDir(), "sum.parquet"), b))
	wantInvalid(t, err, `column "i"`, "checksum")
}

func encodeRows(t testing.TB, schema *arrow.Schema, o WriterOptions, rows ...row) []byte {
	b := batchOf(memory.DefaultAllocator, schema, rows)
	defer b.Release()
	return encode(t, schema, o, b)
}

// FuzzRead reads anything; it must not panic, hang or leak.
func FuzzRead(f *testing.F) {
	for _, compression := range []string{"none", "snappy", "zstd", "gzip"} {
		f.Add(smallFile(f, compression))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := saveBytes(t, filepath.Join(t.TempDir(), "f.parquet"), b)
		if _, err := tryRead(t, path); err != nil && fault.Of(err) == fault.Bug {
			t.Errorf("%v is a bug", err)
		}
	})
}

// FuzzFooter parses anything as a footer.
func FuzzFooter(f *testing.F) {
	b := smallFile(f, "none")
	f.Add(b[len(b)-2000 : len(b)-8])
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, err := parseFooter(b); err == nil && m.check(1<<20) == nil {
			_, _ = m.leaves(true)
		}
	})
}
