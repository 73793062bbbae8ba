package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/rdd"
)

// published shows the rows that lie in an output of a job, a piece at a time: of each file
// the last, so many as a view is shown. Of outputs that are no directory of Parquet files
// there are none.
func published(ctx context.Context, kinds connectors.Registry, job *rdd.Job, output string, show func([]tap.Row)) (err error) {
	path := placeOf(job, output)
	if path == "" || strings.Contains(path, "://") || !filled(path) {
		return nil
	}
	op := rdd.Read{Connector: "parquet", Options: rdd.Options{"path": path}}
	src, err := kinds.Source(ctx, rdd.Extend(op, rdd.Pos{}, nil), connectors.Env{Mem: memory.DefaultAllocator})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	schema, err := src.Schema(ctx)
	if err != nil {
		return err
	}
	parts, err := partitions(ctx, src)
	if err != nil {
		return err
	}
	want := rdd.Projection{Rows: shownRows, Mem: memory.DefaultAllocator}
	for _, f := range schema.Fields() {
		want.Columns = append(want.Columns, f.Name)
	}
	for _, s := range slices.Concat(parts...) {
		var rows []tap.Row
		for f, err := range src.Read(ctx, s, want) {
			if err != nil {
				return err
			}
			rows = append(rows, tap.Rows(f.Batch, shownRows)...)
			rows = rows[max(len(rows)-shownRows, 0):]
		}
		show(rows)
	}
	return nil
}

// placeOf is where an output of Parquet files is, or "".
func placeOf(job *rdd.Job, output string) string {
	if job == nil {
		return ""
	}
	for _, d := range job.Sinks {
		if w, ok := d.Op().(rdd.Write); ok && d.Output() == output && w.Connector == "parquet" {
			path, _ := w.Options["path"].(string)
			return path
		}
	}
	return ""
}

// filled reports whether a directory has batches.
func filled(dir string) bool {
	list, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(list, func(e os.DirEntry) bool { return e.IsDir() && !strings.HasPrefix(e.Name(), ".") })
}
