package files

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// Format reads the rows of files of one kind.
type Format interface {
	// Lines reports whether every row is one line, which ends with \n or at the
	// end of the file: such files, unless they are packed, are cut into splits.
	Lines() bool
	// Infer tells the schema of the rows from the beginnings of some files.
	// What it finds wrong is a fault.Invalid that names file, line and column.
	Infer(ctx context.Context, heads []Head) (*arrow.Schema, error)
	// Read decodes the rows of part of a file into the columns of want. Frames
	// have want.Rows rows at the most, and origins whose First and Rows are
	// sequences: offsets of rows. A row that cannot be parsed goes into the
	// header's Bad and ends nothing. An error of in.R is passed on, after the rows
	// before it; a line that it cuts off is no row. want.Columns may be empty, for
	// frames that have rows and no columns, and want.Skip is nil.
	Read(ctx context.Context, in Input, schema *arrow.Schema, want rdd.Projection) rdd.Stream
}

// Head is the beginning of a file.
type Head struct {
	Path string
	Data []byte // unpacked; only whole lines where the format has lines
	All  bool   // Data is the whole file
}

// Input is part of a file, unpacked. Where the format has lines it begins and
// ends between two of them.
type Input struct {
	Path string
	R    io.Reader
	At   int64 // offset of the first byte of R in the unpacked file
	// First is the first line of the file, without its end, where the format
	// has lines and At is not 0: a header that R lacks. It is nil if the line has
	// more than a megabyte.
	First []byte
}

// Encoder writes rows as a file of one kind.
type Encoder interface {
	// Extension of the files, with its dot.
	Extension() string
	// Open begins a file of the rows of one label. Close of the writer ends the
	// file and leaves w open; it is always called, after an error too.
	Open(w io.Writer, label string, schema *arrow.Schema) (RowWriter, error)
}

// RowWriter writes the rows of one file. One that has a method
// Done(list []string) error is told, before each batch, what was done to its rows:
// rdd.Header.Done.
type RowWriter interface {
	// Write appends the rows of a batch, whose schema is the one that the file was
	// opened with, but that strings may be plain or dictionary-encoded.
	Write(b arrow.RecordBatch) error
	Close() error
}
