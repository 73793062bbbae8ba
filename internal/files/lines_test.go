package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
)

// lines is a format too simple to be wrong: a row is a line, its columns are the
// line, the first line of the file, and nothing else. A line "bad" is one that
// cannot be parsed. With whole it claims not to have lines.
type lines struct{ whole bool }

var _ Format = lines{}

func (f lines) Lines() bool { return !f.whole }

func (lines) Infer(_ context.Context, heads []Head) (*arrow.Schema, error) {
	var names []string
	for _, h := range heads {
		names = append(names, h.Path)
	}
	meta := arrow.NewMetadata([]string{"heads"}, []string{strings.Join(names, " ")})
	return arrow.NewSchema([]arrow.Field{
		{Name: "line", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "head", Type: arrow.BinaryTypes.String, Nullable: true},
	}, &meta), nil
}

func (lines) Read(_ context.Context, in Input, schema *arrow.Schema, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		r := bufio.NewReaderSize(in.R, 16)
		at, head := in.At, in.First
		for {
			f := &rdd.Frame{Header: rdd.Header{Origin: rdd.Origin{First: at}}}
			var texts [][2]string
			var end error
			for len(texts) < want.Rows && end == nil {
				var line []byte
				line, end = r.ReadBytes('\n')
				if end != nil && !errors.Is(end, io.EOF) {
					break
				}
				if len(line) == 0 {
					continue
				}
				text := bytes.TrimSuffix(line, []byte("\n"))
				if head == nil {
					head = bytes.Clone(text)
				}
				if string(text) == "bad" {
					f.Header.Bad = append(f.Header.Bad, rdd.BadRow{Seq: at, Raw: text, Text: "bad"})
				} else {
					f.Header.Origin.Rows = append(f.Header.Origin.Rows, int32(at-f.Header.Origin.First))
					texts = append(texts, [2]string{string(text), string(head)})
				}
				at += int64(len(line))
			}
			if end != nil && !errors.Is(end, io.EOF) {
				yield(nil, end)
				return
			}
			f.Batch = textBatch(want, schema, texts)
			more := yield(f, nil)
			f.Batch.Release()
			if !more || end != nil {
				return
			}
		}
	}
}

func textBatch(want rdd.Projection, schema *arrow.Schema, texts [][2]string) arrow.RecordBatch {
	var fields []arrow.Field
	var columns []arrow.Array
	for _, name := range want.Columns {
		b := array.NewStringBuilder(want.Mem)
		i := schema.FieldIndices(name)[0]
		for _, t := range texts {
			b.Append(t[i])
		}
		fields, columns = append(fields, schema.Field(i)), append(columns, b.NewArray())
		b.Release()
	}
	out := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(len(texts)))
	for _, c := range columns {
		c.Release()
	}
	return out
}

// textEncoder writes the first column of its batches, a line a row.
type textEncoder struct{}

var _ Encoder = textEncoder{}

func (textEncoder) Extension() string { return ".txt" }

func (textEncoder) Open(w io.Writer, label string, schema *arrow.Schema) (RowWriter, error) {
	_, err := io.WriteString(w, label+" "+schema.Field(0).Name+"\n")
	return &textWriter{w}, err
}

type textWriter struct{ w io.Writer }

func (t *textWriter) Write(b arrow.RecordBatch) error {
	for i := range int(b.NumRows()) {
		if _, err := io.WriteString(t.w, b.Column(0).ValueStr(i)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (t *textWriter) Close() error { return nil }

var _ memory.Allocator = (*memory.CheckedAllocator)(nil)
