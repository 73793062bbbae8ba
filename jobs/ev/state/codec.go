package state

import (
	"encoding/binary"
	"math"

	"github.com/idag/idag/internal/fault"
)

// largest is the largest number that is taken for one.
const largest = 1e100

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func appendFloats(b []byte, list []float64) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, v := range list {
		b = appendFloat(b, v)
	}
	return b
}

func appendBytes[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendList(b []byte, list []Submission) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = list[i].append(b)
	}
	return b
}

func (s *Submission) append(b []byte) []byte {
	b = appendBytes(b, s.Node)
	for _, v := range []int64{s.Round, s.Newest, s.Version, s.Samples, s.Arrives} {
		b = binary.AppendVarint(b, v)
	}
	return appendBytes(appendBytes(appendFloat(b, s.Accuracy), s.Params), s.Moments)
}

// reader takes values off the front of bytes. After an error all are zero.
type reader struct {
	b    []byte
	what string
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err, r.b = fault.New(fault.Invalid, r.what+": "+format, args...), nil
	}
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("it is cut off")
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads how many things of so many bytes at the least follow.
func (r *reader) count(least int) int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > uint64((len(r.b)-n)/least) {
		r.fail("a list is cut off")
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) float() float64 {
	if len(r.b) < 8 {
		r.fail("a number is cut off")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	if !(math.Abs(v) <= largest) {
		r.fail("a number is %v", v)
		return 0
	}
	return v
}

func (r *reader) floats() []float64 {
	n := r.count(8)
	if n == 0 {
		return nil
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = r.float()
	}
	return out
}

// bytes are shared with what is read.
func (r *reader) bytes() []byte {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) submission() Submission {
	s := Submission{Node: string(r.bytes()), Round: r.varint(), Newest: r.varint(), Version: r.varint(), Samples: r.varint(), Arrives: r.varint(), Accuracy: r.float()}
	s.Params, s.Moments = r.bytes(), r.bytes()
	return s
}

func (r *reader) list() []Submission {
	var out []Submission
	for range r.count(16) {
		out = append(out, r.submission())
	}
	return out
}

// end returns the first error, or one for bytes that are left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	return r.err
}
