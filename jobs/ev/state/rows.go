package state

import (
	"encoding/binary"
	"math"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
)

// rowsVersion is the first byte of rows to learn from.
const rowsVersion = 1

// AppendRows appends the bytes of rows to learn from: of each its features and, last,
// its result, in single precision. A hundred thousand clients' rows are in memory at
// once, and no sensor is that precise.
func AppendRows(b []byte, width int, flat []float32) []byte {
	b = binary.AppendUvarint(append(b, rowsVersion), uint64(width))
	for _, v := range flat {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// Flat reads rows as they were appended to AppendRows, and appends them to out.
func Flat(b []byte, width int, out []float32) ([]float32, error) {
	body, err := rowsOf(b, width)
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(body); at += 4 {
		v := math.Float32frombits(binary.LittleEndian.Uint32(body[at:]))
		if v != v || math.IsInf(float64(v), 0) {
			return nil, fault.New(fault.Invalid, "rows to learn from: number %d is %v", at/4, v)
		}
		out = append(out, v)
	}
	return out, nil
}

// Rows reads rows into the memory of old, which is taken over.
func Rows(b []byte, width int, old learn.Rows) (learn.Rows, error) {
	body, err := rowsOf(b, width)
	if err != nil {
		return learn.Rows{}, err
	}
	out := learn.Rows{Width: width, X: old.X[:0], Y: old.Y[:0]}
	for row := 0; row < len(body); row += 4 * (width + 1) {
		for j := range width + 1 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(body[row+4*j:])))
			if !(math.Abs(v) <= math.MaxFloat32) {
				return learn.Rows{}, fault.New(fault.Invalid, "rows to learn from: number %d is %v", row/4+j, v)
			}
			if j < width {
				out.X = append(out.X, v)
			} else {
				out.Y = append(out.Y, v)
			}
		}
	}
	return out, nil
}

func rowsOf(b []byte, width int) ([]byte, error) {
	if len(b) < 2 || b[0] != rowsVersion {
		return nil, fault.New(fault.Invalid, "%d bytes are no rows to learn from", len(b))
	}
	w, n := binary.Uvarint(b[1:])
	if n <= 0 || w != uint64(width) {
		return nil, fault.New(fault.Invalid, "rows to learn from have %d features, expected %d", w, width)
	}
	b = b[1+n:]
	if len(b)%(4*(width+1)) != 0 {
		return nil, fault.New(fault.Invalid, "rows to learn from are cut off: %d bytes", len(b))
	}
	return b, nil
}
