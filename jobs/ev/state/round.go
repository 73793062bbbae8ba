package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
)

// Round is what came in of a round's window: submissions one by one, or, of many, sums
// of them.
type Round struct {
	How    string // the options, as text
	Due    int64  // until then submissions are on time; microseconds
	Silent int64  // nodes with rows that sent nothing
	List   []Submission
	Sums   []Sum  // of those on time, by the hash of their node; nil if they are in List
	Rows   []byte // that the centre has to train on
}

// Sum is submissions summed as they came. A node that is in it twice cannot be taken
// out again, so such a sum is refused as a whole.
type Sum struct {
	Nodes         []string // one a submission
	Least, Most   int64    // the rounds that they are for
	Samples       int64
	Staleness     int64
	Stalest       int64
	Bytes         int64 // sent, refused ones too
	Refused       map[fed.Reason]int64
	Tally         *fed.Tally     // of parameters, or nil
	Moments       *learn.Moments // or nil
	sortedThrough int
}

// roundVersion is the first byte of rounds.
const roundVersion = 1

// Append appends bytes that are equal for equal submissions, in whatever order they
// came. It sorts what is in r.
func (r *Round) Append(b []byte) ([]byte, error) {
	b = appendBytes(append(b, roundVersion), r.How)
	b = binary.AppendVarint(b, r.Due)
	b = binary.AppendVarint(b, r.Silent)
	b = appendBytes(b, r.Rows)
	Sort(r.List)
	b = appendList(b, r.List)
	b = binary.AppendUvarint(b, uint64(len(r.Sums)))
	for i := range r.Sums {
		var err error
		if b, err = r.Sums[i].append(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Sort brings submissions into the order in which they arrived; of equal times by all
// that they hold.
func Sort(list []Submission) {
	slices.SortFunc(list, func(a, b Submission) int {
		return cmp.Or(cmp.Compare(a.Arrives, b.Arrives), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Round, b.Round), cmp.Compare(a.Newest, b.Newest), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Samples, b.Samples), cmp.Compare(a.Accuracy, b.Accuracy), bytes.Compare(a.Params, b.Params), bytes.Compare(a.Moments, b.Moments))
	})
}

func (s *Sum) append(b []byte) ([]byte, error) {
	if s.sortedThrough < len(s.Nodes) {
		slices.Sort(s.Nodes)
		s.sortedThrough = len(s.Nodes)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Nodes)))
	for _, n := range s.Nodes {
		b = appendBytes(b, n)
	}
	for _, v := range []int64{s.Least, s.Most, s.Samples, s.Staleness, s.Stalest, s.Bytes} {
		b = binary.AppendVarint(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Refused)))
	for _, why := range slices.Sorted(maps.Keys(s.Refused)) {
		b = binary.AppendVarint(appendBytes(b, string(why)), s.Refused[why])
	}
	var tally, moments []byte
	var err error
	if s.Tally != nil {
		if tally, err = s.Tally.AppendBinary(nil); err != nil {
			return nil, err
		}
	}
	if s.Moments != nil {
		if moments, err = s.Moments.AppendBinary(nil); err != nil {
			return nil, err
		}
	}
	return appendBytes(appendBytes(b, tally), moments), nil
}

// DecodeRound reads what Append wrote. Bytes in it are shared with b.
func DecodeRound(b []byte) (*Round, error) {
	if len(b) == 0 || b[0] != roundVersion {
		return nil, fault.New(fault.Invalid, "%d bytes are no round's submissions", len(b))
	}
	rd := &reader{b: b[1:], what: "a round's submissions"}
	r := &Round{How: string(rd.bytes()), Due: rd.varint(), Silent: rd.varint(), Rows: rd.bytes(), List: rd.list()}
	for range rd.count(10) {
		r.Sums = append(r.Sums, rd.sum())
	}
	if err := rd.end(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reader) sum() Sum {
	var s Sum
	for range r.count(1) {
		s.Nodes = append(s.Nodes, string(r.bytes()))
	}
	if !slices.IsSorted(s.Nodes) {
		r.fail("nodes are out of order")
	}
	s.sortedThrough = len(s.Nodes)
	s.Least, s.Most, s.Samples, s.Staleness, s.Stalest, s.Bytes = r.varint(), r.varint(), r.varint(), r.varint(), r.varint(), r.varint()
	for range r.count(2) {
		if s.Refused == nil {
			s.Refused = map[fed.Reason]int64{}
		}
		s.Refused[fed.Reason(r.bytes())] += r.varint()
	}
	if b := r.bytes(); len(b) > 0 {
		s.Tally = new(fed.Tally)
		if err := s.Tally.UnmarshalBinary(b); err != nil {
			r.fail("%w", err)
		}
	}
	if b := r.bytes(); len(b) > 0 {
		s.Moments = new(learn.Moments)
		if err := s.Moments.UnmarshalBinary(b); err != nil {
			r.fail("%w", err)
		}
	}
	return s
}

// Refuse counts a submission that was refused.
func (s *Sum) Refuse(why fed.Reason) {
	if s.Refused == nil {
		s.Refused = map[fed.Reason]int64{}
	}
	s.Refused[why]++
}

// Merge adds the submissions of another.
func (s *Sum) Merge(o *Sum) error {
	switch {
	case s.count() == 0:
		s.Least, s.Most = o.Least, o.Most
	case o.count() > 0:
		s.Least, s.Most = min(s.Least, o.Least), max(s.Most, o.Most)
	}
	s.Nodes = append(s.Nodes, o.Nodes...)
	s.sortedThrough = 0
	s.Samples += o.Samples
	s.Staleness += o.Staleness
	s.Stalest = max(s.Stalest, o.Stalest)
	s.Bytes += o.Bytes
	for why, n := range o.Refused {
		s.Refuse(why)
		s.Refused[why] += n - 1
	}
	switch {
	case o.Tally == nil:
	case s.Tally == nil:
		s.Tally = o.Tally
	default:
		if err := s.Tally.Merge(o.Tally); err != nil {
			return err
		}
	}
	switch {
	case o.Moments == nil:
	case s.Moments == nil:
		s.Moments = o.Moments
	default:
		return s.Moments.Merge(o.Moments)
	}
	return nil
}

func (s *Sum) count() int { return len(s.Nodes) }

// Twice returns a node that is in the sum more than once, or "".
func (s *Sum) Twice() string {
	slices.Sort(s.Nodes)
	s.sortedThrough = len(s.Nodes)
	for i := 1; i < len(s.Nodes); i++ {
		if s.Nodes[i] == s.Nodes[i-1] {
			return s.Nodes[i]
		}
	}
	return ""
}
