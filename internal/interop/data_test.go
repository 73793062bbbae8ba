package interop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// tenColumns is the schema that the engine's decode rate is measured on.
func tenColumns() *arrow.Schema {
	f64 := arrow.PrimitiveTypes.Float64
	return arrow.NewSchema([]arrow.Field{
		{Name: "ts", Type: arrow.PrimitiveTypes.Int64},
		{Name: "device", Type: arrow.BinaryTypes.String},
		{Name: "label", Type: arrow.BinaryTypes.String},
		{Name: "f0", Type: f64}, {Name: "f1", Type: f64}, {Name: "f2", Type: f64},
		{Name: "f3", Type: f64}, {Name: "f4", Type: f64}, {Name: "f5", Type: f64},
		{Name: "payload", Type: arrow.BinaryTypes.String},
	}, nil)
}

// makeTen makes rows of tenColumns: 10,000 devices, 3 labels, three columns of
// rounded numbers and three of full precision, 40 hexadecimal characters.
func makeTen(mem memory.Allocator, r *rand.Rand, first, n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, tenColumns())
	defer b.Release()
	labels := []string{"error", "backup", "information"}
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(first+i) * 1000)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("device-%06d", r.IntN(10000)))
		b.Field(2).(*array.StringBuilder).Append(labels[r.IntN(3)])
		for c := 3; c < 6; c++ {
			b.Field(c).(*array.Float64Builder).Append(math.Round(r.Float64()*10000) / 100)
		}
		for c := 6; c < 9; c++ {
			b.Field(c).(*array.Float64Builder).Append(r.NormFloat64())
		}
		b.Field(9).(*array.StringBuilder).Append(fmt.Sprintf("%016x%016x%08x", r.Uint64(), r.Uint64(), r.Uint32()))
	}
	return b.NewRecordBatch()
}

// writeTen writes rows of tenColumns with Arrow's own writer.
func writeTen(tb testing.TB, path string, rows, groupRows int, codec compress.Compression) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(tenColumns(), f,
		parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithMaxRowGroupLength(int64(groupRows))),
		pqarrow.DefaultWriterProps())
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < rows; first += groupRows {
		batch := makeTen(memory.DefaultAllocator, r, first, min(groupRows, rows-first))
		err := w.Write(batch)
		batch.Release()
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
}
