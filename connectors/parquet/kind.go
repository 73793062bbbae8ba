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
	return []connectors.Field{
		{Name: "path", Type: connectors.Strings, Required: true, Main: true,
			Doc: "What to read: files, directories (with all below them, but for names that start with _ or .) " +
				"or patterns with *, ? and **. What to write: a directory."},
		{Name: "columns", Type: connectors.Strings, For: connectors.Reading,
			Doc: "The columns to read. Without it, all whose types the engine knows."},
		{Name: "union_by_name", Type: connectors.Bool, Default: false, For: connectors.Reading,
			Doc: "Files may have different columns; one that a file lacks is null there."},
		{Name: "hive_partitioning", Type: connectors.Bool, Default: true, For: connectors.Reading,
			Doc: "Directories named key=value are columns: whole numbers if all values are, else strings."},
		{Name: "binary_as_string", Type: connectors.Bool, Default: false, For: connectors.Reading,
			Doc: "Binary columns without a logical type are read as text, as some old writers mean them."},
		{Name: "compression", Type: connectors.String, Default: "snappy", For: connectors.Writing,
			Enum: []string{"snappy", "zstd", "gzip", "none"}, Doc: "How pages are compressed."},
		{Name: "row_group_rows", Type: connectors.Int, Default: defaultGroupRows, For: connectors.Writing,
			Doc: "Rows of a row group at the most."},
		{Name: "mode", Type: connectors.String, Default: modeError, For: connectors.Writing,
			Enum: []string{modeError, modeOverwrite, modeAppend},
			Doc: "What a new run does when the directory holds something already, be it of an earlier run of the " +
				"same job: error refuses it before anything is read, overwrite replaces what runs have published there when the first " +
				"batch appears or the run ends (files that no run published are refused, not removed), append adds to it in job=NAME/run=NUMBER, which become columns. " +
				"A run that goes on by its ledger keeps what it has published, in every mode."},
	}
}
