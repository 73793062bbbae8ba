package parquet

import (
	"bytes"

	"github.com/idag/idag/internal/fault"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
)

// compressor compresses pages one at a time. What it returns is lent until the
// next call.
type compressor struct {
	codec format.CompressionCodec
	buf   []byte
	zstd  *zstd.Encoder
	gzip  *gzip.Writer
}

func newCompressor(name string) (*compressor, error) {
	switch name {
	case "", "snappy":
		return &compressor{codec: format.Snappy}, nil
	case "none":
		return &compressor{codec: format.Uncompressed}, nil
	case "zstd":
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false))
		return &compressor{codec: format.Zstd, zstd: z}, err
	case "gzip":
		return &compressor{codec: format.Gzip, gzip: gzip.NewWriter(nil)}, nil
	}
	return nil, fault.New(fault.Invalid, "compression %q is not one of snappy, zstd, gzip, none", name)
}

// always compresses src.
func (c *compressor) always(src []byte) []byte {
	switch c.codec {
	case format.Snappy:
		if n := s2.MaxEncodedLen(len(src)); n > cap(c.buf) {
			c.buf = make([]byte, n+n/4)
		}
		return s2.EncodeSnappy(c.buf[:cap(c.buf)], src)
	case format.Zstd:
		c.buf = c.zstd.EncodeAll(src, c.buf[:0])
		return c.buf
	case format.Gzip:
		out := bytes.NewBuffer(c.buf[:0])
		c.gzip.Reset(out)
		_, _ = c.gzip.Write(src) // a bytes.Buffer takes everything
		_ = c.gzip.Close()
		c.buf = out.Bytes()
		return c.buf
	case format.Uncompressed, format.LZO, format.Brotli, format.Lz4, format.Lz4Raw:
	}
	return src
}

// maybe compresses src where that saves a sixteenth; otherwise readers are
// better off without, and it returns src and false.
func (c *compressor) maybe(src []byte) ([]byte, bool) {
	if c.codec == format.Uncompressed || len(src) == 0 {
		return src, false
	}
	out := c.always(src)
	if len(out) > len(src)-len(src)/16 {
		return src, false
	}
	return out, true
}
