package parquet

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// BenchmarkColdStart measures from nothing to the first frame: a small file,
// and 500 of them. The decode rate is measured in internal/interop, beside
// that of other readers.
func BenchmarkColdStart(b *testing.B) {
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			root := b.TempDir()
			schema := schemaOf("v", arrow.PrimitiveTypes.Int64, "s", arrow.BinaryTypes.String)
			for i := range n {
				save(b, filepath.Join(root, fmt.Sprintf("%d.parquet", i)), schema, WriterOptions{}, row{int64(i), "x"})
			}
			for b.Loop() {
				s, err := openSource(context.Background(), rdd.Options{"path": root}, connectors.Env{})
				if err != nil {
					b.Fatal(err)
				}
				splits, err := cutAll(s, rdd.Size{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := readSplit(s, splits[0], rdd.Projection{Columns: []string{"v", "s"}, Mem: memory.DefaultAllocator}); err != nil {
					b.Fatal(err)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
