package server

import (
	"errors"
	"hash/fnv"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/state"
)

// sums is among how many sums the submissions of a large round are spread: a node that
// submits twice spoils one of them.
const sums = 16

// Submissions gathers the submissions of a round. Up to How.Keep of them are kept one
// by one. Of more, where models are aggregated by a mean, those on time are added up
// without rounding and forgotten, so a round of a hundred thousand takes a few
// megabytes. What it writes is a function of the set of submissions; it implements
// fn.State. Rows are given as [Row] says.
type Submissions struct {
	r      state.Round
	h      how.How
	onTime int
	params []float64
}

// Row is the columns of a submission, in the order of the aggregate's arguments. Node
// is null in rows that only bring Rows for the centre. Bytes and text are lent.
type Row struct {
	How                             string
	Node                            string
	Round, Newest, Version, Samples int64
	Accuracy                        float64
	Params, Moments                 []byte // lent
	Arrives, End                    int64
	Rows                            []byte // lent
	HasNode                         bool
}

// Add takes in a row.
func (s *Submissions) Add(row Row) error {
	if len(row.Rows) > 0 {
		// One row of a window has them; were there several, the larger would count.
		if string(row.Rows) > string(s.r.Rows) {
			s.r.Rows = append([]byte(nil), row.Rows...)
		}
	}
	if !row.HasNode {
		return nil
	}
	if err := s.options(row.How, row.End); err != nil {
		return err
	}
	if len(row.Params) == 0 && len(row.Moments) == 0 {
		s.r.Silent++
		return nil
	}
	if !(math.Abs(row.Accuracy) <= 1) {
		row.Accuracy = -1 // no accuracy, in whatever way: refused
	}
	sub := state.Submission{
		Node: strings.Clone(row.Node), Round: row.Round, Newest: row.Newest, Version: row.Version, Samples: row.Samples, Arrives: row.Arrives,
		Accuracy: row.Accuracy, Params: row.Params, Moments: row.Moments,
	}
	return s.take(sub)
}

// take adds a submission, whose bytes are lent.
func (s *Submissions) take(sub state.Submission) error {
	onTime := sub.Arrives <= s.r.Due
	if onTime {
		s.onTime++
	}
	if onTime && s.r.Sums != nil {
		return s.sum(&sub)
	}
	sub.Params, sub.Moments = append([]byte(nil), sub.Params...), append([]byte(nil), sub.Moments...)
	s.r.List = append(s.r.List, sub)
	if s.onTime > s.h.Keep && s.h.Mean() && s.h.Threshold == 0 && s.h.Control == how.Off {
		return s.fold()
	}
	return nil
}

func (s *Submissions) options(text string, end int64) error {
	if s.r.How == "" {
		h, err := how.Parse(text)
		if err != nil {
			return err
		}
		if text == "" {
			text = ";"
		}
		s.h, s.r.How, s.r.Due = h, strings.Clone(text), end+h.Deadline
		return nil
	}
	if s.r.How != text && (text != "" || s.r.How != ";") || s.r.Due != end+s.h.Deadline {
		return fault.New(fault.Invalid, "the submissions of one round have different options or ends")
	}
	return nil
}

// fold sums up those on time.
func (s *Submissions) fold() error {
	if s.r.Sums != nil {
		return nil
	}
	s.r.Sums = make([]state.Sum, sums)
	late := s.r.List[:0]
	for i := range s.r.List {
		if sub := &s.r.List[i]; sub.Arrives > s.r.Due {
			late = append(late, *sub)
		} else if err := s.sum(sub); err != nil {
			return err
		}
	}
	clear(s.r.List[len(late):])
	s.r.List = late
	return nil
}

// sum adds a submission to the sum of its node.
func (s *Submissions) sum(sub *state.Submission) error {
	f := fnv.New32a()
	_, _ = f.Write([]byte(sub.Node))
	to := &s.r.Sums[f.Sum32()%sums]
	to.Bytes += int64(len(sub.Params) + len(sub.Moments))
	one := state.Sum{Nodes: []string{sub.Node}, Least: sub.Round, Most: sub.Round, Samples: sub.Samples}
	if len(sub.Moments) > 0 {
		m := new(learn.Moments)
		if m.UnmarshalBinary(sub.Moments) != nil {
			to.Refuse(fed.NotFinite)
			return nil
		}
		one.Moments = m
	} else {
		behind := sub.Newest - sub.Version
		one.Staleness, one.Stalest = behind, behind
		if why, err := s.tally(to, sub, behind); err != nil || why != "" {
			if why != "" {
				to.Refuse(why)
			}
			return err
		}
	}
	return to.Merge(&one)
}

// tally adds a model to a tally whose version is 0: only the difference of versions
// counts. It returns why it was refused.
func (s *Submissions) tally(to *state.Sum, sub *state.Submission, behind int64) (fed.Reason, error) {
	p, err := state.Vector(sub.Params, s.params)
	if err != nil {
		return fed.WrongShape, nil
	}
	s.params = p
	if s.h.MaxStale >= 0 && behind > s.h.MaxStale {
		return fed.WrongVersion, nil
	}
	if to.Tally == nil {
		if to.Tally, err = s.h.Method.Tally(s.h.Params(), 0); err != nil {
			return "", err
		}
	}
	err = to.Tally.Add(fed.Update{Node: sub.Node, Version: -behind, Samples: sub.Samples, Accuracy: sub.Accuracy, Params: p})
	var why *fed.Refusal
	if errors.As(err, &why) {
		return why.Reason, nil
	}
	return "", err
}

// Merge adds what another wrote.
func (s *Submissions) Merge(b []byte) error {
	o, err := state.DecodeRound(b)
	if err != nil {
		return err
	}
	if err := s.Add(Row{Rows: o.Rows}); err != nil || o.How == "" {
		return err
	}
	if s.r.How == "" {
		if s.h, err = how.Parse(o.How); err != nil {
			return err
		}
		s.r.How, s.r.Due = o.How, o.Due
	}
	if s.r.How != o.How || s.r.Due != o.Due {
		return fault.New(fault.Invalid, "the submissions of one round have different options or ends")
	}
	if o.Sums != nil && len(o.Sums) != sums {
		return fault.New(fault.Invalid, "submissions in %d sums, expected %d", len(o.Sums), sums)
	}
	s.r.Silent += o.Silent
	if o.Sums != nil {
		if err := s.fold(); err != nil {
			return err
		}
	}
	for i := range o.Sums {
		from := &o.Sums[i]
		s.onTime += len(from.Nodes)
		for _, n := range from.Refused {
			s.onTime += int(n)
		}
		if err := s.r.Sums[i].Merge(from); err != nil {
			return err
		}
	}
	for _, sub := range o.List {
		if err := s.take(sub); err != nil {
			return err
		}
	}
	return nil
}

// AppendState appends what came in; equal sets of submissions have equal bytes.
func (s *Submissions) AppendState(b []byte) []byte {
	out, err := s.r.Append(b)
	if err != nil {
		return append(b, 0) // no version: whoever reads it says so
	}
	return out
}

// Result appends the same bytes.
func (s *Submissions) Result(b array.Builder) {
	if out, ok := b.(*array.BinaryBuilder); ok {
		out.Append(s.AppendState(nil))
		return
	}
	b.AppendNull()
}

// Size is about the memory held.
func (s *Submissions) Size() int64 {
	size := int64(len(s.r.Rows)) + 256
	for i := range s.r.List {
		size += int64(len(s.r.List[i].Params)+len(s.r.List[i].Moments)) + 160
	}
	for i := range s.r.Sums {
		size += int64(24*len(s.r.Sums[i].Nodes)) + int64(560*s.h.Params())
	}
	return size
}

// Update adds rows of the columns of a [Row]: how, node, round, newest, version, samples,
// accuracy, params, moments, arrives, window_end, rows.
func (s *Submissions) Update(in []arrow.Array, rows []int32) error {
	c, err := columnsOf(in)
	if err != nil {
		return err
	}
	for _, i := range rows {
		if err := s.Add(c.row(int(i))); err != nil {
			return err
		}
	}
	return nil
}

type columns struct {
	text   [2]*array.String // how, node
	number [4]*array.Int64  // round, newest, version, samples
	acc    *array.Float64
	bin    [3]*array.Binary    // params, moments, rows
	time   [2]*array.Timestamp // arrives, window_end
}

func columnsOf(in []arrow.Array) (columns, error) {
	var c columns
	ok := len(in) == 12
	if ok {
		as(in[0], &c.text[0], &ok)
		as(in[1], &c.text[1], &ok)
		for j := range c.number {
			as(in[2+j], &c.number[j], &ok)
		}
		as(in[6], &c.acc, &ok)
		as(in[7], &c.bin[0], &ok)
		as(in[8], &c.bin[1], &ok)
		as(in[9], &c.time[0], &ok)
		as(in[10], &c.time[1], &ok)
		as(in[11], &c.bin[2], &ok)
	}
	if !ok {
		return c, fault.New(fault.Invalid, "the columns of submissions are not of the declared types")
	}
	return c, nil
}

func as[T arrow.Array](a arrow.Array, to *T, ok *bool) {
	v, is := a.(T)
	*to, *ok = v, *ok && is
}

func (c *columns) row(i int) Row {
	r := Row{}
	if c.bin[2].IsValid(i) {
		r.Rows = c.bin[2].Value(i)
	}
	if c.text[1].IsNull(i) {
		return r
	}
	r.HasNode, r.Node = true, c.text[1].Value(i)
	if c.text[0].IsValid(i) {
		r.How = c.text[0].Value(i)
	}
	for j, to := range []*int64{&r.Round, &r.Newest, &r.Version, &r.Samples} {
		if c.number[j].IsValid(i) {
			*to = c.number[j].Value(i)
		}
	}
	if c.acc.IsValid(i) {
		r.Accuracy = c.acc.Value(i)
	}
	if c.bin[0].IsValid(i) {
		r.Params = c.bin[0].Value(i)
	}
	if c.bin[1].IsValid(i) {
		r.Moments = c.bin[1].Value(i)
	}
	for j, to := range []*int64{&r.Arrives, &r.End} {
		if c.time[j].IsValid(i) {
			*to = int64(c.time[j].Value(i))
		}
	}
	return r
}
