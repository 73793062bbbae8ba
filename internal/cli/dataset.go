package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"golang.org/x/sync/errgroup"
)

// dataset is what a datasetWriter wrote.
type dataset struct {
	files       int
	rows, bytes int64
}

// datasetWriter copies a source into Parquet files, one a source partition.
type datasetWriter struct {
	kinds     connectors.Registry
	dir       string
	groupRows int
	threads   int    // files written side by side
	keep      bool   // files that are there are whole and are not made again
	told      func() // called after each file, from any goroutine; may be nil
}

// write copies all rows of a source. A file gets its name when it is whole.
func (w *datasetWriter) write(ctx context.Context, connector string, o rdd.Options) (dataset, error) {
	kind, err := w.kinds.Lookup(connector)
	if err != nil {
		return dataset{}, err
	}
	o, err = kind.Check(connectors.Reading, o)
	if err != nil {
		return dataset{}, fault.Wrap(fault.Invalid, err)
	}
	src, err := kind.Source(ctx, o, connectors.Env{Mem: memory.DefaultAllocator, Out: io.Discard})
	if err != nil {
		return dataset{}, err
	}
	out, err := w.copy(ctx, src)
	return out, errors.Join(err, src.Close())
}

func (w *datasetWriter) copy(ctx context.Context, src connectors.Source) (dataset, error) {
	schema, err := src.Schema(ctx)
	if err != nil {
		return dataset{}, err
	}
	parts, err := partitions(ctx, src)
	if err != nil {
		return dataset{}, err
	}
	sizes, rows := make([]int64, len(parts)), make([]int64, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.threads)
	for i, splits := range parts {
		g.Go(func() (err error) {
			name := filepath.Join(w.dir, fileName(i, splits))
			if _, gone := os.Stat(name); gone != nil || !w.keep {
				rows[i], sizes[i], err = w.file(ctx, name, schema, src, splits)
			}
			if err == nil && w.told != nil {
				w.told()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return dataset{}, err
	}
	total := dataset{files: len(parts)}
	for i := range parts {
		total.rows, total.bytes = total.rows+rows[i], total.bytes+sizes[i]
	}
	return total, nil
}

// fileName is the partition's own name where it can be that of a file, as a topic's.
func fileName(i int, splits []rdd.Split) string {
	if len(splits) > 0 && splits[0].Name != "" && !strings.ContainsAny(splits[0].Name, `/\.: `) {
		return splits[0].Name + ".parquet"
	}
	return fmt.Sprintf("part-%04d.parquet", i)
}

// partitions cuts a bounded source to its end and groups the splits by
// partition.
func partitions(ctx context.Context, src connectors.Source) ([][]rdd.Split, error) {
	var parts [][]rdd.Split
	var at rdd.Offset
	for {
		splits, next, err := src.Cut(ctx, at, rdd.Size{})
		for _, s := range splits {
			for int(s.Partition) >= len(parts) {
				parts = append(parts, nil)
			}
			parts[s.Partition] = append(parts[s.Partition], s)
		}
		switch {
		case errors.Is(err, io.EOF):
			return parts, nil
		case err != nil:
			return nil, err
		}
		at = next
	}
}

// file writes the rows of splits under a name of its own until it is whole.
func (w *datasetWriter) file(ctx context.Context, name string, schema *arrow.Schema, src connectors.Source, splits []rdd.Split) (rows, size int64, err error) {
	f, err := os.CreateTemp(w.dir, ".part-*")
	if err != nil {
		return 0, 0, fault.Wrap(fault.Invalid, err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), name)
		}
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return 0, 0, err
	}
	out, err := parquet.NewWriter(f, schema, parquet.WriterOptions{RowGroupRows: w.groupRows})
	if err != nil {
		return 0, 0, err
	}
	for _, s := range splits {
		n, err := writeSplit(ctx, out, schema, src, s)
		rows += n
		if err != nil {
			return 0, 0, errors.Join(err, out.Close())
		}
	}
	if err := out.Close(); err != nil {
		return 0, 0, err
	}
	size, err = f.Seek(0, io.SeekCurrent)
	return rows, size, err
}

func writeSplit(ctx context.Context, out *parquet.Writer, schema *arrow.Schema, src connectors.Source, s rdd.Split) (rows int64, err error) {
	want := rdd.Projection{Rows: 1 << 16, Mem: memory.DefaultAllocator}
	for _, f := range schema.Fields() {
		want.Columns = append(want.Columns, f.Name)
	}
	for frame, err := range src.Read(ctx, s, want) {
		if err != nil {
			return rows, err
		}
		if err := out.Write(frame.Batch); err != nil {
			return rows, err
		}
		rows += frame.Batch.NumRows()
	}
	return rows, nil
}
