package arrow

import (
	"context"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// settings are the options, checked.
type settings struct {
	paths   []string
	columns []string
	union   bool
}

// Kind describes the connector: its options, its examples and how it is opened.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "arrow",
		Doc: "Arrow IPC files (Feather 2) and streams: a file, a directory or a pattern to read, a directory to write. " +
			"Record batches are read side by side, and of each only the columns that are asked for. Written batches appear as a whole, one label a file.",
		Fields: fields(),
		Examples: []connectors.Example{
			{Title: "Read every file below a directory", YAML: "read: {arrow: data/meter}"},
			{Title: "Read some files, two columns", YAML: "read: {arrow: {path: data/2026-*.feather, columns: [meter, wh]}}"},
			{Title: "Write small files", YAML: "write: {arrow: {path: out/per_meter, compression: zstd}}"},
		},
		Source: func(_ context.Context, o rdd.Options, _ connectors.Env) (connectors.Source, error) {
			s := settings{}
			s.paths, _ = o["path"].([]string)
			s.columns, _ = o["columns"].([]string)
			s.union, _ = o["union_by_name"].(bool)
			if len(s.paths) == 0 || s.paths[0] == "" {
				return nil, fault.New(fault.Invalid, "arrow: the path is empty")
			}
			src := &source{settings: s}
			paths, err := src.places.Add(s.paths)
			if err != nil {
				return nil, err
			}
			src.settings.paths = paths
			return src, nil
		},
		Sink: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
			e := encoder{}
			e.compression, _ = o["compression"].(string)
			e.form, _ = o["format"].(string)
			k, err := files.NewSink(ctx, "arrow", o, files.Env{
				Job: env.Job, Labels: env.Labels, Resume: env.Resume, Published: env.Published, Run: env.Run, Ledger: env.Ledger, Desk: env.Desk, Stages: env.Stages, Schemas: env.Schemas, Mem: env.Mem,
			}, e)
			if err != nil {
				return nil, err
			}
			return k, nil
		},
	}
}

func fields() []connectors.Field {
	out := []connectors.Field{
		{Name: "path", Type: connectors.Strings, Required: true, Main: true,
			Doc: "What to read: files, directories (with all below them, but for names that start with _ or .) " +
				"or patterns with *, ?, {a,b} and **. What to write: a directory."},
		{Name: "columns", Type: connectors.Strings, For: connectors.Reading,
			Doc: "The columns to read. Without it, all whose types the engine knows."},
		{Name: "union_by_name", Type: connectors.Bool, Default: false, For: connectors.Reading,
			Doc: "Files may have different columns; one that a file lacks is null there."},
		{Name: "compression", Type: connectors.String, Default: "lz4", Enum: []string{"lz4", "zstd", "none"}, For: connectors.Writing,
			Doc: "How buffers are compressed."},
		{Name: "format", Type: connectors.String, Default: "file", Enum: []string{"file", "stream"}, For: connectors.Writing,
			Doc: "Files have a footer that says where batches lie; streams can be read while they come."},
	}
	for _, f := range connectors.FileFields(false) {
		if f.Name == "mode" {
			out = append(out, f)
		}
	}
	return out
}
