package parquet

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/parquet-go/bitpack"
)

// Parquet's hybrid encoding is a sequence of runs: one value repeated, or
// groups of eight values packed into bits. hybrid and levels read it a few
// values at a time, so that nothing as long as a page is ever laid out.

var errRun = errors.New("a run of encoded values is malformed")

// slack is how many readable bytes must follow the bytes given to a hybrid:
// vector code reads past the end.
const slack = 32

// hybrid decodes integers, as of dictionary codes.
type hybrid struct {
	src     []byte
	width   int
	left    int // values left of the run
	packed  bool
	value   int32
	pending [8]int32 // values of a group that was taken in part
	held    int      // how many of them are left, at the end
}

// reset starts over with src, values of width bits.
func (h *hybrid) reset(src []byte, width int) error {
	if width > 32 {
		return errRun
	}
	*h = hybrid{src: src, width: width}
	return nil
}

// read fills dst with the next values.
func (h *hybrid) read(dst []int32) error {
	for len(dst) > 0 {
		switch {
		case h.held > 0:
			n := copy(dst, h.pending[8-h.held:])
			h.held -= n
			dst = dst[n:]
		case h.left == 0:
			if err := h.run(); err != nil {
				return err
			}
		case !h.packed:
			n := min(h.left, len(dst))
			fill(dst[:n], h.value)
			h.left -= n
			dst = dst[n:]
		case len(dst) < 8:
			h.unpack(h.pending[:])
			h.held = 8
		default:
			n := min(h.left, len(dst)) &^ 7
			h.unpack(dst[:n])
			dst = dst[n:]
		}
	}
	return nil
}

// unpack takes whole groups of a packed run.
func (h *hybrid) unpack(dst []int32) {
	size := len(dst) * h.width / 8
	if h.width == 0 {
		clear(dst)
	} else {
		bitpack.Unpack(dst, h.src[:size+slack/2], uint(h.width))
	}
	h.src = h.src[size:]
	h.left -= len(dst)
}

// run reads the header of the next run.
func (h *hybrid) run() error {
	if len(h.src) == 0 && h.width == 0 {
		h.left, h.packed, h.value = 1<<30, false, 0 // writers leave out what is all zeros
		return nil
	}
	u, n := binary.Uvarint(h.src)
	if n <= 0 || u>>1 == 0 || u>>1 > 1<<31 {
		return errRun
	}
	h.src = h.src[n:]
	h.packed = u&1 == 1
	h.left = int(u >> 1)
	if h.packed {
		if h.left*h.width > len(h.src) {
			return errRun
		}
		h.left *= 8
		return nil
	}
	size := (h.width + 7) / 8
	if size > len(h.src) {
		return errRun
	}
	var v [4]byte
	copy(v[:], h.src[:size])
	h.value = int32(binary.LittleEndian.Uint32(v[:]))
	h.src = h.src[size:]
	return nil
}

func fill(dst []int32, v int32) {
	for i := range dst {
		dst[i] = v
	}
}

// levels decodes values of one bit: definition levels of a flat column, or
// booleans. It writes them to bitmaps.
type levels struct {
	src    []byte
	at     int // bit in src where the packed run stands
	left   int
	packed bool
	value  bool
}

func (l *levels) reset(src []byte) { *l = levels{src: src} }

// plain makes l read n bits as they stand, without runs.
func (l *levels) plain(src []byte, n int) error {
	if n > 8*len(src) {
		return errRun
	}
	*l = levels{src: src, left: n, packed: true}
	return nil
}

// allSet takes n values if they are known to be ones without looking at bits.
func (l *levels) allSet(n int) bool {
	for l.left == 0 {
		if l.run() != nil {
			return false
		}
	}
	if l.packed || !l.value || l.left < n {
		return false
	}
	l.left -= n
	return true
}

// read writes the next n values to bits from bit off on, whatever stands
// there, and returns how many of them are ones.
func (l *levels) read(bits []byte, off, n int) (ones int, err error) {
	for n > 0 {
		if l.left == 0 {
			if err := l.run(); err != nil {
				return ones, err
			}
			continue
		}
		k := min(l.left, n)
		if l.packed {
			bitutil.CopyBitmap(l.src, l.at, k, bits, off)
			ones += bitutil.CountSetBits(bits, off, k)
			l.at += k
		} else {
			bitutil.SetBitsTo(bits, int64(off), int64(k), l.value)
			if l.value {
				ones += k
			}
		}
		l.left -= k
		off += k
		n -= k
	}
	return ones, nil
}

func (l *levels) run() error {
	if l.packed {
		l.src = l.src[(l.at+7)/8:]
		l.at = 0
	}
	u, n := binary.Uvarint(l.src)
	if n <= 0 || u>>1 == 0 || u>>1 > 1<<31 {
		return errRun
	}
	l.src = l.src[n:]
	l.packed = u&1 == 1
	l.left = int(u >> 1)
	if l.packed {
		if l.left > len(l.src) {
			return errRun
		}
		l.left *= 8
		return nil
	}
	if len(l.src) == 0 {
		return errRun
	}
	l.value = l.src[0]&1 == 1
	l.src = l.src[1:]
	return nil
}

// view reinterprets bytes as values. The bytes come from an allocator, which
// aligns them.
func view[T int32 | uint32 | int64 | uint64](b []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}
