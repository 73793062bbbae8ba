package csv

import (
	"bytes"
	stdcsv "encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// drawn are bytes that mean something to somebody.
func drawn(t *rapid.T) string {
	words := []string{"1", "-2.5", "x", "ä", "\"", "\"\"", ",", ",", ",", "\n", "\n", "\r\n", " ", "2024-02-29", "true", "\xff", "#", "\\", "longer than eight bytes", "NA"}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 60).Draw(t, "words"), "")
}

// TestIndependent proves of any bytes that the rows and the bad rows of a file
// do not depend on where it is cut, on how many bytes come at once, on frames,
// nor on which columns are wanted.
func TestIndependent(t *testing.T) {
	const head = "a,b,c\n"
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64}, {Name: "b", Type: arrow.BinaryTypes.String}, {Name: "c", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	f := formatOf(t, rdd.Options{"ragged": "null", "null": []string{"NA"}})
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		data := []byte(head + drawn(t))
		read := func(part []byte, at int, want rdd.Projection, one bool) table {
			in := files.Input{Path: "a.csv", R: bytes.NewReader(part), At: int64(at)}
			if one {
				in.R = iotest.OneByteReader(in.R)
			}
			if at > 0 {
				in.First = []byte("a,b,c")
			}
			want.Mem = mem
			got, err := readPart(t.Context(), f, in, schema, want)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		whole := read(data, 0, rdd.Projection{Raw: true}, false)
		for at := range data {
			if at == 0 || data[at-1] != '\n' {
				continue
			}
			x, y := read(data[:at], 0, rdd.Projection{Raw: true}, false), read(data[at:], at, rdd.Projection{Raw: true}, false)
			if !slices.Equal(append(x.rows, y.rows...), whole.rows) || !slices.Equal(append(x.bad, y.bad...), whole.bad) {
				t.Fatalf("cut at %d of %q:\n%s\n%s\nwhole\n%s", at, data, x, y, whole)
			}
		}
		rows := rapid.IntRange(1, 5).Draw(t, "frame")
		if got := read(data, 0, rdd.Projection{Raw: true, Rows: rows}, true); got.String() != whole.String() {
			t.Fatalf("frames of %d of %q:\n%s\nwhole\n%s", rows, data, got, whole)
		}
		for _, columns := range [][]string{{}, {"b"}, {"c", "a"}} {
			if got := read(data, 0, rdd.Projection{Columns: columns}, false); !slices.Equal(got.bad, whole.bad) || len(got.rows) != len(whole.rows) {
				t.Fatalf("columns %v of %q:\n%s\nwhole\n%s", columns, data, got, whole)
			}
		}
	})
}

// TestTwin compares with encoding/csv on what that has written, over several
// blocks at times.
func TestTwin(t *testing.T) {
	f := formatOf(t, rdd.Options{"multiline": true, "schema": "a string, b string"})
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab,\"\n;ü ")))
		some := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]string { return [2]string{"x" + text.Draw(t, "a"), text.Draw(t, "b")} }), 1, 20).Draw(t, "rows")
		times := rapid.SampledFrom([]int{1, 1, 1, 3000}).Draw(t, "times")
		var b bytes.Buffer
		w := stdcsv.NewWriter(&b)
		records := [][]string{{"a", "b"}}
		for range times {
			for _, r := range some {
				records = append(records, r[:])
			}
		}
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		schema, err := f.Infer(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		err = each(t.Context(), f, files.Input{Path: "a.csv", R: &b}, schema, rdd.Projection{Columns: []string{"a", "b"}}, func(fr *rdd.Frame) {
			if len(fr.Header.Bad) > 0 {
				t.Fatalf("bad: %v", fr.Header.Bad)
			}
			for r := range int(fr.Batch.NumRows()) {
				i++
				for j, want := range records[i] {
					c := fr.Batch.Column(j)
					if got := c.ValueStr(r); got != want && (want != "" || !c.IsNull(r)) {
						t.Fatalf("row %d, column %d: got %q, want %q", i, j, got, want)
					}
				}
			}
		})
		if err != nil || i != len(records)-1 {
			t.Fatalf("%d rows of %d, %v", i, len(records)-1, err)
		}
	})
}

// TestRoundTrip proves that what is written is read again with its schema: all
// flat types, nulls told from empty texts.
func TestRoundTrip(t *testing.T) {
	const ddl = "b boolean, i bigint, f double, s string, d date, t timestamp, x decimal(20,3), n binary, v interval"
	f := formatOf(t, rdd.Options{"multiline": true, "schema": strings.Replace(ddl, "interval", "interval day to second", 1)})
	schema, err := f.Infer(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Kind().Check("write", rdd.Options{"path": "x"})
	if err != nil {
		t.Fatal(err)
	}
	enc, err := newEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b := array.NewRecordBuilder(mem, schema)
		defer b.Release()
		var want []string
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			appendDrawn(t, b)
		}
		batch := b.NewRecordBatch()
		defer batch.Release()
		for i := range int(batch.NumRows()) {
			want = append(want, spelled(batch, i))
		}
		var out bytes.Buffer
		w, err := enc.Open(&out, "all", schema)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text, got := out.String(), []string{}
		err = each(t.Context(), f, files.Input{Path: "a.csv", R: &out}, schema, rdd.Projection{Columns: namesOf(schema), Mem: mem, Rows: 7}, func(fr *rdd.Frame) {
			if len(fr.Header.Bad) > 0 {
				t.Fatalf("bad: %v of\n%s", fr.Header.Bad, text)
			}
			for i := range int(fr.Batch.NumRows()) {
				got = append(got, spelled(fr.Batch, i))
			}
		})
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v\n%s\ngot\n%q\nwant\n%q", err, text, got, want)
		}
	})
}

func spelled(b arrow.RecordBatch, i int) string {
	var out strings.Builder
	for j, c := range b.Columns() {
		if c.IsNull(i) {
			fmt.Fprintf(&out, " %d=null", j)
		} else {
			fmt.Fprintf(&out, " %d=%q", j, c.ValueStr(i))
		}
	}
	return out.String()
}

func appendDrawn(t *rapid.T, b *array.RecordBuilder) {
	for _, f := range b.Fields() {
		if rapid.IntRange(0, 4).Draw(t, "null") == 0 {
			f.AppendNull()
			continue
		}
		switch f := f.(type) {
		case *array.BooleanBuilder:
			f.Append(rapid.Bool().Draw(t, "b"))
		case *array.Int64Builder:
			f.Append(rapid.Int64().Draw(t, "i"))
		case *array.Float64Builder:
			f.Append(rapid.Float64().Draw(t, "f"))
		case *array.StringBuilder:
			f.Append(rapid.StringOf(rapid.RuneFrom([]rune("ab,\"\n\r;ü #\ufeff"))).Draw(t, "s"))
		case *array.Date32Builder:
			f.Append(arrow.Date32(rapid.IntRange(-719162, 2932896).Draw(t, "d")))
		case *array.TimestampBuilder:
			f.Append(arrow.Timestamp(rapid.Int64Range(-719162*usDay, 2932897*usDay-1).Draw(t, "t")))
		case *array.Decimal128Builder:
			if err := f.AppendValueFromString(fmt.Sprintf("%d.%03d", rapid.Int64Range(-1e16, 1e16).Draw(t, "x"), rapid.IntRange(0, 999).Draw(t, "y"))); err != nil {
				t.Fatal(err)
			}
		case *array.BinaryBuilder:
			f.Append(rapid.SliceOf(rapid.Byte()).Draw(t, "n"))
		case *array.DurationBuilder:
			f.Append(arrow.Duration(rapid.Int64().Draw(t, "v")))
		}
	}
}

// FuzzRead proves that no bytes and no dialect break the reader or leak, and
// that every row is somewhere.
func FuzzRead(f *testing.F) {
	f.Add("a,b\n1,\"x\"\n", byte(0))
	f.Add("a;b\r\n\"1\n2\";#\n#", byte(7))
	f.Fuzz(func(t *testing.T, data string, kind byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		o := rdd.Options{"multiline": kind&1 != 0, "trim": kind&16 != 0}
		if kind&2 != 0 {
			o["comment"] = "#"
		}
		if kind&4 != 0 {
			o["escape"] = "\\"
		}
		if kind&8 != 0 {
			o["ragged"] = "null"
		}
		if kind&32 != 0 {
			o["encoding"] = "utf-16"
		}
		_, _ = readAll(t, formatOf(t, o), data, rdd.Projection{Mem: mem, Raw: true, Rows: 3})
	})
}
