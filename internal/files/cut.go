package files

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/zeebo/xxh3"
)

// Sizes of splits in bytes. A batch has splitsInBatch of them if it can, so
// that there are some for every core; the number does not depend on that of the
// cores, or the same input would have other batches on another machine.
const (
	maxSplit      = 16 << 20
	minSplit      = 256 << 10
	splitsInBatch = 16

	usualWidth = 128 // bytes of a row where no file could be asked
)

// position is an offset: how far the files have been cut, in order.
type position struct {
	File int    `json:"file"`         // the next one to cut
	At   int64  `json:"at,omitempty"` // its first byte that has not been cut
	Of   string `json:"of"`           // fingerprint of the files before it
}

// place is the payload of a split. It is all that Read needs besides the
// schema: a reader of splits never lists directories.
type place struct {
	Path string `json:"path"`
	From int64  `json:"from,omitempty"` // rows that begin in this range
	To   int64  `json:"to"`
	stamp
	Pack  packing    `json:"pack,omitempty"`
	Fixed []constant `json:"fixed,omitempty"`
}

// Cut slices what lies after from: files in the order of their paths, large ones
// at about the size that was wished for. It reads no rows.
func (s *Source) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	d, err := s.planned(ctx)
	if err != nil {
		return nil, from, err
	}
	s.cuts.Lock() // the list of files that are followed grows here
	defer s.cuts.Unlock()
	if s.follow != nil {
		if err := s.advance(ctx, d); err != nil {
			return nil, from, err
		}
	}
	pos, err := d.parse(from, s.name)
	if err != nil {
		return nil, from, err
	}
	want := d.bytes(wish)
	size := splitSize(want)
	var splits []rdd.Split
	for got := int64(0); pos.File < len(d.files) && (got == 0 || got < want); {
		m := &d.files[pos.File]
		if err := s.look(ctx, m); err != nil {
			return nil, from, err
		}
		to := m.Size
		pos.At = max(pos.At, m.from)
		if s.format.Lines() && m.pack == plain && m.Size-pos.At > size+size/4 {
			to = pos.At + size
		}
		if to > pos.At {
			split, err := d.split(pos.File, pos.At, to)
			if err != nil {
				return nil, from, err
			}
			splits = append(splits, split)
			got += split.Bytes
		}
		if pos.At = to; to == m.Size {
			pos.File, pos.At = pos.File+1, 0
		}
	}
	pos.Of = d.fingerprint(pos)
	next, err := json.Marshal(pos)
	if err == nil && pos.File == len(d.files) && s.follow == nil {
		err = io.EOF
	}
	return splits, rdd.Offset(next), err
}

// look finds out how a file is packed, once.
func (s *Source) look(ctx context.Context, m *member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.look(ctx, &s.places)
}

// bytes is how much a wish means.
func (d *dataset) bytes(wish rdd.Size) int64 {
	want, width := wish.Bytes, d.width
	if width == 0 {
		width = usualWidth
	}
	if rows := int64(float64(wish.Rows) * width); rows > 0 && (want == 0 || rows < want) {
		want = rows
	}
	if want <= 0 {
		return 1 << 62
	}
	return want
}

func splitSize(want int64) int64 {
	return min(max(want/splitsInBatch, minSplit), maxSplit, max(want, 1))
}

// split makes the split of a file's rows that begin between two offsets.
func (d *dataset) split(file int, from, to int64) (rdd.Split, error) {
	m := &d.files[file]
	payload, err := json.Marshal(place{
		Path: m.Path, From: from, To: to, stamp: m.stamp, Pack: m.pack, Fixed: constants(m.Found, d.keys),
	})
	return rdd.Split{
		Partition: int32(file),
		Name:      m.Path,
		First:     from,
		Rows:      -1,
		Bytes:     to - from,
		Last:      to == m.Size,
		Payload:   payload,
	}, err
}

// parse reads an offset. Files that have been cut must be what they were, as a
// file's place in the list is its partition; those that follow may be others.
func (d *dataset) parse(from rdd.Offset, name string) (position, error) {
	pos := position{}
	if from == "" {
		return pos, nil
	}
	if err := json.Unmarshal([]byte(from), &pos); err != nil || pos.File < 0 || pos.At < 0 {
		return pos, fault.New(fault.Invalid, "%s: %q is not an offset of this source", name, from)
	}
	within := pos.File <= len(d.files) && (pos.At == 0 || pos.File < len(d.files) && pos.At <= d.files[pos.File].Size)
	if !within || pos.Of != d.fingerprint(pos) {
		return pos, fault.New(fault.Invalid,
			"%s: the files that the job has read have changed since (files were added before them, removed or rewritten)", name)
	}
	return pos, nil
}

// fingerprint of the files before a position and, within a file, of its path.
func (d *dataset) fingerprint(pos position) string {
	sum := d.sums[pos.File]
	if pos.At > 0 {
		sum = chain(sum, d.files[pos.File].Path, stamp{})
	}
	return fmt.Sprintf("%016x", sum)
}

// fingerprints returns, for each number of files, what tells the first so many
// from others.
func fingerprints(list []member) []uint64 {
	out := make([]uint64, len(list)+1)
	for i := range list {
		out[i+1] = chain(out[i], list[i].Path, list[i].stamp)
	}
	return out
}

func chain(sum uint64, path string, s stamp) uint64 {
	return xxh3.HashString(fmt.Sprintf("%x %q %d %d", sum, path, s.Size, s.at()))
}
