package arrow

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// BenchmarkRead reads one of ten columns of doubles, and all of them.
func BenchmarkRead(b *testing.B) {
	const rows, width = 64 << 10, 10
	var fields []arrow.Field
	for i := range width {
		fields = append(fields, field(string(rune('a'+i)), arrow.PrimitiveTypes.Float64))
	}
	rb := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	for i := range width {
		for k := range rows {
			rb.Field(i).(*array.Float64Builder).Append(float64(k%1000) * 0.25)
		}
	}
	batch := rb.NewRecordBatch()
	pool := kernel.NewPool(1 << 30)
	for name, opt := range map[string]ipc.Option{"plain": ipc.WithAllocator(memory.DefaultAllocator), "lz4": ipc.WithLZ4(), "zstd": ipc.WithZstd()} {
		s := open(b, rdd.Options{"path": write(b, "file", []arrow.RecordBatch{batch}, opt)})
		splits, _, _ := s.Cut(b.Context(), "", rdd.Size{})
		all := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		for _, columns := range [][]string{all[3:4], all} {
			b.Run(name+"/"+columns[len(columns)-1], func(b *testing.B) {
				b.SetBytes(int64(8 * rows * len(columns)))
				for b.Loop() {
					for f, err := range s.Read(b.Context(), splits[0], rdd.Projection{Columns: columns, Mem: pool}) {
						if err != nil || f == nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
