package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// codecs decompresses pages. Each page says how long it will be; a codec that
// yields more or less finds the page corrupt, and none allocates by what the
// compressed bytes claim.
type codecs struct {
	gzip sync.Pool // of *gzip.Reader

	mu  sync.Mutex
	std *zstd.Decoder // nil until a page needs it
}

// zstd returns the decoder, which many may use at once.
func (c *codecs) zstd() (*zstd.Decoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.std == nil {
		c.std, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)), zstd.WithDecodeAllCapLimit(true))
	}
	return c.std, err
}

// close frees the decoders. Nothing may be under way.
func (c *codecs) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.std != nil {
		c.std.Close()
		c.std = nil
	}
}

var errLength = errors.New("a page decompresses to another length than it says")

// decompress fills dst, which has the length that the page header says.
func (c *codecs) decompress(codec format.CompressionCodec, dst, src []byte) error {
	switch codec {
	case format.Snappy:
		return unsnap(dst, src)
	case format.Zstd:
		d, err := c.zstd()
		if err != nil {
			return err
		}
		out, err := d.DecodeAll(src, dst[:0:len(dst)])
		return exactly(out, dst, err)
	case format.Gzip:
		return c.gunzip(dst, src)
	case format.Brotli:
		return drain(brotli.NewReader(bytes.NewReader(src)), dst)
	case format.Lz4Raw:
		n, err := lz4.UncompressBlock(src, dst)
		if err == nil && n != len(dst) {
			return errLength
		}
		return err
	case format.Lz4:
		return errors.New("the deprecated LZ4 framing is not supported (rewrite with LZ4_RAW, SNAPPY or ZSTD)")
	case format.Uncompressed:
		if len(src) != len(dst) {
			return errLength
		}
		copy(dst, src)
		return nil
	case format.LZO:
	}
	return fmt.Errorf("compression %s is not supported", codec)
}

func unsnap(dst, src []byte) error {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return err
	}
	if n != len(dst) {
		return errLength
	}
	_, err = snappy.Decode(dst, src)
	return err
}

func exactly(out, dst []byte, err error) error {
	if err != nil {
		return err
	}
	if len(out) != len(dst) || len(dst) > 0 && &out[0] != &dst[0] {
		return errLength
	}
	return nil
}

func (c *codecs) gunzip(dst, src []byte) error {
	r, _ := c.gzip.Get().(*gzip.Reader)
	if r == nil {
		r = new(gzip.Reader)
	}
	defer c.gzip.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil {
		return err
	}
	return drain(r, dst)
}

// drain reads exactly len(dst) bytes and expects the end after them.
func drain(r io.Reader, dst []byte) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	var more [1]byte
	n, err := io.ReadFull(r, more[:])
	if n > 0 {
		return errLength
	}
	if err != io.EOF {
		return err
	}
	return nil
}
