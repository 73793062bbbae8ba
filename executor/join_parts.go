package executor

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/kernel"
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

// scatter lists the rows of each part.
func (s *joinState) scatter(side int, h *held, level int) [fan][]int32 {
	keys := make([]arrow.Array, 0, len(s.join.Sides[side].Keys))
	for _, k := range s.join.Sides[side].Keys {
		keys = append(keys, h.cols[k])
	}
	var out [fan][]int32
	for i, hash := range kernel.HashRows(keys, nil) {
		p := partOf(hash, level)
		out[p] = append(out[p], int32(i))
	}
	return out
}

// shrink writes rows to disk if the executor has more of them in memory than it has
// room for: the largest parts, until this state holds half as much as it may.
func (s *joinState) shrink() error {
	over := s.room.used.Load() - s.room.limit
	if over <= 0 || s.used == 0 {
		return nil
	}
	defer s.account()
	var lists [2][][fan][]int32
	var sizes [fan]int64
	for side := range s.base {
		for i := range s.base[side].list {
			h := &s.base[side].list[i]
			rows := s.scatter(side, h, 0)
			for p, r := range rows {
				sizes[p] += h.bytes * int64(len(r)) / int64(max(h.rows, 1))
			}
			lists[side] = append(lists[side], rows)
		}
	}
	order := make([]int, fan)
	for p := range order {
		order[p] = p
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	goes := [fan]bool{}
	for need := max(over, s.room.limit/2); need > 0 && len(order) > 0; order = order[1:] {
		goes[order[0]] = true
		need -= sizes[order[0]]
	}
	return s.evict(lists, goes)
}

// evict writes parts of base to disk.
func (s *joinState) evict(lists [2][][fan][]int32, goes [fan]bool) error {
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
		err := s.evictSide(side, f, &out, lists[side], goes)
		if err != nil {
			out.release()
			return err
		}
		s.base[side].release()
		s.base[side] = out
	}
	return nil
}

func (s *joinState) evictSide(side int, f *spillFile, out *heap, lists [][fan][]int32, goes [fan]bool) error {
	for p := range goes {
		var part heap
		for i := range s.base[side].list {
			if rows := lists[i][p]; goes[p] && len(rows) > 0 {
				if err := part.add(s.mem, s.base[side].list[i].take(s.mem, rows)); err != nil {
					part.release()
					return err
				}
			}
		}
		err := s.room.spillHeap(s.mem, f, &part, p, false)
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
		for p, rows := range lists[i] {
			if !goes[p] {
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

// parts divides both sides of what leaves by the hash of their keys. What memory has
// no room for is on disk then. The caller releases the parts.
func (s *joinState) parts(ctx context.Context, sides [2]*heap, level int, fits int64) (*[fan][2]heap, error) {
	out := new([fan][2]heap)
	var inMemory int64
	put := func(side int, h *held) error {
		for p, rows := range s.scatter(side, h, level) {
			if len(rows) == 0 {
				continue
			}
			part := h.take(s.mem, rows)
			inMemory += part.bytes
			if err := out[p][side].add(s.mem, part); err != nil {
				return err
			}
		}
		if inMemory <= fits {
			return nil
		}
		inMemory = 0
		return s.room.spillAll(s.mem, out)
	}
	for side, from := range sides {
		whole := heap{list: from.list}
		for _, d := range from.disk {
			if level == 0 {
				out[d.part][side].refer(d)
			} else {
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

func releaseParts(parts *[fan][2]heap) {
	for p := range parts {
		for side := range parts[p] {
			parts[p][side].release()
		}
	}
}

// spillAll writes the rows of parts that are in memory to one file.
func (r *room) spillAll(mem memory.Allocator, parts *[fan][2]heap) error {
	f, err := r.newFile()
	if err != nil {
		return err
	}
	defer f.release()
	for p := range parts {
		for side := range parts[p] {
			if err := r.spillHeap(mem, f, &parts[p][side], p, true); err != nil {
				return err
			}
		}
	}
	return nil
}
