package interop

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/idag/idag/connectors"
	ours "github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

const benchRows = 1 << 21

// BenchmarkDecode compares our source with Arrow's reader on the same file at
// one thread: ten columns, and three of them; our frames once from Go's
// allocator, as Arrow's are, and once from the engine's pool.
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
				measure(b, benchRows, func() { readArrow(b, path, columns) })
			})
			b.Run(name+"/idag", func(b *testing.B) {
				measure(b, benchRows, func() { readOurs(b, path, columns, memory.DefaultAllocator) })
			})
			b.Run(name+"/idag-pool", func(b *testing.B) {
				pool := kernel.NewPool(64 << 20)
				measure(b, benchRows, func() { readOurs(b, path, columns, pool) })
			})
		}
		_ = os.Remove(path)
	}
}

// measure runs f and reports rows by the wall clock and by processor time,
// which a busy machine disturbs less.
func measure(b *testing.B, rows int, f func()) {
	f()
	start := processorTime()
	for b.Loop() {
		f()
	}
	cpu := processorTime() - start
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrow/s")
	b.ReportMetric(float64(rows)*float64(b.N)/cpu.Seconds()/1e6, "Mrow/cpu-s")
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of this process: cannot fail
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
func readOurs(tb testing.TB, path string, columns []int, mem memory.Allocator) {
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
		for f, err := range src.Read(ctx, s, rdd.Projection{Columns: names, Rows: 16 << 10, Mem: mem}) {
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

// BenchmarkWrite compares our writer with Arrow's, ten columns, Snappy, row
// groups of 128k rows, batches of 16k rows; strings plain and as dictionaries.
func BenchmarkWrite(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rows, frame = 256 << 10, 16 << 10
	r := rand.New(rand.NewPCG(1, 2))
	all := makeTen(memory.DefaultAllocator, r, 0, rows)
	defer all.Release()
	b.Run("pqarrow", func(b *testing.B) {
		measure(b, rows, func() {
			w, err := pqarrow.NewFileWriter(tenColumns(), io.Discard,
				parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(128<<10)),
				pqarrow.DefaultWriterProps())
			if err != nil {
				b.Fatal(err)
			}
			writeSlices(b, all, frame, w.WriteBuffered)
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
		})
	})
	for name, batch := range map[string]arrow.RecordBatch{"plain": all, "dictionary": withDictionaries(all)} {
		b.Run("idag/"+name, func(b *testing.B) {
			measure(b, rows, func() {
				w, err := ours.NewWriter(io.Discard, tenColumns(), ours.WriterOptions{})
				if err != nil {
					b.Fatal(err)
				}
				writeSlices(b, batch, frame, w.Write)
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func writeSlices(b *testing.B, all arrow.RecordBatch, frame int64, write func(arrow.RecordBatch) error) {
	for at := int64(0); at < all.NumRows(); at += frame {
		s := all.NewSlice(at, at+frame)
		if err := write(s); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}

// withDictionaries is b with device and label as dictionary arrays.
func withDictionaries(b arrow.RecordBatch) arrow.RecordBatch {
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	fields := b.Schema().Fields()
	columns := append([]arrow.Array(nil), b.Columns()...)
	for _, c := range []int{1, 2} {
		d := array.NewBuilder(memory.DefaultAllocator, dt).(*array.BinaryDictionaryBuilder)
		for i := range int(b.NumRows()) {
			if err := d.AppendString(columns[c].(*array.String).Value(i)); err != nil {
				panic(err)
			}
		}
		fields[c].Type, columns[c] = dt, d.NewArray()
		d.Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, b.NumRows())
}
