package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/idag/idag/rdd"
)

// head is a frame's header on its way: JSON, behind its length, and then the row numbers
// and the ordinals of the origin, as differences. Bounds stay behind: nobody reads those
// of blocks.
type head struct {
	At        int          `json:"at"` // of the frame in the block
	Bare      bool         `json:"bare,omitempty"`
	Labels    rdd.LabelSet `json:"labels"`
	Source    int          `json:"source"`
	Partition int32        `json:"partition"`
	First     int64        `json:"first"`
	// Split is, from 1, that of the frame among those that came so far in the stream.
	// One that has not yet been comes along.
	Split   int          `json:"split,omitempty"`
	New     *rdd.Split   `json:"new,omitempty"`
	Rows    int          `json:"rows,omitempty"` // how many row numbers follow, and 1; 0: nil
	Child   int          `json:"child,omitempty"`
	Pruned  int64        `json:"pruned,omitempty"`
	Done    []string     `json:"done,omitempty"`
	Columns []string     `json:"columns,omitempty"`
	Unbound string       `json:"unbound,omitempty"`
	Bad     []rdd.BadRow `json:"bad,omitempty"`
	Raw     [][]byte     `json:"raw,omitempty"`
}

// headers writes the headers of one stream, or reads them.
type headers struct {
	splits []*rdd.Split
}

// write appends the header of the frame at place at in a block; bare says that it has no
// batch.
func (s *headers) write(out []byte, h *rdd.Header, at int, bare bool) ([]byte, error) {
	o := &h.Origin
	j := head{At: at, Bare: bare, Labels: h.Labels, Source: o.Source, Partition: o.Partition, First: o.First, Rows: count(o.Rows), Child: count(o.Child),
		Pruned: h.Pruned, Done: h.Done, Columns: h.Columns, Unbound: h.Unbound, Bad: h.Bad, Raw: h.Raw}
	if o.Split != nil {
		j.Split, j.New = s.number(o.Split)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	return appendDeltas(appendDeltas(out, o.Rows), o.Child), nil
}

// count is how many there are, and 1; of none at all 0.
func count[T any](list []T) int {
	if list == nil {
		return 0
	}
	return len(list) + 1
}

// number returns the number of a split, and the split if it is new.
func (s *headers) number(split *rdd.Split) (int, *rdd.Split) {
	for i := len(s.splits) - 1; i >= 0; i-- { // nearly always the last
		if s.splits[i] == split {
			return i + 1, nil
		}
	}
	s.splits = append(s.splits, split)
	return len(s.splits), split
}

var errHeader = errors.New("a frame's header cannot be read")

// read reads what write has made, for a frame of so many rows.
func (s *headers) read(in []byte, rows int) (h rdd.Header, at int, bare bool, err error) {
	n, w := binary.Uvarint(in)
	if w <= 0 || n > uint64(len(in)-w) {
		return h, 0, false, errHeader
	}
	var j head
	if err := json.Unmarshal(in[w:w+int(n)], &j); err != nil {
		return h, 0, false, fmt.Errorf("%w: %w", errHeader, err)
	}
	in = in[w+int(n):]
	h = rdd.Header{Labels: j.Labels, Pruned: j.Pruned, Done: j.Done, Columns: j.Columns, Unbound: j.Unbound, Bad: j.Bad, Raw: j.Raw,
		Origin: rdd.Origin{Source: j.Source, Partition: j.Partition, First: j.First}}
	if j.New != nil {
		s.splits = append(s.splits, j.New)
	}
	switch {
	case j.Split < 0 || j.Split > len(s.splits), j.Raw != nil && len(j.Raw) != rows:
		return h, 0, false, errHeader
	case j.Split > 0:
		h.Origin.Split = s.splits[j.Split-1]
	}
	if h.Origin.Rows, in, err = readDeltas[int32](in, j.Rows); err != nil {
		return h, 0, false, err
	}
	if h.Origin.Child, in, err = readDeltas[int64](in, j.Child); err != nil {
		return h, 0, false, err
	}
	for _, n := range []int{j.Rows, j.Child} {
		if j.Source >= 0 && n != 0 && n != rows+1 {
			return h, 0, false, errHeader
		}
	}
	if len(in) != 0 {
		return h, 0, false, errHeader
	}
	return h, j.At, j.Bare, nil
}

// appendDeltas writes numbers as the differences of each from the one before: of
// numbers that ascend, as those of rows do, nearly all take one byte.
func appendDeltas[T int32 | int64](out []byte, values []T) []byte {
	last := int64(0)
	for _, v := range values {
		out = binary.AppendVarint(out, int64(v)-last)
		last = int64(v)
	}
	return out
}

// readDeltas reads what count counts, and returns what stands behind it.
func readDeltas[T int32 | int64](in []byte, counted int) ([]T, []byte, error) {
	if counted == 0 {
		return nil, in, nil
	}
	n := counted - 1
	if n < 0 || n > len(in) { // each takes a byte at least
		return nil, nil, errHeader
	}
	out, last := make([]T, n), int64(0)
	for i := range out {
		d, w := binary.Varint(in)
		if w <= 0 {
			return nil, nil, errHeader
		}
		last += d
		out[i], in = T(last), in[w:]
	}
	return out, in, nil
}

// slice is the header of rows from up to to of a frame that is sent in pieces.
func slice(h *rdd.Header, from, to int) rdd.Header {
	out := *h
	if h.Raw != nil {
		out.Raw = h.Raw[from:to]
	}
	if from > 0 {
		out.Pruned, out.Bad = 0, nil
	}
	o := &out.Origin
	if o.Source < 0 {
		return out
	}
	if o.Rows != nil {
		o.Rows = o.Rows[from:to]
	} else {
		o.First += int64(from)
	}
	if o.Child != nil {
		o.Child = o.Child[from:to]
	}
	return out
}
