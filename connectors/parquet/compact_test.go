package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// TestFooterAgrees proves that a footer is read as parquet-go writes it, with
// fields that are passed over in between.
func TestFooterAgrees(t *testing.T) {
	want := format.FileMetaData{
		Version: 2, NumRows: 10, CreatedBy: "test",
		Schema: []format.SchemaElement{
			{Name: "root", NumChildren: thrift.New(int32(1))},
			{Name: "ts", Type: thrift.New(format.Int64), RepetitionType: thrift.New(format.Optional), FieldID: 7,
				LogicalType: format.LogicalType{Value: &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.NanoSeconds)}}}},
		},
		KeyValueMetadata: []format.KeyValue{{Key: "k", Value: "v"}},
		RowGroups: []format.RowGroup{{NumRows: 10, TotalByteSize: 99, Columns: []format.ColumnChunk{{
			FileOffset: 4, ColumnIndexOffset: 1, ColumnIndexLength: 2,
			MetaData: format.ColumnMetaData{
				Type: format.Int64, Encoding: []format.Encoding{format.Plain, format.RLE}, PathInSchema: []string{"ts"},
				Codec: format.Zstd, NumValues: 10, TotalUncompressedSize: 100, TotalCompressedSize: 50,
				DataPageOffset: 30, DictionaryPageOffset: 4,
				KeyValueMetadata: []format.KeyValue{{Key: "other", Value: "x"}, {Key: nanKey, Value: "3"}},
				Statistics:       format.Statistics{NullCount: 2, MinValue: []byte("12345678"), MaxValue: []byte("87654321")},
				EncodingStats:    []format.PageEncodingStats{{PageType: format.DataPage, Count: 1}},
			},
		}}}},
	}
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, &want)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFooter(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.check(1000); err != nil {
		t.Error(err)
	}
	if f.check(53) == nil {
		t.Error("a chunk that ends behind the data was accepted")
	}
	k := f.groups[0].chunks[0]
	got := fmt.Sprintln(f.createdBy, f.rows, f.groups[0].rows, f.groups[0].bytes, k.codec, k.values, k.start(), k.data, k.nans, k.stats.nulls,
		string(k.stats.min), string(k.stats.max), f.schema[1].name, f.schema[1].repeat, f.schema[1].logical.unit)
	if want := "test 10 10 50 ZSTD 10 4 30 3 2 12345678 87654321 ts OPTIONAL 3\n"; got != want {
		t.Errorf("read %s, not %s", got, want)
	}
	for n := range b {
		if _, err := parseFooter(b[:n]); err == nil {
			t.Errorf("a footer cut to %d bytes was accepted", n)
		}
	}
}

// TestClaimedLengths proves that a length that the input claims, of a list or a
// string, allocates nothing.
func TestClaimedLengths(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	for name, b := range map[string][]byte{
		"schema":     append([]byte{0x29, 0xfc}, huge...),
		"row groups": append([]byte{0x49, 0xfc}, huge...),
		"created by": append([]byte{0x68}, huge...),
		"map":        append(append([]byte{0xbb}, huge...), 0x88),
		"nesting":    bytes.Repeat([]byte{0x9c}, 10_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parseFooter(b)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s allocated %d bytes", name, n)
		}
	}
}

// TestSchemaTrees proves that only trees pass as schemas.
func TestSchemaTrees(t *testing.T) {
	leafOf := func(name string) element {
		return element{name: name, leaf: true, physical: format.Int64, converted: -1}
	}
	for name, c := range map[string]struct {
		schema []element
		want   int // columns, -1 for an error
	}{
		"flat":          {[]element{{children: 2}, leafOf("a"), leafOf("b")}, 2},
		"nested":        {[]element{{children: 2}, {name: "g", children: 2}, leafOf("x"), leafOf("y"), leafOf("b")}, 2},
		"empty":         {[]element{{children: 0}}, 0},
		"too few":       {[]element{{children: 2}, leafOf("a")}, -1},
		"too many":      {[]element{{children: 1}, leafOf("a"), leafOf("b")}, -1},
		"endless group": {[]element{{children: 1}, {name: "g", children: 1 << 30}, leafOf("a")}, -1},
	} {
		f := footer{schema: c.schema}
		got, err := f.leaves(false)
		if (err != nil) != (c.want < 0) || err == nil && len(got) != c.want {
			t.Errorf("%s: %d columns, %v", name, len(got), err)
		}
		if name == "nested" && (got[0].typ.String() != "struct<x: int64 nullable, y: int64 nullable>" || got[1].index != 2) {
			t.Errorf("nested: %+v", got)
		}
	}
}

// TestDecompress proves that every codec yields exactly the length that the
// page header says, or an error.
func TestDecompress(t *testing.T) {
	src := bytes.Repeat([]byte("idag "), 1000)
	for _, name := range []string{"snappy", "zstd", "gzip", "none"} {
		p, err := newCompressor(name)
		if err != nil {
			t.Fatal(err)
		}
		packed := p.always(src)
		c := &codecs{}
		defer c.close()
		for _, n := range []int{len(src), len(src) - 1, len(src) + 1, 0} {
			dst := make([]byte, n)
			err := c.decompress(p.codec, dst, packed)
			if (err == nil) != (n == len(src)) {
				t.Errorf("%s to %d bytes: %v", name, n, err)
			}
			if err == nil && !bytes.Equal(dst, src) {
				t.Errorf("%s: other bytes came out", name)
			}
		}
		if c.decompress(p.codec, make([]byte, 100), []byte("nonsense")) == nil {
			t.Errorf("%s took nonsense", name)
		}
	}
	for _, codec := range []format.CompressionCodec{format.LZO, format.Lz4, 99} {
		if err := (&codecs{}).decompress(codec, nil, nil); err == nil || errors.Is(err, errLength) {
			t.Errorf("%s: %v", codec, err)
		}
	}
}

// TestConvert proves the corners of the conversions that are checked.
func TestConvert(t *testing.T) {
	for _, c := range []struct{ a, b, want int64 }{{7, 2, 3}, {-7, 2, -4}, {-8, 2, -4}, {0, 5, 0}, {-1, 1000, -1}} {
		if got := floorDiv(c.a, c.b); got != c.want {
			t.Errorf("%d over %d is %d, not %d", c.a, c.b, got, c.want)
		}
	}
	for _, ms := range []int64{1 << 62, -1 << 62} {
		if _, ok := microsOfMillis(ms); ok {
			t.Errorf("%d ms fit", ms)
		}
	}
	if got := above([]byte{'a', 0xff, 0xff}); string(got) != "b" {
		t.Errorf("above a is %q", got)
	}
	if above([]byte{0xff}) != nil {
		t.Error("there is something above the highest byte")
	}
}
