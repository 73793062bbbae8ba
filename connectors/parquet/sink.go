package parquet

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// openSink makes a sink of files that an encoder of this format writes.
func openSink(ctx context.Context, o rdd.Options, env connectors.Env) (*files.Sink, error) {
	s, err := readSettings(o, connectors.Writing)
	if err != nil {
		return nil, err
	}
	return files.NewSink(ctx, "parquet", s.checked, files.Env{
		Job: env.Job, Labels: env.Labels, Resume: env.Resume, Published: env.Published, Run: env.Run, Ledger: env.Ledger, Desk: env.Desk, Stages: env.Stages, Schemas: env.Schemas, Mem: env.Mem, Point: env.Point,
	}, fileEncoder{s})
}

// fileEncoder begins the files of a sink.
type fileEncoder struct{ settings settings }

var _ files.Encoder = fileEncoder{}

// Extension implements files.Encoder.
func (fileEncoder) Extension() string { return ".parquet" }

// Open implements files.Encoder: the label stands in the footer.
func (e fileEncoder) Open(w io.Writer, label string, schema *arrow.Schema) (files.RowWriter, error) {
	out, err := NewWriter(w, schema, WriterOptions{
		Compression:  e.settings.compression,
		RowGroupRows: e.settings.groupRows,
		Metadata:     map[string]string{labelKey: label},
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
