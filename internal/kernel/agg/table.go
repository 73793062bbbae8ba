package agg

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
)

// Table groups rows. See the package comment.
type Table struct {
	mem   memory.Allocator
	types []arrow.DataType // of the keys
	kinds []kind
	aggs  []aggregate
	index *index
	text  encoder     // of all keys that are text
	plain bool        // strings leave without a dictionary
	wide  bool        // the last key word holds a bit for each integer key that is null
	dense *dense      // finds groups while their keys combine in few ways, or nil: index does
	all   kernel.Sel  // 0, 1, 2, ...
	dict  arrow.Array // the strings of text, as far as known

	passes []pass
	rest   []int      // aggregates that are in no pass
	counts []int      // where there are counts that are in no pass
	ids    []int32    // space for the groups of a chunk
	words  [][]uint64 // space for the words of each key
	cols   [][]uint64 // the words of the chunk at hand
	arg    []uint64   // space for the words of an argument
}

// NewTable makes an empty table. A key type or Spec that is not valid panics;
// both spellings of String are one key type.
func NewTable(mem memory.Allocator, keys []arrow.DataType, specs []Spec) *Table {
	t := &Table{mem: mem, types: keys, text: encoder{in: new(kernel.Interner)}}
	for _, dt := range keys {
		k, ok := kindOf(dt)
		if !ok || k == none || len(keys) > 63 {
			panic(fmt.Sprintf("agg: no grouping by %s, nor by more than 63 keys", dt))
		}
		t.kinds = append(t.kinds, k)
		t.plain = t.plain || isSpelled(dt)
	}
	t.words = make([][]uint64, len(keys)+1)
	t.cols = make([][]uint64, len(keys)+1)
	width := 0
	for _, s := range specs {
		a, err := newAggregate(s, width)
		if err != nil {
			panic("agg: " + err.Error())
		}
		t.aggs = append(t.aggs, a)
		width += a.width
	}
	t.index = newIndex(len(keys), len(keys)+width)
	t.dense = newDense(t.kinds, false)
	t.index.zero = make([]uint64, width)
	for i := range t.aggs {
		if a := &t.aggs[i]; a.width > 0 {
			t.index.zero[a.off] = a.zero()
		}
	}
	t.oneGroup()
	return t
}

// oneGroup makes the group of a table without keys.
func (t *Table) oneGroup() {
	if len(t.kinds) == 0 && t.index.n == 0 {
		t.index.add()
	}
}

// Update adds rows: keys are the key columns; args the arguments of the specs, nil
// for a count of rows; order is read by first, last, approx_top and sample only. All
// have the given number of rows. Columns that do not fit the table are a fault.Bug, found before
// anything is added; keys of more than 2 GiB are fault.Invalid.
func (t *Table) Update(keys, args []arrow.Array, order Order, rows int) error {
	cols, err := t.views(keys, rows)
	if err != nil {
		return err
	}
	if len(args) != len(t.aggs) {
		return fault.New(fault.Bug, "agg: %d arguments for %d aggregates", len(args), len(t.aggs))
	}
	in := make([]column, len(args))
	ordered := false
	for i := range t.aggs {
		a := &t.aggs[i]
		ordered = ordered || a.fn == first || a.fn == last
		if a.blobs != nil {
			if err := a.blobs.view(args[i], a.arg, order.Places, rows); err != nil {
				return err
			}
		}
		if a.kind == none {
			continue
		}
		if in[i], err = viewOf(args[i], a.arg, a.kind, rows); err != nil {
			return err
		}
	}
	var ord orders
	if ordered {
		if ord, err = order.view(rows); err != nil {
			return err
		}
	}
	t.plan(in)
	byCode := t.summing()
	for lo := 0; lo < rows; lo += chunk {
		ids := t.groups(cols, lo, min(chunk, rows-lo), byCode)
		if t.dense != nil && t.dense.whole {
			t.sum(lo)
			continue
		}
		t.update(in, &ord, lo, ids)
	}
	for i := range t.aggs {
		if b := t.aggs[i].blobs; b != nil {
			b.forget()
			if b.own != nil && b.own.err != nil {
				return b.own.err
			}
		}
	}
	return t.fits()
}

// update adds a chunk of rows from lo on, of the given groups.
func (t *Table) update(in []column, ord *orders, lo int, ids []int32) {
	if constant(ids) {
		row := t.index.rows[int(ids[0])*t.index.stride+t.index.kw:]
		for i := range t.aggs {
			if a := &t.aggs[i]; !a.updateRun(row[a.off:], &in[i], lo, len(ids)) {
				a.update(t, &in[i], ord, lo, ids)
			}
		}
		return
	}
	for i := range t.passes {
		t.passes[i].run(t.index, lo, ids)
	}
	for _, i := range t.rest {
		t.aggs[i].update(t, &in[i], ord, lo, ids)
	}
}

// Merge adds rows of partial states, in the columns that Spec.StateTypes lists,
// spec after spec. Errors are those of Update, and fault.Invalid for a set of
// distinct values that was damaged; the table is of no use after that.
func (t *Table) Merge(keys, states []arrow.Array, rows int) error {
	cols, err := t.views(keys, rows)
	if err != nil {
		return err
	}
	in := make([]stateColumns, len(t.aggs))
	for i := range t.aggs {
		n := len(t.aggs[i].states)
		if n > len(states) {
			return fault.New(fault.Bug, "agg: too few columns of states")
		}
		if in[i], err = t.aggs[i].viewStates(states[:n], rows); err != nil {
			return err
		}
		states = states[n:]
	}
	if len(states) > 0 {
		return fault.New(fault.Bug, "agg: %d columns of states too many", len(states))
	}
	if t.index.n == 0 {
		t.index.reserve(rows)
	}
	for lo := 0; lo < rows; lo += chunk {
		ids := t.groups(cols, lo, min(chunk, rows-lo), false)
		for i := range t.aggs {
			if err := t.aggs[i].merge(t, &in[i], lo, ids); err != nil {
				return err
			}
		}
	}
	return t.fits()
}

func (t *Table) fits() error {
	if t.text.in.Bytes() > math.MaxInt32 {
		return fault.New(fault.Invalid, "the keys of an aggregate hold more than 2 GiB of strings")
	}
	return nil
}

func (t *Table) views(keys []arrow.Array, rows int) ([]column, error) {
	if len(keys) != len(t.kinds) {
		return nil, fault.New(fault.Bug, "agg: %d key columns for %d keys", len(keys), len(t.kinds))
	}
	cols := make([]column, len(keys))
	for i, a := range keys {
		var err error
		if cols[i], err = viewOf(a, t.types[i], t.kinds[i], rows); err != nil {
			return nil, err
		}
		if t.kinds[i] == ints && cols[i].valid != nil && !t.wide {
			t.wide = true
			t.index.widen()
			t.restart()
		}
	}
	return cols, nil
}

// room makes space for chunks of n rows.
func (t *Table) room(n int) {
	if len(t.ids) < n {
		t.ids, t.arg = make([]int32, n), make([]uint64, n)
	}
}

// groups returns the group of each row of a chunk, making those that are new. Where
// dense says whole, which it does if byCode allows, they are not written.
func (t *Table) groups(cols []column, lo, n int, byCode bool) []int32 {
	t.room(n)
	ids := t.ids[:n]
	if len(cols) == 0 {
		clear(ids)
		return ids
	}
	if t.dense != nil {
		if t.dense.find(t, cols, lo, ids, byCode) {
			return ids
		}
		t.dense.release()
		t.dense = nil
	}
	mask := t.mask(n)
	for k := range cols {
		t.cols[k] = t.keyWords(k, &cols[k], lo, mask, n)
	}
	t.index.find(t.cols[:t.index.kw], ids)
	return ids
}

// mask returns the word of a chunk that says which integers are null, with none so
// far; nil if none ever was.
func (t *Table) mask(n int) []uint64 {
	if !t.wide {
		return nil
	}
	last := len(t.kinds)
	t.cols[last] = t.space(last, n)
	clear(t.cols[last])
	return t.cols[last]
}

// space returns room for the words of a chunk of key k.
func (t *Table) space(k, n int) []uint64 {
	if len(t.words[k]) < n {
		t.words[k] = make([]uint64, n)
	}
	return t.words[k][:n]
}

// Words of keys that are null, none of which is the word of a value. Integers
// have no word to spare: a null there is a 0 and a bit in the mask.
const (
	nullBool  = 2
	nullDay   = 1 << 40
	nullFloat = canonicalNaN + 1
)

// keyWords returns the words of a chunk of key column k.
func (t *Table) keyWords(k int, c *column, lo int, mask []uint64, n int) []uint64 {
	if c.kind == ints && c.valid == nil {
		return c.words[lo : lo+n]
	}
	dst := t.space(k, n)
	if c.kind == text {
		t.text.fill(c, lo, dst)
		return dst
	}
	words := c.fill(lo, dst)
	if c.valid == nil {
		return words
	}
	null := uint64(0)
	switch c.kind {
	case bools:
		null = nullBool
	case days:
		null = nullDay
	case floats:
		null = nullFloat
	default: // 0
	}
	for i, w := range words {
		dst[i] = w
		if c.null(lo + i) {
			dst[i] = null
			if c.kind == ints {
				mask[i] |= 1 << k
			}
		}
	}
	return dst
}

// Len returns the number of groups.
func (t *Table) Len() int { return t.index.n }

// Bytes returns about how much memory the table holds.
func (t *Table) Bytes() int64 {
	n := t.index.bytes() + encoderBytes(&t.text)
	if t.dense != nil {
		n += t.dense.bytes()
	}
	for i := range t.aggs {
		n += t.aggs[i].bytes()
	}
	return n
}

// encoderBytes counts an interner's strings, offsets, hashes and slots, and words of
// dictionaries.
func encoderBytes(e *encoder) int64 { return e.in.Bytes() + int64(e.in.Len())*28 + e.dicts.bytes() }

// Compact drops all groups but those of keep, which are renumbered in its order.
func (t *Table) Compact(keep kernel.Sel) {
	for i := range t.aggs {
		t.aggs[i].keep(keep, t.index.n)
	}
	t.index.keep(keep)
	t.dropCached()
	t.compactText()
	t.restart()
	t.oneGroup()
}

// Reset drops all groups and keeps for the next ones what was allocated and
// learnt: the strings of keys stay known, so that tables filled one after the other
// with keys of the same values also come out with the same dictionary. It gives up
// strings of which few were in use.
func (t *Table) Reset() {
	used := t.index.n * len(t.kinds)
	for i := range t.aggs {
		t.aggs[i].keep(nil, t.index.n)
	}
	t.index.n, t.index.rows = 0, t.index.rows[:0]
	clear(t.index.slots)
	if n := t.text.in.Len(); n > 1024+4*used || n > maxKnown {
		t.dropCached()
		t.compactText()
		t.restart()
	} else if t.dense != nil {
		t.dense.reset()
	} else if d := newDense(t.kinds, t.wide); d != nil {
		t.dense, t.index.slots = d, nil
	}
	t.oneGroup()
}

// maxKnown is how many strings a table that is used again remembers at the most.
const maxKnown = 1 << 17

// restart has the places of all groups found anew, densely if that may do again.
func (t *Table) restart() {
	t.index.slots = nil
	if t.dense != nil {
		t.dense.release()
	}
	t.dense = newDense(t.kinds, t.wide)
	if t.dense != nil && !t.dense.adopt(t.index) {
		t.dense = nil
	}
}

// compactText renumbers the strings of keys once most of them are of no group.
func (t *Table) compactText() {
	if t.text.in.Len() < 1024+2*t.index.n*len(t.kinds) {
		return
	}
	old := t.text.in
	t.text.dicts.forget()
	t.text.in = new(kernel.Interner)
	for k, kind := range t.kinds {
		if kind != text {
			continue
		}
		for id := range t.index.n {
			if w := &t.index.rows[id*t.index.stride+k]; *w != 0 {
				*w = t.text.word(old.Value(int32(*w) - 1))
			}
		}
	}
}

func (t *Table) dropCached() {
	if t.dict != nil {
		t.dict.Release()
		t.dict = nil
	}
}

// Release gives back what the table holds of Arrow memory. It is not to be used
// any more.
func (t *Table) Release() {
	t.dropCached()
	t.text.dicts.forget()
	if t.dense != nil {
		t.dense.release()
	}
	for i := range t.aggs {
		if set := t.aggs[i].set; set != nil {
			set.text.dicts.forget()
		}
		if b := t.aggs[i].blobs; b != nil {
			b.groups = nil
		}
	}
}
