package agg

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// ordinals numbers the values of one key column from 0 on, in order of first
// appearance. Of text, whose words number the strings of all key columns, ordinal
// 0 is kept for strings that have not been looked up yet: dictionaries turn into
// ordinals by one array access a row, and what is not there comes out as 0.
type ordinals struct {
	shift, bits int // where the ordinal lies in a place

	// Of text.
	words  []uint64 // by ordinal
	byWord []uint32 // 0 where there is none
	dicts  dictionaries
	ids    []int32 // space for entries

	// Of all else.
	index  *index    // nil for text
	recent [2]uint64 // words last looked up, and their ordinals
	known  [2]uint32
}

func newOrdinals(k kind) ordinals {
	if k == text {
		return ordinals{words: make([]uint64, 1)}
	}
	return ordinals{index: newIndex(1, 1)}
}

// n is how many ordinals there are.
func (o *ordinals) n() int {
	if o.index == nil {
		return len(o.words)
	}
	return o.index.n
}

// need is how many bits the ordinals take.
func (o *ordinals) need() int { return bits.Len(uint(max(o.n()-1, 0))) }

// in returns the ordinal that is in a place.
func (o *ordinals) in(place uint32) uint32 {
	return place >> (o.shift & 31) & (1<<(o.bits&31) - 1)
}

// of returns the ordinal of a word, a new one for a new word.
func (o *ordinals) of(w uint64) uint32 {
	if o.index != nil {
		return o.plain(w)
	}
	if w < uint64(len(o.byWord)) && o.byWord[w] != 0 {
		return o.byWord[w]
	}
	if n := int(w) + 1 - len(o.byWord); n > 0 {
		o.byWord = append(o.byWord, make([]uint32, max(n, len(o.byWord)))...)
	}
	o.byWord[w] = uint32(len(o.words))
	o.words = append(o.words, w)
	return o.byWord[w]
}

// plain is of for what is not text.
func (o *ordinals) plain(w uint64) uint32 {
	if o.index.n > 0 {
		for i, r := range o.recent {
			if r == w {
				return o.known[i]
			}
		}
	}
	id := uint32(o.index.one(w))
	if o.index.n == 1 {
		o.recent[0], o.known[0] = w, id // the other is no value yet
	}
	o.recent[1], o.known[1] = o.recent[0], o.known[0]
	o.recent[0], o.known[0] = w, id
	return id
}

// row returns the ordinal of row i of a text column.
func (o *ordinals) row(e *encoder, c *column, i int) uint32 {
	if c.null(i) {
		return o.of(0)
	}
	if c.codes == nil {
		return o.of(e.word(c.str(i)))
	}
	entry := &o.dicts.of(c.text)[c.codes[i]]
	if *entry == 0 {
		*entry = o.of(e.word(c.text.Value(int(c.codes[i]))))
	}
	return *entry
}

// mostEntries is how many entries for each row of a column a dictionary may have to
// be looked up whole.
const mostEntries = 8

// entries returns the ordinals of the entries of the dictionary of c, 0 where one is
// not known yet. Those of a dictionary of which the rows here, and others like them,
// use most are looked up at once: that is quicker than one by one.
func (o *ordinals) entries(e *encoder, c *column) []uint32 {
	d := o.dicts.at(c.text)
	if d.whole || c.text.Len() > mostEntries*len(c.codes) || c.text.NullN() > 0 {
		return d.numbers
	}
	d.whole = true
	if cap(o.ids) < c.text.Len() {
		o.ids = make([]int32, c.text.Len())
	}
	ids := o.ids[:c.text.Len()]
	e.in.InternAll(c.text, ids)
	for i, id := range ids {
		d.numbers[i] = o.of(uint64(id) + 1)
	}
	return d.numbers
}

// texts adds the ordinals of a chunk of text to places.
func (o *ordinals) texts(e *encoder, c *column, lo int, places []uint32) {
	shift := o.shift & 31
	if c.codes == nil {
		for i := range places {
			w := uint64(0)
			if !c.null(lo + i) {
				w = e.word(c.str(lo + i))
			}
			places[i] |= o.of(w) << shift
		}
		return
	}
	ords, null := o.entries(e, c), o.of(0)
	for i, code := range c.codes[lo : lo+len(places)] {
		ord := null
		if !c.null(lo + i) {
			if ord = ords[code]; ord == 0 {
				ord = o.row(e, c, lo+i)
			}
		}
		places[i] |= ord << shift
	}
}

// complete puts the ordinals of a text column into the places of rows without a
// group that lack one. It says whether all had room; if not, places are rubbish.
func (o *ordinals) complete(e *encoder, c *column, lo int, ids []int32, places []uint32) bool {
	mask, fit := uint32(1)<<(o.bits&31)-1, true
	for i, id := range ids {
		if id >= 0 || places[i]>>(o.shift&31)&mask != 0 {
			continue
		}
		ord := o.row(e, c, lo+i)
		fit = fit && ord <= mask
		places[i] |= ord << (o.shift & 31)
	}
	return fit
}

// number adds the ordinals of words to places. Columns like window starts switch
// between two values for a long time: those are told apart without a branch, and
// only a third is looked up.
func (o *ordinals) number(words []uint64, places []uint32) {
	words = words[:len(places)]
	shift := o.shift & 31
	a, b := words[0], words[0]
	oa := o.plain(a) << shift
	ob := oa
	patience := len(words) / 16
	for i, w := range words {
		x, y := w^a, w^b
		notA := int64(x | -x) // negative where w is not a
		if notA&int64(y|-y) < 0 {
			if patience--; patience < 0 {
				o.scatter(words[i:], places[i:])
				return
			}
			a, oa, b, ob = b, ob, w, o.plain(w)<<shift
		}
		places[i] |= oa ^ (oa^ob)&uint32(notA>>63)
	}
}

// scatter is number for words that are all over the place.
func (o *ordinals) scatter(words []uint64, places []uint32) {
	var ids [chunk]int32
	o.index.find([][]uint64{words}, ids[:len(words)])
	for i := range places {
		places[i] |= uint32(ids[i]) << (o.shift & 31)
	}
}

// reset drops the ordinals of what is not text: its values, unlike names, seldom
// come back.
func (o *ordinals) reset() {
	if o.index != nil {
		o.index.n, o.index.rows = 0, o.index.rows[:0]
		clear(o.index.slots)
	}
}

func (o *ordinals) bytes() int64 {
	n := int64(8*cap(o.words)+4*cap(o.byWord)+4*cap(o.ids)) + o.dicts.bytes()
	if o.index != nil {
		n += o.index.bytes()
	}
	return n
}

// dictionaries are the entries of the dictionaries last seen as numbers of 32
// bits, 0 where not yet known.
type dictionaries struct {
	seen []dictionary
	next int // to be forgotten
	last int // asked for: chunk after chunk asks for the same one
}

// dictionary holds a reference to values, so that no other dictionary can come to
// lie at the same address.
type dictionary struct {
	values  *array.String
	numbers []uint32
	whole   bool // all numbers are known
}

// maxDictionaries is how many of them are remembered.
const maxDictionaries = 8

// of returns the numbers of a dictionary's entries, remembered.
func (d *dictionaries) of(values *array.String) []uint32 { return d.at(values).numbers }

// at returns what is remembered of a dictionary, until the next call.
func (d *dictionaries) at(values *array.String) *dictionary {
	for i := range d.seen {
		at := (d.last + i) % len(d.seen)
		if s := &d.seen[at]; sameValues(s.values, values) {
			d.last = at
			return s
		}
	}
	values.Retain()
	s := dictionary{values: values, numbers: make([]uint32, values.Len())}
	if len(d.seen) < maxDictionaries {
		d.seen = append(d.seen, s)
		return &d.seen[len(d.seen)-1]
	}
	at := &d.seen[d.next]
	at.values.Release()
	*at = s
	d.next = (d.next + 1) % maxDictionaries
	return at
}

// forget drops what is remembered.
func (d *dictionaries) forget() {
	for i := range d.seen {
		d.seen[i].values.Release()
	}
	d.seen, d.next, d.last = nil, 0, 0
}

func (d *dictionaries) bytes() int64 {
	n := int64(0)
	for i := range d.seen {
		n += int64(4 * len(d.seen[i].numbers))
	}
	return n
}

// sameValues says whether two arrays are the very same buffers.
func sameValues(a, b *array.String) bool {
	x, y := a.Data(), b.Data()
	if x == y {
		return true
	}
	if x.Len() != y.Len() || x.Offset() != y.Offset() {
		return false
	}
	for i, buf := range x.Buffers() {
		if buf != y.Buffers()[i] {
			return false
		}
	}
	return true
}
