package parquet

import (
	"bytes"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
	other "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
)

// writeOther writes rows with parquet-go's own writer.
func writeOther[T any](t *testing.T, rows []T, o ...other.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := other.NewGenericWriter[T](&b, o...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return saveBytes(t, filepath.Join(t.TempDir(), "other.parquet"), b.Bytes())
}

func readOther(t *testing.T, path string, o rdd.Options, columns ...string) []row {
	t.Helper()
	if o == nil {
		o = rdd.Options{}
	}
	o["path"] = path
	rows, err := readAll(open(t, o, connectors.Env{}), checked(t), 3, columns...)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

type wide struct {
	I8   int8             `parquet:"i8"`
	I16  int16            `parquet:"i16"`
	I32  int32            `parquet:"i32,dict"`
	U8   uint8            `parquet:"u8"`
	U32  uint32           `parquet:"u32"`
	U64  uint64           `parquet:"u64"`
	F32  float32          `parquet:"f32"`
	Ms   int64            `parquet:"ms,timestamp(millisecond)"`
	Us   int64            `parquet:"us,timestamp(microsecond)"`
	Ns   int64            `parquet:"ns,timestamp(nanosecond)"`
	I96  deprecated.Int96 `parquet:"i96"`
	Day  int32            `parquet:"day,date"`
	Enum string           `parquet:"enum,enum"`
	JSON string           `parquet:"json,json"`
	Dec  int64            `parquet:"dec,decimal(0:12)"`
	Opt  *int32           `parquet:"opt,optional"`
	Yes  bool             `parquet:"yes"`
}

// TestWidening proves that every supported foreign type becomes the engine's.
func TestWidening(t *testing.T) {
	seven := int32(7)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	half := uint64(43200e9) // nanoseconds of half a day
	i96 := deprecated.Int96{uint32(half), uint32(half >> 32), 2440588 + uint32(noon.Unix()/86400)}
	path := writeOther(t, []wide{
		{-8, -16, -32, 8, math.MaxUint32, 64, 0.5, -1, 2, -1, i96, -1, "e", `{"a":1}`, 99, &seven, true},
		{1, 2, 3, 4, 5, math.MaxInt64, -1, 1000, 0, 1999, i96, 1, "f", "null", -1, nil, false},
	})
	compareRows(t, readOther(t, path, nil), []row{
		{int64(-8), int64(-16), int64(-32), int64(8), int64(math.MaxUint32), int64(64), 0.5, arrow.Timestamp(-1000),
			arrow.Timestamp(2), arrow.Timestamp(-1), arrow.Timestamp(noon.UnixMicro()), arrow.Date32(-1), "e", `{"a":1}`, "99", int64(7), true},
		{int64(1), int64(2), int64(3), int64(4), int64(5), int64(math.MaxInt64), -1.0, arrow.Timestamp(1e6),
			arrow.Timestamp(0), arrow.Timestamp(1), arrow.Timestamp(noon.UnixMicro()), arrow.Date32(1), "f", "null", "-1", nil, false},
	})
}

// TestOutOfRange proves that a value that does not fit is an error at its
// column, not another value.
func TestOutOfRange(t *testing.T) {
	for name, path := range map[string]string{
		"u64": writeOther(t, []struct {
			V uint64 `parquet:"u64"`
		}{{1 << 63}}),
		"ms": writeOther(t, []struct {
			V int64 `parquet:"ms,timestamp(millisecond)"`
		}{{math.MaxInt64 / 2}}),
	} {
		_, err := tryRead(t, path)
		wantInvalid(t, err, path, name, "does not fit")
	}
}

// TestLeftOut proves that unsupported columns are left out with a reason, and
// are an error only where they are asked for.
func TestLeftOut(t *testing.T) {
	type mixed struct {
		A    int64    `parquet:"a"`
		Big  [17]byte `parquet:"big,decimal(2:40)"`
		Deep struct {
			Big [17]byte `parquet:"big,decimal(2:40)"`
		} `parquet:"deep"`
		Z string `parquet:"z"`
	}
	path := writeOther(t, []mixed{{A: 1, Z: "last"}, {A: 2, Z: "one"}})
	s := open(t, rdd.Options{"path": path}, connectors.Env{})
	schema, err := s.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := len(schema.Fields()); got != 2 {
		t.Fatalf("schema is %v", schema)
	}
	for _, name := range []string{"big", "deep"} {
		if why, ok := schema.Metadata().GetValue(noteKey + name); !ok || why == "" {
			t.Errorf("%s was left out without a word", name)
		}
		_, err := readAll(s, checked(t), 0, name)
		wantInvalid(t, err, path, name, "cannot be read")
		_, err = open(t, rdd.Options{"path": path, "columns": name}, connectors.Env{}).Schema(t.Context())
		wantInvalid(t, err, name, "cannot be read")
	}
	compareRows(t, readOther(t, path, nil), []row{{int64(1), "last"}, {int64(2), "one"}})
}

// TestBinaryAsString proves that bytes that nothing is said of are text if the
// option says so, and that text which is not UTF-8 is an error.
func TestBinaryAsString(t *testing.T) {
	path := writeOther(t, []struct {
		Raw []byte `parquet:"raw"`
	}{{[]byte("raw")}, {}, {[]byte("\xff")}})
	compareRows(t, readOther(t, path, nil), []row{{`"cmF3"`}, {`""`}, {`"/w=="`}})
	s := open(t, rdd.Options{"path": path, "binary_as_string": true}, connectors.Env{})
	_, err := readAll(s, checked(t), 0)
	wantInvalid(t, err, path, "raw", "not UTF-8")
	cut := writeOther(t, []struct {
		S string `parquet:"s"`
	}{{"\xc3"}, {"\xa4"}}) // UTF-8 only side by side
	_, err = tryRead(t, cut)
	wantInvalid(t, err, cut, `"s"`, "not UTF-8")
}

// TestEncodings proves that pages in every encoding and both versions are read,
// from row groups that hold several pages, with nulls.
func TestEncodings(t *testing.T) {
	type rec struct {
		I *int64   `parquet:"i,optional"`
		J int32    `parquet:"j"`
		F *float64 `parquet:"f,optional"`
		G float32  `parquet:"g"`
		S *string  `parquet:"s,optional"`
		T string   `parquet:"t"`
		B *bool    `parquet:"b,optional"`
	}
	var rows []rec
	var want []row
	for i := range 3000 {
		v, f, s, b := int64(i*i), float64(i)/3, string(rune('a'+i%26)), i%4 == 0
		r := rec{I: &v, J: int32(-i), F: &f, G: float32(i), S: &s, T: s + s, B: &b}
		w := row{v, int64(-i), f, float64(float32(i)), s, s + s, b}
		if i%7 == 0 {
			r.I, r.F, r.S, r.B = nil, nil, nil, nil
			w[0], w[2], w[4], w[6] = nil, nil, nil, nil
		}
		rows, want = append(rows, r), append(want, w)
	}
	type kinds map[other.Kind]encoding.Encoding
	for name, k := range map[string]kinds{
		"plain": {},
		"dict": {other.Int64: &other.RLEDictionary, other.Int32: &other.RLEDictionary, other.Double: &other.RLEDictionary,
			other.Float: &other.RLEDictionary, other.ByteArray: &other.RLEDictionary},
		"delta": {other.Int64: &other.DeltaBinaryPacked, other.Int32: &other.DeltaBinaryPacked, other.ByteArray: &other.DeltaLengthByteArray,
			other.Boolean: &other.RLE},
		"split": {other.Double: &other.ByteStreamSplit, other.Float: &other.ByteStreamSplit, other.ByteArray: &other.DeltaByteArray},
	} {
		for version := 1; version <= 2; version++ {
			o := []other.WriterOption{other.DataPageVersion(version), other.PageBufferSize(2000), other.Compression(&other.Zstd)}
			for kind, enc := range k {
				o = append(o, other.DefaultEncodingFor(kind, enc))
			}
			t.Run(name, func(t *testing.T) { compareRows(t, readOther(t, writeOther(t, rows, o...), nil), want) })
		}
	}
	for _, codec := range []other.WriterOption{other.Compression(&other.Snappy), other.Compression(&other.Gzip),
		other.Compression(&other.Brotli), other.Compression(&other.Lz4Raw), other.Compression(&other.Uncompressed)} {
		compareRows(t, readOther(t, writeOther(t, rows, codec), nil), want)
	}
}

// TestOthersRead proves that parquet-go's reader agrees with what our writer
// writes, page index and statistics included.
func TestOthersRead(t *testing.T) {
	b := smallFile(t, "snappy")
	f, err := other.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want, err := tryRead(t, saveBytes(t, filepath.Join(t.TempDir(), "a.parquet"), b))
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]other.Row, 100)
		for {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				if v := want[at][0]; v == nil != r[0].IsNull() || v != nil && r[0].Int64() != v.(int64) {
					t.Fatalf("row %d: %v and %v", at, r[0], v)
				}
				if v := want[at][4]; v == nil != r[4].IsNull() || v != nil && string(r[4].ByteArray()) != v.(string) {
					t.Fatalf("row %d: %v and %v", at, r[4], v)
				}
				at++
			}
			if err != nil {
				break
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		for i, c := range g.ColumnChunks() {
			index, err := c.ColumnIndex()
			if err != nil {
				t.Fatalf("column %d: %v", i, err)
			}
			for p := range index.NumPages() {
				if !index.NullPage(p) && c.Type().Compare(index.MinValue(p), index.MaxValue(p)) > 0 {
					t.Errorf("column %d: page %d is within %v and %v", i, p, index.MinValue(p), index.MaxValue(p))
				}
			}
			if lo, hi, ok := c.(*other.FileColumnChunk).Bounds(); !ok || c.Type().Compare(lo, hi) > 0 {
				t.Errorf("column %d is within %v and %v", i, lo, hi)
			}
		}
	}
	if at != len(want) {
		t.Errorf("%d rows of %d", at, len(want))
	}
}
