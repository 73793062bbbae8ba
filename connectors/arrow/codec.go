package arrow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs of buffers (BodyCompression in Message.fbs).
const (
	uncompressed int8 = -1
	lz4Frame     int8 = 0
	zstdFrame    int8 = 1
)

// codecs are the decoders of a source, used again from buffer to buffer. The
// zero value is ready.
type codecs struct {
	lz4 sync.Pool // of *lz4.Reader

	mu   sync.Mutex
	zstd *zstd.Decoder
}

// unpack fills dst with what src holds, which must be just as much.
func (c *codecs) unpack(codec int8, dst, src []byte) error {
	switch codec {
	case lz4Frame:
		return c.unpackLZ4(dst, src)
	case zstdFrame:
		d, err := c.decoder()
		if err != nil {
			return err
		}
		out, err := d.DecodeAll(src, dst[:0:len(dst)])
		if err == nil && len(out) != len(dst) {
			err = fmt.Errorf("%d bytes instead of %d", len(out), len(dst))
		}
		return unpackError(err)
	}
	return fmt.Errorf("codec %d is not supported", codec)
}

func (c *codecs) unpackLZ4(dst, src []byte) error {
	r, ok := c.lz4.Get().(*lz4.Reader)
	if !ok {
		r = lz4.NewReader(nil)
	}
	defer c.lz4.Put(r)
	r.Reset(bytes.NewReader(src))
	if _, err := io.ReadFull(r, dst); err != nil {
		return unpackError(err)
	}
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return unpackError(errors.New("there is more than it says"))
	}
	return nil
}

func unpackError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("a packed buffer cannot be unpacked: %w", err)
}

// decoder returns the one of zstd, which many may use at the same time. It
// writes no more than there is room for.
func (c *codecs) decoder() (*zstd.Decoder, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(1<<31))
		if err != nil {
			return nil, err
		}
		c.zstd = d
	}
	return c.zstd, nil
}

func (c *codecs) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.zstd != nil {
		c.zstd.Close()
		c.zstd = nil
	}
}
