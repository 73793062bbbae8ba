package interop

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/idag/idag/connectors"
	ours "github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/rdd"
)

const benchRows = 1 << 21

// BenchmarkDecode compares our source with Arrow's reader on the same file at
// one thread: ten columns, and three of them.
func BenchmarkDecode(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, layout := range []struct {
		name  string
		group int
	}{{"1M", 1 << 20}, {"128k", 128 << 10}} {
		path := filepath.Join(b.TempDir(), "ten.parquet")
		writeTen(b, path, benchRows, layout.group, compress.Codecs.Snappy)
		for _, columns := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 1, 6}} {
			name := layout.name + "/all"
			if len(columns) == 3 {
				name = layout.name + "/three"
			}
			b.Run(name+"/pqarrow", func(b *testing.B) {
				for b.Loop() {
					readArrow(b, path, columns)
				}
				report(b)
			})
			b.Run(name+"/idag", func(b *testing.B) {
				for b.Loop() {
					readOurs(b, path, columns)
				}
				report(b)
			})
		}
		_ = os.Remove(path)
	}
}

func report(b *testing.B) {
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrow/s")
}

// readArrow reads the file with pqarrow, strings as dictionaries where they are.
func readArrow(tb testing.TB, path string, columns []int) {
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	props := pqarrow.ArrowReadProperties{BatchSize: 64 << 10}
	for _, c := range []int{1, 2} {
		props.SetReadDict(c, true)
	}
	r, err := pqarrow.NewFileReader(f, props, memory.DefaultAllocator)
	if err != nil {
		tb.Fatal(err)
	}
	rr, err := r.GetRecordReader(context.Background(), columns, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer rr.Release()
	rows := int64(0)
	for rr.Next() {
		rows += rr.RecordBatch().NumRows()
	}
	if rows != benchRows {
		tb.Fatalf("read %d rows", rows)
	}
}

// readOurs reads the file with the engine's source.
func readOurs(tb testing.TB, path string, columns []int) {
	ctx := context.Background()
	src, err := ours.Kind().Source(ctx, rdd.Options{"path": path}, connectors.Env{})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	splits, _, _ := src.Cut(ctx, "", rdd.Size{})
	var names []string
	for _, c := range columns {
		names = append(names, tenColumns().Field(c).Name)
	}
	rows := int64(0)
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, rdd.Projection{Columns: names, Rows: 16 << 10, Mem: memory.DefaultAllocator}) {
			if err != nil {
				tb.Fatal(err)
			}
			rows += f.Batch.NumRows()
		}
	}
	if rows != benchRows {
		tb.Fatalf("read %d rows", rows)
	}
}
