package files

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"io"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packing is how a file is compressed.
type packing string

// The packings that files are unpacked from.
const (
	plain   packing = ""
	gzipped packing = "gzip"
	zstded  packing = "zstd"
	bzipped packing = "bzip2"
)

const magicBytes = 10 // enough to know a packing

// packingOf tells how a file is packed by its first bytes. A name that says
// otherwise is a mistake that is better found now: rows would be garbage.
func packingOf(path string, head []byte) (packing, error) {
	is := plain
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}):
		is = gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), len(head) > 3 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		is = zstded
	case len(head) >= magicBytes && string(head[:3]) == "BZh" && (string(head[4:]) == "1AY&SY" || string(head[4:]) == "\x17\x72\x45\x38\x50\x90"):
		is = bzipped
	}
	says := plain
	switch name := strings.ToLower(path); {
	case len(head) == 0: // an empty file, whatever its name
	case strings.HasSuffix(name, ".gz"), strings.HasSuffix(name, ".gzip"):
		says = gzipped
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		says = zstded
	case strings.HasSuffix(name, ".bz2"):
		says = bzipped
	case strings.HasSuffix(name, ".xz"), strings.HasSuffix(name, ".lz4"), strings.HasSuffix(name, ".zip"), strings.HasSuffix(name, ".br"):
		return is, fault.New(fault.Invalid, "%s: files are unpacked from gzip, zstd and bzip2, not from %s", path, name[strings.LastIndexByte(name, '.'):])
	}
	if says != plain && says != is {
		return is, fault.New(fault.Invalid, "%s: the file is not packed with %s, as its name says", path, says)
	}
	return is, nil
}

// unpack returns the unpacked bytes of r. Close frees the decoder.
func unpack(r io.Reader, p packing) (io.ReadCloser, error) {
	switch p {
	case gzipped:
		z, err := gzip.NewReader(r)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		return z, nil
	case zstded:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bzipped:
		return io.NopCloser(bzip2.NewReader(r)), nil
	default:
		return io.NopCloser(r), nil
	}
}

const maxWindow = 512 << 20 // bytes of memory that a zstd file may ask for
