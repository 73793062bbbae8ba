package arrow

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// TestRoundTrip proves that what is written is read again, texts in either
// spelling, in every form and packing, small batches joined.
func TestRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		field("a", arrow.PrimitiveTypes.Int64), field("s", arrow.BinaryTypes.String), field("f", arrow.PrimitiveTypes.Float64), field("b", arrow.FixedWidthTypes.Boolean),
		field("t", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}), field("l", arrow.ListOf(arrow.BinaryTypes.String)), field("dec", &arrow.Decimal128Type{Precision: 38, Scale: 2}),
	}, nil)
	codes := arrow.NewSchema(slices.Replace(schema.Fields(), 1, 2, field("s", kernel.StringDict())), nil)
	const rows = `[{"a":1,"s":"x","f":1.5,"b":true,"t":"2024-02-29T12:00:00Z","l":["p",null],"dec":"1.25"},{"a":null,"s":null},{"a":-3,"s":"","l":[]}]`
	batches := []arrow.RecordBatch{batchOf(t, mem, schema, rows), batchOf(t, mem, codes, rows), batchOf(t, mem, codes, `[{"s":"y"}]`)}
	sliced := batches[0].NewSlice(1, 3)
	batches = append(batches, sliced)
	want := []string{}
	for _, form := range []string{"file", "stream"} {
		for _, compression := range []string{"lz4", "zstd", "none"} {
			dir := filepath.Join(t.TempDir(), "out")
			stage(t, dir, form, compression, schema, batches)
			s := open(t, rdd.Options{"path": dir})
			got, splits, err := rowsOf(t, s, mem, 4)
			if err != nil || len(got) != 9 || splits != 1 {
				t.Fatalf("%s %s: %d rows in %d splits, %v", form, compression, len(got), splits, err)
			}
			if len(want) == 0 {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: %v", form, compression, got)
			}
		}
	}
	const line = `a=1 s=x f=1.5 b=true t=2024-02-29T12:00:00Z l=["p",null] dec=1.25`
	if want[0] != "0/0: "+line || want[3] != "0/3: "+line || !strings.HasPrefix(want[8], "0/8: a=-3 s= f=null") {
		t.Errorf("got\n%s", strings.Join(want, "\n"))
	}
	for _, b := range batches {
		b.Release()
	}
}

func stage(t *testing.T, dir, form, compression string, schema *arrow.Schema, batches []arrow.RecordBatch) {
	t.Helper()
	o, err := Kind().Check(connectors.Writing, rdd.Options{"path": dir, "format": form, "compression": compression})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Kind().Sink(context.Background(), o, connectors.Env{Job: "j", Labels: []string{"all"}, Schemas: map[int]*arrow.Schema{0: schema}, Mem: memory.DefaultAllocator})
	if err != nil {
		t.Fatal(err)
	}
	part, err := k.Stage(t.Context(), rdd.Block{Batch: 1}, func(yield func(*rdd.Frame, error) bool) {
		for _, b := range batches {
			if !yield(&rdd.Frame{Header: rdd.Header{Labels: 1}, Batch: b}, nil) {
				return
			}
		}
	})
	if err == nil {
		err = k.Publish(t.Context(), rdd.Commit{Job: "j", Batch: 1, Epoch: 1}, []rdd.Staged{part})
	}
	if err == nil {
		err = k.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "batch=000001")); err != nil {
		t.Error(err)
	}
}
