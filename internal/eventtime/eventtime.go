// Package eventtime decides how far event time has come: pure watermark logic
// without clock, goroutine or I/O.
//
// A [Tracker] knows, for every partition of every source, the largest event
// time read and a floor under what has been cut but not yet read. The
// watermark is the minimum over the partitions that are neither idle nor at
// their end, and it never goes back.
//
// Duties of the caller, for each batch in turn:
//
//  1. Cut, with the splits that the batch will read;
//  2. Advance, for the watermark at the end of the batch;
//  3. some batches later, when the receipts are in: Seen for every partition
//     time, then Read with the partitions of the same splits as in 1.
//
// Which batches are behind it when a batch is planned is up to the caller; a
// caller that makes that a function of batch numbers gets watermarks that do
// not depend on timing.
//
// # What holds the watermark
//
// A partition holds it at the smaller of the largest event time read of it and
// the smallest time that its unread splits are known to hold. Where a source
// cuts its splits in order of their smallest time and knows these, nothing it
// will ever read lies before the watermark, so nothing is late that is not so
// by its own partition's order.
//
// A partition of which nothing is known holds everything back until some
// partition has been read, and nothing after that: a partition that appears
// late must not stop the clock of the others. With no partition left to ask,
// because all that are known have ended or are idle, the watermark stays: the
// next partition may begin at any time.
package eventtime

import (
	"cmp"
	"math"
	"slices"

	"github.com/idag/idag/rdd"
)

// None is the watermark before anything is known.
const None = math.MinInt64

// Part names one partition of one source. The zero value is partition 0 of
// source 0.
type Part struct {
	Source    int   `json:"source"`
	Partition int32 `json:"partition"`
}

// Tracker holds what is known of event time. The zero value is ready for use.
// It is not safe for concurrent use.
type Tracker struct {
	parts map[Part]*part
	ended map[int]bool // sources that have nothing more to cut
	begun bool         // some event time has been seen
	mark  int64
	moved bool // mark is valid
}

// part is a partition that has not ended.
type part struct {
	max    int64 // largest event time read, or None
	unread []floor
	idle   bool
}

// floor is what is known of a split that has been cut and not read.
type floor struct {
	min   int64
	known bool
	last  bool
}

// Cut notes splits that will be read. Splits of one partition come in sequence.
func (t *Tracker) Cut(splits []rdd.Split) {
	for i := range splits {
		s := &splits[i]
		p := t.part(Part{s.Source, s.Partition})
		p.unread = append(p.unread, floor{min: s.Times.Min, known: s.Times.Known, last: s.Last})
		p.idle = false
	}
}

// Seen notes the largest event time, in microseconds since the epoch, that was
// read of a partition. It is to be called before Read says that the splits it
// came from are read.
func (t *Tracker) Seen(of Part, largest int64) {
	p := t.part(of)
	p.max = max(p.max, largest)
	t.begun = true
}

// Read notes that splits given to Cut, in the same order, have been read: they
// no longer hold the watermark. It is given the partition of each. A partition whose
// last split is read has ended.
func (t *Tracker) Read(splits []Part) {
	for _, key := range splits {
		p := t.parts[key]
		if p == nil || len(p.unread) == 0 {
			continue
		}
		last := p.unread[0].last
		p.unread = p.unread[1:]
		if last || (len(p.unread) == 0 && t.ended[key.Source]) {
			delete(t.parts, key)
		}
	}
}

// End says that a source has nothing more to cut: its partitions end when the
// splits cut so far are read, whether or not the source marked their last ones.
func (t *Tracker) End(source int) {
	if t.ended == nil {
		t.ended = map[int]bool{}
	}
	t.ended[source] = true
	for key, p := range t.parts {
		if key.Source == source && len(p.unread) == 0 {
			delete(t.parts, key)
		}
	}
}

// Idle says that exactly these partitions have nothing to read for now: they
// do not hold the watermark until they are cut again. A partition that has
// ended or has unread splits is not idle. Idle returns those that are.
func (t *Tracker) Idle(parts []Part) []Part {
	for _, p := range t.parts {
		p.idle = false
	}
	var out []Part
	for _, key := range parts {
		if p := t.parts[key]; p != nil && len(p.unread) == 0 {
			p.idle = true
			out = append(out, key)
		}
	}
	return out
}

// Parts returns the partitions of a source that are known and have not ended,
// in order.
func (t *Tracker) Parts(source int) []Part {
	var out []Part
	for key := range t.parts {
		if key.Source == source {
			out = append(out, key)
		}
	}
	slices.SortFunc(out, func(a, b Part) int { return cmp.Compare(a.Partition, b.Partition) })
	return out
}

// Advance moves the watermark as far as is now known and returns it, in
// microseconds since the epoch; None before anything is known.
func (t *Tracker) Advance() int64 {
	if low := t.low(); low > t.Watermark() {
		t.mark, t.moved = low, true
	}
	return t.Watermark()
}

// Watermark returns the watermark of the last Advance.
func (t *Tracker) Watermark() int64 {
	if !t.moved {
		return None
	}
	return t.mark
}

// Clone returns an independent copy, for asking what would be.
func (t *Tracker) Clone() *Tracker {
	c := *t
	c.parts = make(map[Part]*part, len(t.parts))
	for key, p := range t.parts {
		q := *p
		q.unread = slices.Clone(p.unread)
		c.parts[key] = &q
	}
	c.ended = make(map[int]bool, len(t.ended))
	for s := range t.ended {
		c.ended[s] = true
	}
	return &c
}

// low returns the minimum over the partitions that hold the watermark, or None
// where it must not move.
func (t *Tracker) low() int64 {
	low, held := int64(math.MaxInt64), false
	for _, p := range t.parts {
		if p.idle {
			continue
		}
		bound, known := p.bound()
		switch {
		case known:
			low, held = min(low, bound), true
		case !t.begun:
			return None
		}
	}
	if !held {
		return None
	}
	return low
}

// bound returns the time before which nothing more of p is expected.
func (p *part) bound() (int64, bool) {
	bound, known := p.max, p.max != None
	for _, f := range p.unread {
		if f.known && (!known || f.min < bound) {
			bound, known = f.min, true
		}
	}
	return bound, known
}

func (t *Tracker) part(key Part) *part {
	p := t.parts[key]
	if p == nil {
		if t.parts == nil {
			t.parts = map[Part]*part{}
		}
		p = &part{max: None}
		t.parts[key] = p
	}
	return p
}
