package parquet

import (
	"context"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// Kind describes the connector: its options, its examples and how it is opened.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "parquet",
		Doc: "Parquet files: a file, a directory or a pattern to read, a directory to write. " +
			"Directories named key=value become columns. Written batches appear as a whole, one label a file.",
		Listed: true,
		Fields: fields(),
		Examples: []connectors.Example{
			{Title: "Read every file below a directory", YAML: "read: {parquet: data/meter}"},
			{Title: "Read some files of the year, two columns", YAML: "read: {parquet: {path: data/**/2026-*.parquet, columns: [meter, wh]}}"},
			{Title: "Write small files", YAML: "write: {parquet: {path: out/per_meter, compression: zstd}}"},
			{Title: "Replace what the last run wrote", YAML: "write: {parquet: {path: out/per_meter, mode: overwrite}}"},
		},
		Source: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
			s, err := openSource(ctx, o, env)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Sink: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
			k, err := openSink(ctx, o, env)
			if err != nil {
				return nil, err
			}
			return k, nil
		},
	}
}

func fields() []connectors.Field {
	return append(connectors.FileFields(false), []connectors.Field{
		{Name: "columns", Type: connectors.Strings, For: connectors.Reading,
			Doc: "The columns to read. Without it, all whose types the engine knows."},
		{Name: "binary_as_string", Type: connectors.Bool, Default: false, For: connectors.Reading,
			Doc: "Binary columns without a logical type are read as text, as some old writers mean them."},
		{Name: "compression", Type: connectors.String, Default: "snappy", For: connectors.Writing,
			Enum: []string{"snappy", "zstd", "gzip", "none"}, Doc: "How pages are compressed."},
		{Name: "row_group_rows", Type: connectors.Int, Default: defaultGroupRows, For: connectors.Writing,
			Doc: "Rows of a row group at the most."},
	}...)
}
