package sketch

import (
	"encoding/binary"

	"github.com/idag/idag/internal/fault"
)

// kind is the first byte of a sketch that was written; the second is the version.
type kind byte

const (
	countMinKind kind = 'C'
	momentKind   kind = 'M'
	distinctKind kind = 'D'
	sampleKind   kind = 'S'
	heavyKind    kind = 'H'

	version = 1
)

// How counts are written.
const (
	exactCounts  = 1 // with each key
	sketchCounts = 2 // in cells
)

// String is the name that errors use.
func (k kind) String() string {
	switch k {
	case countMinKind:
		return "count-min sketch"
	case momentKind:
		return "second moment"
	case distinctKind:
		return "distinct count"
	case sampleKind:
		return "sample"
	case heavyKind:
		return "heavy keys"
	}
	return "sketch"
}

// writer appends numbers.
type writer struct{ b []byte }

func (w *writer) start(k kind)  { w.b = append(w.b, byte(k), version) }
func (w *writer) uint(n uint64) { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) int(n int64)   { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) word(n uint64) { w.b = binary.LittleEndian.AppendUint64(w.b, n) }

// bytes appends a length and so many bytes.
func (w *writer) bytes(b []byte) {
	w.uint(uint64(len(b)))
	w.b = append(w.b, b...)
}

func (w *writer) head(k kind, g *grid) {
	w.start(k)
	w.uint(uint64(g.width))
	w.uint(uint64(g.depth))
	w.word(g.seed)
}

// reader takes numbers off. Once something is wrong everything is zero, and end
// says so.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

// start checks the kind and the version.
func (r *reader) start(k kind) error {
	if len(r.b) < 2 || kind(r.b[0]) != k {
		return fault.New(fault.Invalid, "these bytes are no %v", k)
	}
	if r.b[1] != version {
		return fault.New(fault.Invalid, "a %v of version %d, this is version %d", k, r.b[1], version)
	}
	r.b = r.b[2:]
	return nil
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || size > 1 && r.b[size-1] == 0 { // one number has one spelling
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) int() int64 {
	n := r.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) word() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	n := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return n
}

// bytes takes a length and so many bytes, borrowed.
func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// end says whether everything was there and nothing is left.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return damaged()
	}
	return nil
}

func damaged() error {
	return fault.New(fault.Invalid, "a sketch is damaged: it does not end where it should")
}

// shape reads the head of a linear sketch.
func (r *reader) shape(k kind, degree int) (grid, error) {
	if err := r.start(k); err != nil {
		return grid{}, err
	}
	w, d, seed := r.uint(), r.uint(), r.word()
	if r.bad || w == 0 || d == 0 || d > maxDepth || w > maxCells || d > maxCells/w {
		return grid{}, damaged()
	}
	return newGrid(int(w), int(d), degree, seed), nil
}

// fits reads the head of a linear sketch that must have the shape of g.
func (r *reader) fits(k kind, g *grid) error {
	if err := r.start(k); err != nil {
		return err
	}
	w, d, seed := r.uint(), r.uint(), r.word()
	if r.bad || w != uint64(g.width) || d != uint64(g.depth) || seed != g.seed {
		return fault.New(fault.Invalid, "a %v of another shape or seed cannot be merged", k)
	}
	return nil
}
