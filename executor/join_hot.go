package executor

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/sketch"
)

// hotKeys counts how many rows of the two sides have a key, about: of rows that memory
// had no room for, and so on the way to disk or in a join that goes there. A key that
// has more rows than a table may be made of cannot be divided by its hash; it is put
// aside, so that the rest of its part can, and joined piece by piece. That costs or saves
// time: whatever is counted, the rows are the same.
type hotKeys struct {
	sides [2]*sketch.Heavy
	place uint64
}

// What hotKeys finds: keys of at least so large a share of the rows, with a count that
// is too large by half of that at the most, and how often not; so many at a time.
const (
	hotShare = 1.0 / 128
	hotError = hotShare / 2
	hotDelta = 0.01
	hotMost  = 64
)

// note counts rows by the hashes of their keys.
func (k *hotKeys) note(side int, hashes []uint64) error {
	if k.sides[side] == nil {
		var err error
		if k.sides[side], err = sketch.NewHeavy(hotShare, hotError, hotDelta, 0); err != nil {
			return err
		}
	}
	for _, h := range hashes {
		k.place++
		k.sides[side].Add(h, k.place)
	}
	return nil
}

// copy returns hotKeys that goes on counting by itself.
func (k *hotKeys) copy() (hotKeys, error) {
	out := hotKeys{place: k.place}
	for side, h := range k.sides {
		if h == nil {
			continue
		}
		out.sides[side] = h.Fresh()
		if err := out.sides[side].Merge(h); err != nil {
			return out, err
		}
	}
	return out, nil
}

// rows is how many rows were counted.
func (k *hotKeys) rows() int {
	n := 0
	for _, h := range k.sides {
		if h != nil {
			n += int(h.Total())
		}
	}
	return n
}

// over returns the keys that more rows have than one side's limit says.
func (k *hotKeys) over(limits [2]uint64) hotSet {
	var out hotSet
	for side, h := range k.sides {
		if h == nil {
			continue
		}
		for _, item := range h.Items() {
			if item.Count <= limits[side] || len(out.list) == hotMost {
				break // they come by descending count
			}
			out.put(item.Key)
		}
	}
	return out
}

// hotSet is a few hashes.
type hotSet struct {
	filter [4]uint64 // by the lowest 8 bits of the hashes
	list   []uint64
}

func (s *hotSet) put(hash uint64) {
	if s.find(hash) < 0 {
		s.filter[hash>>6&3] |= 1 << (hash & 63)
		s.list = append(s.list, hash)
	}
}

// find returns the place of a hash in the set, or -1.
func (s *hotSet) find(hash uint64) int {
	if s.filter[hash>>6&3]>>(hash&63)&1 == 0 {
		return -1
	}
	return slices.Index(s.list, hash)
}

// hashes returns the hashes of the keys of rows.
func (s *joinState) hashes(side int, cols []arrow.Array) []uint64 {
	keys := make([]arrow.Array, 0, len(s.join.Sides[side].Keys))
	for _, k := range s.join.Sides[side].Keys {
		keys = append(keys, cols[k])
	}
	return kernel.HashRows(keys, nil)
}

// hot returns the keys that have more rows in two heaps than half a table may be made
// of, and those that were put aside on the way to disk.
func (m *match) hot(sides [2]*heap) hotSet {
	out := m.seen.over(m.state.tableRows(sides))
	for _, p := range sides {
		for _, d := range p.disk {
			if d.one {
				out.put(d.hash)
			}
		}
	}
	return out
}

// tableRows is how many rows of each of two heaps half a table may be made of.
func (s *joinState) tableRows(sides [2]*heap) (rows [2]uint64) {
	for side, p := range sides {
		rows[side] = uint64(s.room.fits() / 2 * int64(max(1, p.rows())) / max(1, p.cost()))
	}
	return rows
}

// fits is how many bytes of rows a table may be made of.
func (r *room) fits() int64 { return min(r.limit/4, maxTable) }

// cost is how many bytes the rows take with a table of them.
func (p *heap) cost() int64 { return p.bytes + tableBytes*int64(p.rows()) }
