package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/jobs/meter"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kinds() connectors.Registry {
	return connectors.NewRegistry(generate.Kind(), parquet.Kind())
}

// events writes a data set of meter events, a file a partition.
func events(t testing.TB, o rdd.Options, groupRows int) string {
	t.Helper()
	dir := t.TempDir()
	checked, err := generate.Kind().Check(connectors.Reading, o)
	if err != nil {
		t.Fatal(err)
	}
	src, err := generate.Kind().Source(t.Context(), checked, connectors.Env{Mem: arrowmem.DefaultAllocator})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	in := &input{src: src}
	if err := in.cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	parts := map[int32][]rdd.Split{}
	for _, s := range in.splits {
		parts[s.Partition] = append(parts[s.Partition], s)
	}
	for p, splits := range parts {
		if err := writeFile(t.Context(), filepath.Join(dir, fmt.Sprintf("part-%d.parquet", p)), src, splits, groupRows); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeFile(ctx context.Context, name string, src connectors.Source, splits []rdd.Split, groupRows int) error {
	schema, err := src.Schema(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w, err := parquet.NewWriter(f, schema, parquet.WriterOptions{RowGroupRows: groupRows})
	if err != nil {
		return err
	}
	want := rdd.Projection{Rows: 1 << 14, Mem: arrowmem.DefaultAllocator}
	for _, c := range schema.Fields() {
		want.Columns = append(want.Columns, c.Name)
	}
	for _, s := range splits {
		for frame, err := range src.Read(ctx, s, want) {
			if err != nil {
				return err
			}
			if err := w.Write(frame.Batch); err != nil {
				return err
			}
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// job is the job meter over a data set, with its results in a new directory.
func job(t testing.TB, path, window string) *rdd.Job {
	t.Helper()
	j, err := meter.Job(map[string]string{"path": path, "out": t.TempDir(), "window": window})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func plan(t testing.TB, j *rdd.Job) *planner.Plan {
	t.Helper()
	p, err := engine.Compile(t.Context(), j, engine.Config{Kinds: kinds()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
