package csv

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// formatOf makes a format of options as a job file has them.
func formatOf(t testing.TB, o rdd.Options) *format {
	t.Helper()
	f, err := tryFormat(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func tryFormat(o rdd.Options) (*format, error) {
	all := rdd.Options{"path": "x"}
	for k, v := range o {
		all[k] = v
	}
	checked, err := Kind().Check(connectors.Reading, all)
	if err != nil {
		return nil, err
	}
	return newFormat(checked)
}

// table is what was read: a line for each row, good or bad.
type table struct {
	schema string
	rows   []string // "seq: a=1 b=null"
	bad    []string // "seq: text: raw"
}

func (t table) String() string {
	return t.schema + "\n" + strings.Join(t.rows, "\n") + "\nbad\n" + strings.Join(t.bad, "\n")
}

// readAll reads a whole file as one split.
func readAll(t testing.TB, f *format, data string, want rdd.Projection) (table, error) {
	t.Helper()
	schema, err := f.Infer(t.Context(), []files.Head{{Path: "a.csv", Data: []byte(data), All: true}})
	if err != nil {
		return table{}, err
	}
	return readPart(t.Context(), f, files.Input{Path: "a.csv", R: strings.NewReader(data)}, schema, want)
}

func readPart(ctx context.Context, f *format, in files.Input, schema *arrow.Schema, want rdd.Projection) (table, error) {
	out := table{}
	for i, x := range schema.Fields() {
		if i > 0 {
			out.schema += ", "
		}
		out.schema += x.Name + " " + x.Type.String()
	}
	if want.Columns == nil {
		want.Columns = namesOf(schema)
	}
	err := each(ctx, f, in, schema, want, func(f *rdd.Frame) {
		for _, b := range f.Header.Bad {
			out.bad = append(out.bad, fmt.Sprintf("%d: %s: %s", b.Seq, b.Text, b.Raw))
		}
		if f.Batch == nil {
			return
		}
		for i := range int(f.Batch.NumRows()) {
			line := fmt.Sprintf("%d:", f.Header.Origin.Seq(i))
			for j, c := range f.Batch.Columns() {
				v := "null"
				if !c.IsNull(i) {
					v = c.ValueStr(i)
				}
				line += " " + f.Batch.ColumnName(j) + "=" + v
			}
			if want.Raw {
				line += " raw=" + string(f.Header.Raw[i])
			}
			out.rows = append(out.rows, line)
		}
	})
	return out, err
}

func each(ctx context.Context, f *format, in files.Input, schema *arrow.Schema, want rdd.Projection, do func(*rdd.Frame)) error {
	if want.Mem == nil {
		want.Mem = memory.DefaultAllocator
	}
	for fr, err := range f.Read(ctx, in, schema, want) {
		if err != nil {
			return err
		}
		do(fr)
	}
	return nil
}
