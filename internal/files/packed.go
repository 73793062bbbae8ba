package files

import (
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Packed returns an encoder that packs the files of e with gzip or zstd, which
// their names say: .csv.gz, .csv.zst. With "none" or "" it is e.
func Packed(e Encoder, compression string) (Encoder, error) {
	switch compression {
	case "", "none":
		return e, nil
	case string(gzipped), string(zstded):
		return packed{e, packing(compression)}, nil
	}
	return nil, fault.New(fault.Invalid, "files are packed with gzip, zstd or none, not with %q", compression)
}

type packed struct {
	Encoder
	pack packing
}

// Extension implements Encoder.
func (p packed) Extension() string {
	if p.pack == gzipped {
		return p.Encoder.Extension() + ".gz"
	}
	return p.Encoder.Extension() + ".zst"
}

// Open implements Encoder.
func (p packed) Open(w io.Writer, label string, schema *arrow.Schema) (RowWriter, error) {
	var z io.WriteCloser
	var err error
	if p.pack == gzipped {
		z = gzip.NewWriter(w)
	} else {
		z, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithZeroFrames(true))
	}
	if err != nil {
		return nil, err
	}
	rows, err := p.Encoder.Open(z, label, schema)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return packedWriter{rows, z}, nil
}

type packedWriter struct {
	RowWriter
	z io.WriteCloser
}

// Close implements RowWriter.
func (p packedWriter) Close() error { return errors.Join(p.RowWriter.Close(), p.z.Close()) }
