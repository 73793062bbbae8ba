package parquet

import (
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// poisoned hands out memory as a pool does that somebody has used: nothing in
// it is zero, and what is freed is spoilt.
type poisoned struct{ memory.Allocator }

func poison(b []byte) []byte {
	for i := range b {
		b[i] = 0xa5
	}
	return b
}

func (p poisoned) Allocate(n int) []byte { return poison(p.Allocator.Allocate(n)) }

func (p poisoned) Reallocate(n int, b []byte) []byte {
	was := len(b)
	b = p.Allocator.Reallocate(n, b)
	if len(b) > was {
		poison(b[was:])
	}
	return b
}

func (p poisoned) Free(b []byte) {
	poison(b)
	p.Allocator.Free(b)
}

// TestNullsInUsedMemory proves that columns of nulls, which no file holds, do
// not show what their memory held before.
func TestNullsInUsedMemory(t *testing.T) {
	mem := poisoned{checked(t)}
	for _, n := range []int{0, 1, 7, 64, 1000} {
		for _, name := range []string{"boolean", "bigint", "double", "timestamp", "date", "string"} {
			c := constant{Name: "k", Type: name}
			for _, a := range []arrow.Array{c.array(mem, n)} {
				wantNulls(t, a, typeOf(name), n)
			}
		}
	}
}

func wantNulls(t *testing.T, a arrow.Array, dt arrow.DataType, n int) {
	t.Helper()
	defer a.Release()
	if a.Len() != n || a.NullN() != n || !arrow.TypeEqual(a.DataType(), dt) {
		t.Errorf("%d nulls of %s: %d values of %s, %d null", n, dt, a.Len(), a.DataType(), a.NullN())
	}
	for i := range n {
		if !a.IsNull(i) {
			t.Fatalf("%s: row %d of %d is %s", dt, i, n, a.ValueStr(i))
		}
	}
	if s, ok := a.(*array.String); ok && n > 0 && len(s.ValueBytes()) > 0 {
		t.Errorf("nulls have %d bytes of text", len(s.ValueBytes()))
	}
}

// TestReadInUsedMemory proves that what is read does not depend on what the
// memory held: values, nulls, null partitions and columns that a file lacks.
func TestReadInUsedMemory(t *testing.T) {
	root := t.TempDir()
	whole := schemaOf("b", arrow.FixedWidthTypes.Boolean, "i", arrow.PrimitiveTypes.Int64, "f", arrow.PrimitiveTypes.Float64,
		"s", arrow.BinaryTypes.String, "d", dictType(), "at", timestampType(), "day", arrow.FixedWidthTypes.Date32)
	var rows []row
	for i := range 100 {
		if i%3 == 0 {
			rows = append(rows, row{nil, nil, nil, nil, nil, nil, nil})
			continue
		}
		rows = append(rows, row{i%2 == 0, int64(i), float64(i), "text", "word", arrow.Timestamp(i), arrow.Date32(i)})
	}
	save(t, filepath.Join(root, "num=1", "key=x", "a.parquet"), whole, WriterOptions{}, rows...)
	save(t, filepath.Join(root, "num="+files.HiveNull, "key="+files.HiveNull, "b.parquet"), numbers(), WriterOptions{}, row{int64(1)}, row{nil})
	o := rdd.Options{"path": root, "union_by_name": true}
	want, err := readAll(open(t, o, connectors.Env{}), checked(t), 7)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(open(t, o, connectors.Env{}), poisoned{checked(t)}, 7)
	if err != nil {
		t.Fatal(err)
	}
	compareRows(t, got, want)
	for _, r := range got[100:] {
		for c, v := range r {
			if v != nil && v != int64(1) {
				t.Errorf("column %d of a file without it holds %v", c, v)
			}
		}
	}
}
