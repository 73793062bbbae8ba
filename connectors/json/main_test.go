package json

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fataler is what a test and a property have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func schemaOf(t fataler, ddl string) *arrow.Schema {
	t.Helper()
	s, err := expr.ParseSchema(ddl)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// table is what a reading came to, as text: by sequence the values of each row,
// and the complaints about bad ones.
type table struct {
	rows map[int64]string
	raw  map[int64]string
	bad  map[int64]string
	seqs []int64
}

// readAll reads input with the schema into a table. Memory is checked.
func readAll(t fataler, f *format, in files.Input, s *arrow.Schema, want rdd.Projection) table {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	want.Mem = mem
	if want.Columns == nil {
		want.Columns = names(s)
	}
	out := table{rows: map[int64]string{}, raw: map[int64]string{}, bad: map[int64]string{}}
	for fr, err := range f.Read(context.Background(), in, s, want) {
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		out.add(t, fr)
	}
	if n := mem.CurrentAlloc(); n != 0 {
		t.Fatalf("%d bytes were not released", n)
	}
	return out
}

func (o *table) add(t fataler, fr *rdd.Frame) {
	t.Helper()
	for _, b := range fr.Header.Bad {
		o.bad[b.Seq] = b.Text
		o.raw[b.Seq] = string(b.Raw)
	}
	if fr.Batch == nil {
		return
	}
	if err := valid(fr.Batch); err != nil {
		t.Fatalf("%v", err)
	}
	for i := range int(fr.Batch.NumRows()) {
		seq := fr.Header.Origin.Seq(i)
		if _, twice := o.rows[seq]; twice {
			t.Fatalf("sequence %d twice", seq)
		}
		o.rows[seq] = rowText(fr.Batch, i)
		o.seqs = append(o.seqs, seq)
		if fr.Header.Raw != nil {
			o.raw[seq] = string(fr.Header.Raw[i])
		}
	}
}

// valid checks what readers of arrays rely on.
func valid(b arrow.RecordBatch) error {
	for i, c := range b.Columns() {
		if c.Len() != int(b.NumRows()) {
			return fmt.Errorf("column %d has %d rows of %d", i, c.Len(), b.NumRows())
		}
		if v, ok := c.(interface{ ValidateFull() error }); ok {
			if err := v.ValidateFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

func rowText(b arrow.RecordBatch, i int) string {
	var out []string
	for c, col := range b.Columns() {
		out = append(out, b.ColumnName(c)+"="+valueText(col, i))
	}
	return strings.Join(out, " ")
}

// valueText spells a value so that different ones differ.
func valueText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return "~"
	}
	switch a := a.(type) {
	case *array.Dictionary:
		return valueText(a.Dictionary(), a.GetValueIndex(i))
	case *array.String:
		return fmt.Sprintf("%q", a.Value(i))
	case *array.Binary:
		return fmt.Sprintf("%x", a.Value(i))
	case *array.Float64:
		return fmt.Sprintf("%vf", a.Value(i))
	case *array.Timestamp:
		return fmt.Sprintf("%dt", a.Value(i))
	case *array.Date32:
		return fmt.Sprintf("%dd", a.Value(i))
	case *array.Duration:
		return fmt.Sprintf("%ds", a.Value(i))
	case *array.Decimal128:
		return a.Value(i).ToString(a.DataType().(*arrow.Decimal128Type).Scale) + "m"
	case *array.Struct:
		var out []string
		for k := range a.NumField() {
			out = append(out, valueText(a.Field(k), i))
		}
		return "{" + strings.Join(out, ",") + "}"
	case *array.Map:
		from, to := a.ValueOffsets(i)
		var out []string
		for k := from; k < to; k++ {
			out = append(out, valueText(a.Keys(), int(k))+":"+valueText(a.Items(), int(k)))
		}
		return "<" + strings.Join(out, ",") + ">"
	case *array.List:
		from, to := a.ValueOffsets(i)
		var out []string
		for k := from; k < to; k++ {
			out = append(out, valueText(a.ListValues(), int(k)))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	return a.ValueStr(i)
}

func options(t fataler, o rdd.Options) *settings {
	t.Helper()
	if o == nil {
		o = rdd.Options{}
	}
	if o["path"] == nil {
		o["path"] = "x"
	}
	s, err := readSettings(o, "read")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// one reads a lone line and returns its row or, after "bad: ", the complaint.
func one(t fataler, o rdd.Options, ddl, line string) string {
	t.Helper()
	got := readAll(t, newFormat(options(t, o)), files.Input{R: strings.NewReader(line)}, schemaOf(t, ddl), rdd.Projection{})
	switch {
	case len(got.rows) == 1 && len(got.bad) == 0:
		return got.rows[got.seqs[0]]
	case len(got.bad) == 1 && len(got.rows) == 0:
		for _, text := range got.bad {
			return "bad: " + text
		}
	}
	return fmt.Sprintf("%d rows, %d bad", len(got.rows), len(got.bad))
}

// checked returns an allocator that must be empty when the test ends.
func checked(t *testing.T) memory.Allocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}
