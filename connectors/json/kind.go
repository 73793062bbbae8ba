package json

import (
	"context"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// Kind describes the connector: its options, its examples and how it is opened.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "json",
		Doc: "JSON lines, one object a line: files, directories or patterns to read, a directory to write. " +
			"A line that is not an object of the schema is a dead letter, with its bytes.\n\n" +
			"Without a schema the first rows tell it: whole numbers are bigint, others double, texts in ISO form timestamp or date, objects struct, " +
			"lists array, what is of several kinds string. Nothing is widened later: give a schema where the first rows may not tell all. A number has to fit its column without loss: 3.0 is a bigint, 3.5 is not. " +
			"String columns take every value, as its JSON text. Columns of double take NaN, Infinity and -Infinity, with quotes or without. " +
			"Of a key that an object has twice the last counts; null and missing are the same.",
		Fields: append(connectors.FileFields(true), fields()...),
		Examples: []connectors.Example{
			{Title: "Read every file below a directory", YAML: "read: {json: data/events}"},
			{Title: "Read packed files with a schema; ts counts milliseconds since 1970", YAML: `read:
  json:
    path: data/*.jsonl.gz
    schema: ts timestamp, vehicle string, vdd array<bigint>, cell struct<volt double, temp double>
    epoch: ts=ms`},
			{Title: "Every key has to be in the schema", YAML: "read: {json: {path: data/events, schema: 'ts timestamp, kind string', unknown: bad}}"},
			{Title: "Write packed files, nulls spelled out", YAML: "write: {json: {path: out/events, compression: zstd, nulls: write}}"},
		},
		Source: func(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
			s, err := readSettings(o, connectors.Reading)
			if err != nil {
				return nil, err
			}
			src, err := files.NewSource("json", o, files.Env{State: env.State, Schema: env.Schema}, newFormat(s))
			if err != nil {
				return nil, err
			}
			return src, nil
		},
		Sink: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
			s, err := readSettings(o, connectors.Writing)
			if err != nil {
				return nil, err
			}
			k, err := files.NewSink(ctx, "json", o, files.Env{
				Job: env.Job, Labels: env.Labels, Resume: env.Resume, Published: env.Published, Run: env.Run, Ledger: env.Ledger, Desk: env.Desk, Stages: env.Stages, Schemas: env.Schemas, Mem: env.Mem, Point: env.Point,
			}, encoder{nulls: s.nulls, compression: s.compression})
			if err != nil {
				return nil, err
			}
			return k, nil
		},
	}
}

func fields() []connectors.Field {
	return []connectors.Field{
		{Name: "schema", Type: connectors.String, For: connectors.Reading,
			Doc: "The columns as Spark writes them: ts timestamp, vdd array<bigint>, cell struct<volt double>. Without it the first 10,000 rows tell."},
		{Name: "unknown", Type: connectors.String, Default: "ignore", Enum: []string{"ignore", "bad"}, For: connectors.Reading,
			Doc: "What a key that the schema lacks does: it is ignored, or it makes its row a dead letter."},
		{Name: "epoch", Type: connectors.Strings, For: connectors.Reading,
			Doc: "Numbers that are times: column=unit with a unit of s, ms, us or ns since 1970, or the unit alone for every timestamp column. " +
				"Also for columns of interval, which it counts."},
		{Name: "timestamp_format", Type: connectors.String, For: connectors.Reading,
			Doc: "The pattern of timestamps, such as dd.MM.yyyy HH:mm:ss. Without it ISO 8601, with T or a space, a fraction and a zone perhaps."},
		{Name: "date_format", Type: connectors.String, For: connectors.Reading,
			Doc: "The pattern of dates. Without it yyyy-MM-dd."},
		{Name: "timezone", Type: connectors.String, Default: "UTC", For: connectors.Reading,
			Doc: "The zone of timestamps that name none, such as Europe/Berlin."},
		{Name: "max_line", Type: connectors.Int, Default: defaultMaxLine, For: connectors.Reading,
			Doc: "Bytes of a line at the most: a longer one is a dead letter with its beginning."},
		{Name: "nulls", Type: connectors.String, Default: "omit", Enum: []string{"omit", "write"}, For: connectors.Writing,
			Doc: "Whether a null is left out or written as null."},
		{Name: "compression", Type: connectors.String, Default: "none", Enum: []string{"none", "gzip", "zstd"}, For: connectors.Writing,
			Doc: "How files are packed."},
	}
}
