package parquet

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

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

// BenchmarkPublish measures what a batch in which windows leave costs: 24 tasks
// stage a part each, of one label, which are then published. stage-ms is what
// the executor's slots spend, publish-ms what the driver waits for.
func BenchmarkPublish(b *testing.B) {
	const parts, rows = 24, 2000
	schema := schemaOf("meter", arrow.BinaryTypes.String, "ts", arrow.PrimitiveTypes.Int64, "wh", arrow.PrimitiveTypes.Float64)
	var in []row
	for i := range rows {
		in = append(in, row{fmt.Sprint("meter-", i%50), int64(i), float64(i) / 3})
	}
	data := batchOf(memory.DefaultAllocator, schema, in)
	defer data.Release()
	one := func(yield func(*rdd.Frame, error) bool) {
		yield(&rdd.Frame{Header: rdd.Header{Labels: 1}, Batch: data}, nil)
	}
	k := openTestSink(b, b.TempDir(), nil)
	var staging, publishing time.Duration
	batch := rdd.BatchID(0)
	for b.Loop() {
		batch++
		staged := make([]rdd.Staged, parts)
		start := time.Now()
		for i := range staged {
			var err error
			if staged[i], err = k.Stage(b.Context(), rdd.Block{Batch: batch, Task: i}, one); err != nil {
				b.Fatal(err)
			}
		}
		staging += time.Since(start)
		start = time.Now()
		if err := k.Publish(b.Context(), commit(batch, 1), staged); err != nil {
			b.Fatal(err)
		}
		publishing += time.Since(start)
	}
	b.ReportMetric(float64(staging.Microseconds())/1000/float64(b.N), "stage-ms")
	b.ReportMetric(float64(publishing.Microseconds())/1000/float64(b.N), "publish-ms")
}

// BenchmarkHeaders compares reading ten columns as raw rows, with a look whether the
// values are within their bounds, and with the checksums of a done-list.
func BenchmarkHeaders(b *testing.B) {
	path, columns := benchFile(b)
	for _, how := range []string{"raw", "bounds", "done"} {
		b.Run(how, func(b *testing.B) {
			s := open(b, rdd.Options{"path": path}, connectors.Env{})
			want := rdd.Projection{Mem: memory.NewGoAllocator(), Columns: columns}
			switch how {
			case "bounds":
				want.Bounds = columns
			case "done":
				want.Enter = func(*rdd.Header) []string { return columns }
			}
			splits, err := cutAll(s, rdd.Size{})
			if err != nil {
				b.Fatal(err)
			}
			rows, bytes := int64(0), int64(0)
			for _, split := range splits {
				rows, bytes = rows+split.Rows, bytes+split.Bytes
			}
			b.SetBytes(bytes)
			for b.Loop() {
				for _, split := range splits {
					for _, err := range s.Read(b.Context(), split, want) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
		})
	}
}

// benchFile writes 256k rows of ten columns: times, four words, numbers.
func benchFile(b *testing.B) (path string, columns []string) {
	b.Helper()
	var pairs []any
	for _, c := range []string{"ts", "kind", "site", "meter", "f1", "f2", "f3", "i1", "i2", "free"} {
		dt := arrow.DataType(arrow.PrimitiveTypes.Int64)
		switch {
		case c == "ts":
			dt = timestampType()
		case c[0] == 'f' && len(c) == 2:
			dt = arrow.PrimitiveTypes.Float64
		case c[0] != 'i':
			dt = arrow.BinaryTypes.String
		}
		pairs, columns = append(pairs, c, dt), append(columns, c)
	}
	var rows []row
	for i := range 256 << 10 {
		f := float64(i*7919%100003) / 8
		rows = append(rows, row{arrow.Timestamp(i * 1000), []string{"error", "backup", "info"}[i%3], fmt.Sprint("site-", i%20), fmt.Sprint("meter-", i%5000),
			f, -f, f * f, int64(i % 1000), int64(i * i), fmt.Sprintf("free text of row %d", i*31%65537)})
	}
	data := batchOf(memory.DefaultAllocator, schemaOf(pairs...), rows)
	defer data.Release()
	var out bytes.Buffer
	w, err := NewWriter(&out, schemaOf(pairs...), WriterOptions{})
	if err == nil {
		err = w.Done([]string{"tag:1"})
	}
	if err == nil {
		err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return saveBytes(b, filepath.Join(b.TempDir(), "a.parquet"), out.Bytes()), columns
}
