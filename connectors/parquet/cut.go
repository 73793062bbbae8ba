package parquet

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// unitRows is the size above which a row group is read in several splits.
const unitRows = 1 << 20

// unit is what one split holds: a row group, or some rows of a large one.
type unit struct {
	file, group int
	from        int64 // row of the group
	first       int64 // row of the file
	rows, bytes int64
	lo, hi      int64
	timed, last bool
}

// units cuts the files into units, in the order in which they are replayed: by
// the earliest event time, where the statistics of all row groups give it, so
// that files that cover the same time advance side by side; otherwise file by
// file. Within a file they always stand in sequence.
func (d *dataset) units() []unit {
	lists := make([][]unit, len(d.files))
	total, timed := 0, true
	for i := range d.files {
		lists[i] = d.files[i].units(i)
		total += len(lists[i])
		for _, u := range lists[i] {
			timed = timed && u.timed
		}
	}
	out := make([]unit, 0, total)
	if !timed {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	h := &heads{}
	for _, l := range lists {
		if len(l) > 0 {
			*h = append(*h, l)
		}
	}
	heap.Init(h)
	for h.Len() > 0 {
		l := (*h)[0]
		out = append(out, l[0])
		if len(l) > 1 {
			(*h)[0] = l[1:]
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
	}
	return out
}

// units of one file. Empty row groups have none.
func (m *member) units(file int) []unit {
	var out []unit
	first := int64(0)
	for g, e := range m.groups {
		parts := (e.rows + unitRows - 1) / unitRows
		for p := range parts {
			from, to := e.rows*p/parts, e.rows*(p+1)/parts
			out = append(out, unit{
				file: file, group: g, from: from, first: first + from, rows: to - from,
				bytes: int64(float64(e.bytes) * float64(to-from) / float64(e.rows)),
				lo:    e.lo, hi: e.hi, timed: e.timed,
			})
		}
		first += e.rows
	}
	if len(out) > 0 {
		out[len(out)-1].last = true
	}
	return out
}

// heads is a heap of lists by their first unit.
type heads [][]unit

func (h heads) Len() int { return len(h) }
func (h heads) Less(i, j int) bool {
	a, b := &h[i][0], &h[j][0]
	return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.file, b.file)) < 0
}
func (h heads) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push and Pop make heads a heap.
func (h *heads) Push(x any) { *h = append(*h, x.([]unit)) }

// Pop removes the last list.
func (h *heads) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// position is an offset: how many units were cut, of which data set.
type position struct {
	At int    `json:"at"`
	Of string `json:"of"` // fingerprint of the files
}

// place is the payload of a split. It is all that Read needs: a reader of
// splits never lists directories.
type place struct {
	Path  string     `json:"path"`
	Sum   string     `json:"sum"` // of the footer
	Group int        `json:"group"`
	From  int64      `json:"from,omitempty"` // row of the group
	Fixed []constant `json:"fixed,omitempty"`
}

// Cut implements connectors.Source.
func (s *source) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	d, units, err := s.planned(ctx)
	if err != nil {
		return nil, from, err
	}
	pos := position{Of: fmt.Sprintf("%016x", d.sum)}
	if from != "" {
		if pos, err = parsePosition(from, pos.Of, len(units)); err != nil {
			return nil, from, err
		}
	}
	var splits []rdd.Split
	var rows, bytes int64
	for ; pos.At < len(units); pos.At++ {
		u := &units[pos.At]
		full := wish.Rows > 0 && rows+u.rows > wish.Rows || wish.Bytes > 0 && bytes+u.bytes > wish.Bytes
		if full && len(splits) > 0 {
			break
		}
		split, err := d.split(u)
		if err != nil {
			return nil, from, err
		}
		splits = append(splits, split)
		rows += u.rows
		bytes += u.bytes
	}
	next, err := json.Marshal(pos)
	if err == nil && pos.At == len(units) {
		err = io.EOF
	}
	return splits, rdd.Offset(next), err
}

func parsePosition(from rdd.Offset, of string, units int) (position, error) {
	var pos position
	if err := json.Unmarshal([]byte(from), &pos); err != nil || pos.At < 0 {
		return pos, fault.New(fault.Invalid, "parquet: %q is not an offset of this source", from)
	}
	if pos.Of != of || pos.At > units {
		return pos, fault.New(fault.Invalid,
			"parquet: the files have changed since the job began to read them (files were added, removed or rewritten)")
	}
	return pos, nil
}

func (d *dataset) split(u *unit) (rdd.Split, error) {
	m := &d.files[u.file]
	payload, err := json.Marshal(place{
		Path: m.Path, Sum: fmt.Sprintf("%016x", m.sum), Group: u.group, From: u.from, Fixed: d.constants(m),
	})
	split := rdd.Split{
		Partition: int32(u.file),
		Name:      m.Path,
		First:     u.first,
		Rows:      u.rows,
		Bytes:     u.bytes,
		Times:     rdd.TimeRange{Known: u.timed, Min: u.lo, Max: u.hi},
		Last:      u.last,
		Done:      m.groups[u.group].done,
		Payload:   payload,
	}
	if m.label != "" {
		split.Labels = map[string]int64{m.label: u.rows}
	}
	return split, err
}
