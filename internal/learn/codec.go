package learn

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/idag/idag/internal/fault"
)

// A model's bytes: "idlm", a version, a kind, what the kind writes, and the CRC-32C
// of all before it. Numbers are little endian.
const (
	magic        = "idlm"
	modelVersion = 1
	kindNetwork  = 1
	kindForest   = 2
)

// Decode reads a model that AppendBinary wrote. Bytes that are cut off, damaged, of
// another version, of a shape that cannot be, or with parameters that are no
// numbers are Invalid; no more memory is taken than a small multiple of theirs.
func Decode(b []byte) (Model, error) {
	const head, tail = len(magic) + 2, 4
	if len(b) < head+tail || string(b[:len(magic)]) != magic {
		return nil, fault.New(fault.Invalid, "no model: %d bytes without its mark", len(b))
	}
	body := b[:len(b)-tail]
	if v := b[len(magic)]; v != modelVersion {
		return nil, fault.New(fault.Invalid, "a model of version %d, expected %d", v, modelVersion)
	}
	if got, want := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return nil, fault.New(fault.Invalid, "a model is damaged: its checksum is %08x, expected %08x", got, want)
	}
	r := &reader{b: body[head:]}
	switch kind := b[len(magic)+1]; kind {
	case kindNetwork:
		return readNetwork(r)
	case kindForest:
		return readForest(r)
	default:
		return nil, fault.New(fault.Invalid, "a model of the unknown kind %d", kind)
	}
}

// seal writes a model's frame around its body.
func seal(b []byte, kind byte, body func([]byte) []byte) []byte {
	from := len(b)
	b = append(append(b, magic...), modelVersion, kind)
	b = body(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[from:], crc32.MakeTable(crc32.Castagnoli)))
}

// AppendBinary appends the parameters and, after Update with Adam, its memory.
func (n *Network) AppendBinary(b []byte) ([]byte, error) {
	return seal(b, kindNetwork, func(b []byte) []byte {
		b = append(b, byte(n.out))
		b = binary.AppendUvarint(b, uint64(len(n.widths)))
		for _, w := range n.widths {
			b = binary.AppendUvarint(b, uint64(w))
		}
		b = binary.AppendUvarint(b, uint64(n.adam.steps))
		b = appendFloats(b, n.params)
		if n.adam.steps > 0 {
			b = appendFloats(appendFloats(b, n.adam.m), n.adam.v)
		}
		return b
	}), nil
}

func readNetwork(r *reader) (Model, error) {
	out := output(r.byte())
	widths := make([]int, r.uvarint(maxLayers))
	for i := range widths {
		widths[i] = r.uvarint(maxWidth)
	}
	steps := r.uvarint(math.MaxInt64)
	if r.err != nil {
		return nil, r.err
	}
	if out > identity {
		return nil, fault.New(fault.Invalid, "a network with the unknown output %d", out)
	}
	size := 0
	for i := 1; i < len(widths); i++ {
		size += (widths[i-1] + 1) * widths[i]
	}
	if steps > 0 {
		size *= 3
	}
	if len(r.b) != 8*size {
		return nil, fault.New(fault.Invalid, "a network of widths %v in %d bytes of parameters", widths, len(r.b))
	}
	n, err := newNetwork(out, widths)
	if err != nil {
		return nil, err
	}
	r.floats(n.params)
	if steps > 0 {
		n.adam = adam{steps: int64(steps), m: make([]float64, len(n.params)), v: make([]float64, len(n.params))}
		r.floats(n.adam.m)
		r.floats(n.adam.v)
	}
	for _, list := range [][]float64{n.params, n.adam.m, n.adam.v} {
		if i := notFinite(list); i >= 0 {
			return nil, fault.New(fault.Invalid, "a network's parameter %d is %v", i, list[i])
		}
	}
	for i, v := range n.adam.v {
		if v < 0 {
			return nil, fault.New(fault.Invalid, "a network's second moment %d is %v", i, v)
		}
	}
	return n, nil
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendFloats(b []byte, list []float64) []byte {
	for _, v := range list {
		b = appendFloat(b, v)
	}
	return b
}

// reader takes numbers off the front of bytes. After an error all are 0.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err, r.b = fault.New(fault.Invalid, format, args...), nil
	}
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("bytes of a model or of moments are cut off")
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// uvarint reads a number of at most limit.
func (r *reader) uvarint(limit uint64) int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > limit {
		r.fail("bytes of a model or of moments: a number is cut off or beyond %d", limit)
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail("bytes of a model or of moments are cut off")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}

func (r *reader) floats(out []float64) {
	for i := range out {
		out[i] = r.float()
	}
}

// end returns the first error, or one for bytes that are left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("bytes of a model or of moments: %d too many", len(r.b))
	}
	return r.err
}
