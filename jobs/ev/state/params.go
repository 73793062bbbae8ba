package state

import (
	"encoding/binary"
	"math"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
)

// A model as a node sends it: a kind, and a vector of numbers or a forest's bytes.
const (
	kindVector = 1
	kindForest = 2
)

// AppendVector appends the bytes of a network's parameters.
func AppendVector(b []byte, params []float64) []byte {
	b = append(b, kindVector)
	for _, p := range params {
		b = appendFloat(b, p)
	}
	return b
}

// Vector reads parameters into out, which grows if it must. They may be NaN, and any
// number of them: whoever aggregates them looks at that.
func Vector(b []byte, out []float64) ([]float64, error) {
	if len(b) == 0 || b[0] != kindVector || len(b)%8 != 1 {
		return nil, fault.New(fault.Invalid, "%d bytes are no parameters", len(b))
	}
	out = out[:0]
	for at := 1; at < len(b); at += 8 {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b[at:])))
	}
	return out, nil
}

// AppendForest appends the bytes of a forest.
func AppendForest(b []byte, f *learn.Forest) ([]byte, error) {
	return f.AppendBinary(append(b, kindForest))
}

// Forest reads a forest.
func Forest(b []byte) (*learn.Forest, error) {
	if len(b) == 0 || b[0] != kindForest {
		return nil, fault.New(fault.Invalid, "%d bytes are no forest", len(b))
	}
	m, err := learn.Decode(b[1:])
	if err != nil {
		return nil, err
	}
	f, ok := m.(*learn.Forest)
	if !ok {
		return nil, fault.New(fault.Invalid, "a model is no forest")
	}
	return f, nil
}
