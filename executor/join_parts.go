package executor

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// fan is how many parts a heap is divided into by the hash of its keys, at each
// level, and levels how often. Partners are always in the same part.
const (
	fan    = 16
	levels = 4
)

// partOf is the part of a hash at a level. Each level looks at all of the hash anew:
// its high bits are alike within a key group, its low ones choose the slot in a table.
func partOf(hash uint64, level int) int {
	hi, lo := bits.Mul64(hash^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93+2*uint64(level))
	return int((hi ^ lo) >> 60)
}

// scatter lists the rows of each part, and behind those of the parts those of each hot key.
func scatter(hashes []uint64, level int, hot *hotSet) [][]int32 {
	out := make([][]int32, fan+len(hot.list))
	for i, hash := range hashes {
		p := partOf(hash, level)
		if at := hot.find(hash); at >= 0 {
			p = fan + at
		}
		out[p] = append(out[p], int32(i))
	}
	return out
}

// shrink writes rows to disk if the executor has more of them in memory than it has
// room for: the largest parts, until this state holds half as much as it may. The rows
// of a hot key are a part of their own.
func (s *joinState) shrink() error {
	over := s.room.used.Load() - s.room.limit
	if over <= 0 || s.used == 0 {
		return nil
	}
	defer s.account()
	hot := s.hot.over(s.tableRows([2]*heap{&s.base[left], &s.base[right]}))
	e := eviction{hot: hot, goes: make([]bool, fan+len(hot.list))}
	sizes := make([]int64, len(e.goes))
	for side := range s.base {
		for i := range s.base[side].list {
			h := &s.base[side].list[i]
			rows := scatter(s.hashes(side, h.cols), 0, &hot)
			for p, r := range rows {
				sizes[p] += h.bytes * int64(len(r)) / int64(max(h.rows, 1))
			}
			e.lists[side] = append(e.lists[side], rows)
		}
	}
	order := make([]int, len(sizes))
	for p := range order {
		order[p] = p
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	for need := max(over, s.room.limit/2); need > 0 && len(order) > 0; order = order[1:] {
		e.goes[order[0]] = true
		need -= sizes[order[0]]
	}
	return s.evict(&e)
}

// eviction is which rows of base are written to disk.
type eviction struct {
	hot   hotSet
	lists [2][][][]int32 // by side, batch and part
	goes  []bool         // by part
}

// lot is what the rows of a part have in common.
func (e *eviction) lot(part int) lot {
	if part < fan {
		return lot{part: part}
	}
	hash := e.hot.list[part-fan]
	return lot{part: partOf(hash, 0), one: true, hash: hash}
}

func (s *joinState) evict(e *eviction) error {
	f, err := s.room.newFile()
	if err != nil {
		return err
	}
	defer f.release()
	for side := range s.base {
		var out heap
		for _, d := range s.base[side].disk {
			out.refer(d)
		}
		err := s.evictSide(side, f, &out, e)
		if err != nil {
			out.release()
			return err
		}
		s.base[side].release()
		s.base[side] = out
	}
	return nil
}

func (s *joinState) evictSide(side int, f *spillFile, out *heap, e *eviction) error {
	for p, goes := range e.goes {
		var part heap
		for i := range s.base[side].list {
			if rows := e.lists[side][i][p]; goes && len(rows) > 0 {
				if err := part.add(s.mem, s.base[side].list[i].take(s.mem, rows)); err != nil {
					part.release()
					return err
				}
			}
		}
		err := s.noteAll(side, &part)
		if err == nil {
			err = s.room.spillHeap(s.mem, f, &part, e.lot(p))
		}
		for _, d := range part.disk {
			out.refer(d)
		}
		part.release()
		if err != nil {
			return err
		}
	}
	for i := range s.base[side].list {
		var rest []int32
		for p, rows := range e.lists[side][i] {
			if !e.goes[p] {
				rest = append(rest, rows...)
			}
		}
		if len(rest) > 0 {
			slices.Sort(rest)
			if err := out.add(s.mem, s.base[side].list[i].take(s.mem, rest)); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteAll counts the rows of a heap that are in memory by their keys.
func (s *joinState) noteAll(side int, p *heap) error {
	for _, h := range p.list {
		if err := s.hot.note(side, s.hashes(side, h.cols)); err != nil {
			return err
		}
	}
	return nil
}

// parts divides both sides of what leaves by the hash of their keys; behind the parts
// come the rows of each hot key. What memory has no room for is on disk then. The
// caller releases the parts. At the top level, where rows on disk are in parts already,
// no key is hot, and the others are counted.
func (m *match) parts(ctx context.Context, sides [2]*heap, level int, hot *hotSet) ([][2]heap, error) {
	out := make([][2]heap, fan+len(hot.list))
	s, inMemory := m.state, int64(0)
	put := func(side int, h *held) error {
		hashes := s.hashes(side, h.cols)
		if level == 0 {
			if err := m.seen.note(side, hashes); err != nil {
				return err
			}
		}
		for p, rows := range scatter(hashes, level, hot) {
			if len(rows) == 0 {
				continue
			}
			part := h.take(s.mem, rows)
			inMemory += part.bytes
			if err := out[p][side].add(s.mem, part); err != nil {
				return err
			}
		}
		if inMemory <= m.fits {
			return nil
		}
		inMemory = 0
		return s.room.spillAll(s.mem, out)
	}
	for side, from := range sides {
		whole := heap{list: from.list}
		for _, d := range from.disk {
			switch {
			case level == 0:
				out[d.part][side].refer(d)
			case d.one:
				out[fan+hot.find(d.hash)][side].refer(d)
			default:
				whole.disk = append(whole.disk, d)
			}
		}
		if err := s.each(ctx, side, &whole, func(h *held) error { return put(side, h) }); err != nil {
			releaseParts(out)
			return nil, err
		}
	}
	return out, nil
}

func releaseParts(parts [][2]heap) {
	for p := range parts {
		for side := range parts[p] {
			parts[p][side].release()
		}
	}
}

// spillAll writes the rows of parts that are in memory to one file.
func (r *room) spillAll(mem memory.Allocator, parts [][2]heap) error {
	f, err := r.newFile()
	if err != nil {
		return err
	}
	defer f.release()
	for p := range parts {
		for side := range parts[p] {
			if err := r.spillHeap(mem, f, &parts[p][side], lot{part: p, sorted: true}); err != nil {
				return err
			}
		}
	}
	return nil
}
