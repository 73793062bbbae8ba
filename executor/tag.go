package executor

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// unlabelled is the code of a row that no rule labels, ambiguous that of one
// that several exclusive rules label, rejected that of a row whose own tag is
// wrong: it is a dead letter already.
const (
	unlabelled = -1 - iota
	ambiguous
	rejected
)

// tagger gives every row of a frame its label.
type tagger struct {
	run    *run
	tag    physical.Tagging
	codes  []int32
	index  []int32 // of a frame whose codes nobody has asked for yet: row i has that of lut[index[i]]
	hashes []uint64
	lut    []int32         // label by dictionary code, for
	dict   arrow.ArrayData // this dictionary, retained
	failed []int32         // rows in which a rule or the event time failed, once for each
}

func (t *tagger) close() {
	if t.dict != nil {
		t.dict.Release()
	}
}

// labels returns the label of every row, or why it has none.
func (t *tagger) labels() []int32 {
	for i, at := range t.index {
		t.codes[i] = t.lut[at]
	}
	t.index = nil
	return t.codes
}

// label finds the label of every row, or why it has none.
func (t *tagger) label(cols []arrow.Array, rows int) error {
	if cap(t.codes) < rows {
		t.codes = make([]int32, rows)
	}
	t.codes, t.index = t.codes[:rows], nil
	var err error
	if t.tag.Column >= 0 {
		err = t.byColumn(cols[t.tag.Column])
	} else {
		err = t.byRules(cols, rows)
	}
	if err != nil || t.tag.Otherwise < 0 || t.index != nil {
		return err
	}
	for i, c := range t.codes {
		if c == unlabelled {
			t.codes[i] = int32(t.tag.Otherwise)
		}
	}
	return nil
}

func (t *tagger) byColumn(col arrow.Array) error {
	switch col := col.(type) {
	case *array.Dictionary:
		return t.byDictionary(col)
	case *array.String:
		for i := range t.codes {
			t.codes[i] = unlabelled
			if col.IsValid(i) {
				t.codes[i] = t.of(col.Value(i))
			}
		}
		return nil
	}
	return fault.New(fault.Bug, "tag: the label column is %s", col.DataType())
}

func (t *tagger) of(value string) int32 {
	if l, ok := t.tag.Values[value]; ok {
		return int32(l)
	}
	return unlabelled
}

// byDictionary looks the label up once for each value of the dictionary.
func (t *tagger) byDictionary(col *array.Dictionary) error {
	values, ok := col.Dictionary().(*array.String)
	if !ok {
		return fault.New(fault.Bug, "tag: a dictionary of %s", col.Dictionary().DataType())
	}
	if d := values.Data(); d != t.dict {
		t.close()
		d.Retain()
		t.dict = d
		t.lut = t.lut[:0]
		for i := range values.Len() {
			l := int32(unlabelled)
			if values.IsValid(i) {
				l = t.of(values.Value(i))
			}
			if l == unlabelled && t.tag.Otherwise >= 0 {
				l = int32(t.tag.Otherwise)
			}
			t.lut = append(t.lut, l)
		}
	}
	idx, ok := col.Indices().(*array.Int32)
	if !ok {
		return fault.New(fault.Bug, "tag: a dictionary indexed by %s", col.Indices().DataType())
	}
	codes := idx.Int32Values()
	if col.NullN() == 0 {
		t.index = codes
		return nil
	}
	for i, c := range codes {
		t.codes[i] = unlabelled
		if col.IsValid(i) {
			t.codes[i] = t.lut[c]
		}
	}
	return nil
}

// byRules gives each row the label of the first rule that is true or, where
// rules are exclusive, of the only one.
func (t *tagger) byRules(cols []arrow.Array, rows int) error {
	for i := range t.codes {
		t.codes[i] = unlabelled
	}
	for _, rule := range t.tag.Rules {
		v, err := t.run.evalRaw(rule.When, cols, rows, &t.failed)
		if err != nil {
			return err
		}
		is, ok := v.(*array.Boolean)
		if !ok {
			v.Release()
			return fault.New(fault.Bug, "tag: a rule is %s", v.DataType())
		}
		for i := range rows {
			if !is.IsValid(i) || !is.Value(i) {
				continue
			}
			switch {
			case t.codes[i] == unlabelled:
				t.codes[i] = int32(rule.Label)
			case t.tag.Exclusive && t.codes[i] != int32(rule.Label):
				t.codes[i] = ambiguous
			}
		}
		v.Release()
	}
	return nil
}

// countFailed counts, by label, the failures of the expressions of the tag. A
// row without a label is a dead letter, which is counted as such.
func (t *tagger) countFailed() {
	if len(t.failed) == 0 {
		return
	}
	counts := make([]int64, t.run.labels())
	codes := t.labels()
	for _, row := range t.failed {
		if l := codes[row]; l >= 0 {
			counts[l]++
		}
	}
	for label, n := range counts {
		t.run.tally.nulled(t.tag.Op, label, n)
	}
	t.failed = t.failed[:0]
}

// verify checks the tags that the input brings: the hash against our own, and
// that neither hash nor sequence is missing. Wrong rows are dead-lettered and
// marked rejected.
func (t *tagger) verify(c *chunk) error {
	if t.tag.Hash < 0 && t.tag.Seq < 0 {
		return nil
	}
	var own []uint64
	if t.tag.Hash >= 0 {
		own = t.hash(c)
	}
	codes := t.labels()
	for i := range codes {
		if codes[i] < 0 {
			continue // no label: that comes first
		}
		why, note := t.wrong(c, own, i)
		if why != "" {
			codes[i] = rejected
			t.run.dead.add(c, nil, i, t.tag.Op, why, note)
		}
	}
	return nil
}

func (t *tagger) wrong(c *chunk, own []uint64, i int) (why, note string) {
	if t.tag.Seq >= 0 && c.cols[t.tag.Seq].IsNull(i) {
		return work.PartialRelease, "no sequence"
	}
	if t.tag.Hash < 0 {
		return "", ""
	}
	brought, ok := c.cols[t.tag.Hash].(*array.Int64)
	if !ok || brought.IsNull(i) {
		return work.PartialRelease, "no hash"
	}
	if uint64(brought.Value(i)) != own[i] {
		return work.InaccurateTag, fmt.Sprintf("hash %d, expected %d", brought.Value(i), int64(own[i]))
	}
	return "", ""
}

// hash returns the hash of the identity columns of every row, valid until the
// next call.
func (t *tagger) hash(c *chunk) []uint64 {
	cols := make([]arrow.Array, 0, len(t.tag.Identity))
	for _, i := range t.tag.Identity {
		cols = append(cols, c.cols[i])
	}
	if cap(t.hashes) < c.rows {
		t.hashes = make([]uint64, c.rows)
	}
	t.hashes = kernel.HashRows(cols, t.hashes[:c.rows])
	return t.hashes
}
