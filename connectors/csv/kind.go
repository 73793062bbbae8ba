package csv

import (
	"context"
	"slices"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// Kind describes the connector: its options, its examples and how it is opened.
func Kind() connectors.Kind {
	return connectors.Kind{
		Name: "csv",
		Doc: "CSV files, and others of lines with a delimiter: a file, a directory or a pattern to read, a directory to write. " +
			"A row that has too many or too few fields, or a value that is not of its column's type, becomes a dead letter with its bytes.\n\n" +
			"Columns are matched to the header of each file by name. Types are inferred from the beginnings of some files, " +
			"boolean, bigint, double, date or timestamp where all values fit, else string; `schema` or `types` declare them. " +
			"Numbers with leading zeros are strings.",
		Fields:   slices.Concat(connectors.FileFields(true), readFields(), writeFields()),
		Examples: examples(),
		Source: func(_ context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
			f, err := newFormat(o)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err)
			}
			s, err := files.NewSource("csv", o, files.Env{State: env.State, Schema: env.Schema}, f)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
		Sink: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Sink, error) {
			e, err := newEncoder(o)
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, err)
			}
			k, err := files.NewSink(ctx, "csv", o, files.Env{
				Job: env.Job, Labels: env.Labels, Resume: env.Resume, Published: env.Published, Run: env.Run, Ledger: env.Ledger, Desk: env.Desk, Stages: env.Stages, Schemas: env.Schemas, Mem: env.Mem, Point: env.Point,
			}, e)
			if err != nil {
				return nil, err
			}
			return k, nil
		},
	}
}

func examples() []connectors.Example {
	return []connectors.Example{
		{Title: "Read every file below a directory", YAML: "read: {csv: data/trips}"},
		{Title: "Dates of another spelling: rows with impossible ones become dead letters",
			YAML: "read: {csv: {path: data/trips, types: {Date: date}, date_format: M/d/yyyy}}"},
		{Title: "A European export",
			YAML: "read: {csv: {path: data/export.csv, delimiter: \";\", decimal: \",\", thousands: \".\", encoding: windows-1252, names: snake}}"},
		{Title: "No header, declared columns",
			YAML: "read:\n  csv:\n    path: logs/*.tsv.gz\n    header: false\n    delimiter: tab\n    \"null\": [\"\", \"-\"]\n    schema: ts timestamp, host string, bytes bigint"},
		{Title: "Write files with a header", YAML: "write: {csv: {path: out/per_meter, mode: overwrite}}"},
	}
}

func readFields() []connectors.Field {
	reading := connectors.Reading
	return []connectors.Field{
		{Name: "header", Type: connectors.String, Default: headerAuto, Enum: []string{headerAuto, headerTrue, headerFalse},
			Doc: "Whether the first row names the columns. auto takes it for a header if its fields are texts and no numbers or times, " +
				"and decides once, from the first files, for all of them; true and false leave nothing to be guessed. " +
				"Files are written with a header unless it is false."},
		{Name: "delimiter", Type: connectors.String, Default: headerAuto,
			Doc: "What stands between fields, one character, or tab. auto finds comma, semicolon, tab or |, and writes commas."},
		{Name: "quote", Type: connectors.String, Default: `"`, Doc: "What stands around fields that hold delimiters; empty for none, in reading."},
		{Name: "null", Type: connectors.Strings, Default: []string{""},
			Doc: "Texts that mean null where they are not quoted. The first is written for nulls."},
		{Name: "escape", Type: connectors.String, For: reading, Doc: "What stands before a quote that belongs to the field. Without it quotes are doubled."},
		{Name: "comment", Type: connectors.String, For: reading, Doc: "Lines that begin with this character are passed over."},
		{Name: "skip", Type: connectors.Int, Default: 0, For: reading, Doc: "Lines before the header, or before the first row, to pass over."},
		{Name: "columns", Type: connectors.Strings, For: reading,
			Doc: "Names of the columns, in order. With header: true they replace the header's."},
		{Name: "names", Type: connectors.String, Default: "as_is", Enum: []string{"as_is", namesSnake}, For: reading,
			Doc: "snake makes names of a header easy to write: GpsSpeed (km/h) becomes gps_speed_km_h. Otherwise odd names stand in backquotes in expressions."},
		{Name: "schema", Type: connectors.String, For: reading,
			Doc: "The columns with their types, as in CREATE TABLE: id bigint, price decimal(10,2). Columns of a header that it lacks are left out."},
		{Name: "types", Type: connectors.Mapping, For: reading, Doc: "Types of some columns; the others are inferred."},
		{Name: "date_format", Type: connectors.String, For: reading,
			Doc: "How dates are written, as in Spark: MM/dd/yyyy takes 03/09/2021, M/d/yyyy 3/9/2021 as well. Without it, as in ISO 8601."},
		{Name: "timestamp_format", Type: connectors.String, For: reading,
			Doc: "How timestamps are written, as in Spark: dd.MM.yyyy HH:mm. Without it, as in ISO 8601."},
		{Name: "timezone", Type: connectors.String, For: reading, Doc: "The zone of timestamps that name none, such as Europe/Berlin; UTC without it."},
		{Name: "decimal", Type: connectors.String, Default: ".", For: reading, Doc: "What stands before the fraction of numbers."},
		{Name: "thousands", Type: connectors.String, For: reading, Doc: "What stands between groups of digits and is passed over."},
		{Name: "ragged", Type: connectors.String, Default: "bad", Enum: []string{"bad", raggedNull}, For: reading,
			Doc: "What a row is that has too few fields: bad, or null in the last ones. One that has too many is always bad."},
		{Name: "trim", Type: connectors.Bool, Default: false, For: reading,
			Doc: "Spaces around unquoted texts go. Around numbers, times and names they always do."},
		{Name: "multiline", Type: connectors.Bool, Default: false, For: reading,
			Doc: "Quoted fields may hold line ends; a file is then read by one task."},
		{Name: "encoding", Type: connectors.String, Default: encodingUTF8, Enum: charsets(), For: reading,
			Doc: "How characters are encoded. Rows that are not UTF-8 are bad."},
	}
}

func writeFields() []connectors.Field { return nil }

// newFormat checks the options of reading.
func newFormat(o rdd.Options) (*format, error) {
	s, err := readSettings(o)
	if err != nil {
		return nil, err
	}
	return &format{settings: s, parsers: s.parsers()}, nil
}
