package expr

import (
	"math"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
)

// textOut builds a column of strings row by row.
type textOut struct {
	offs, data *memory.Buffer
	off        []int32
	buf        []byte
	used, n    int
	limit      int  // bytes that offsets can address
	full       bool // there were more
}

func (x *exec) textOut(n, bytes int) *textOut {
	t := &textOut{offs: x.alloc(4 * (n + 1)), data: x.alloc(bytes), limit: math.MaxInt32}
	t.off = view[int32](t.offs, n+1)
	t.off[0] = 0
	t.buf = t.data.Buf()
	return t
}

// add appends the next row.
func (t *textOut) add(s string) {
	if need := t.used + len(s); need > len(t.buf) {
		if need > t.limit {
			t.full, s = true, ""
		} else {
			t.data.Reserve(min(max(2*len(t.buf), need), t.limit))
			t.buf = t.data.Buf()
			t.buf = t.buf[:min(len(t.buf), t.limit)]
		}
	}
	copy(t.buf[t.used:], s)
	t.used += len(s)
	t.n++
	t.off[t.n] = int32(t.used)
}

// addBytes is add for bytes that may be overwritten afterwards.
func (t *textOut) addBytes(s []byte) { t.add(unsafe.String(unsafe.SliceData(s), len(s))) }

// finish hands the strings to out, which owns them from then on.
func (t *textOut) finish(out *vec) error {
	out.kind, out.n = kString, t.n
	if t.full {
		t.offs.Release()
		t.data.Release()
		return fault.New(fault.Invalid, "strings of one batch take more than 2 GiB")
	}
	t.data.ResizeNoShrink(t.used)
	out.offs, out.data = t.offs, t.data
	return nil
}
