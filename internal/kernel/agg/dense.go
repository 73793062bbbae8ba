package agg

// maxDense is how many bits of ordinals a dense table may have: 4 MiB of groups.
const maxDense = 20

// fewEntries is how many rows a chunk must have for each entry of a dictionary for the groups of
// these to be looked up first, and those of the rows there.
const fewEntries = 4

// dense finds groups without hashing their keys. Each value of a key column has
// an ordinal, the ordinals of a key side by side are its place, and an array holds
// the group of each place. It serves keys of few combinations, like meters by
// window, and gives up on others.
//
// A chunk whose keys are all known costs one pass over a dictionary's codes, with
// the group looked up in the same loop; further columns add one pass each, unless
// they hold one value throughout.
type dense struct {
	keys   []ordinals
	groups []int32  // group+1 by place
	places []uint32 // of each group
	made   []int32  // space for add
	direct []int32  // space for the groups of a dictionary's entries
	whole  bool     // the chunk at hand has its groups in direct, by code, and in no other place

	// The chunk at hand: a row's place is base, or'ed with the row's varied if
	// there is any, and with the ordinal of the column that is looked up last.
	base   uint32
	varied []uint32
	space  []uint32 // for varied
	last   codesOf
}

// codesOf is a chunk of a dictionary column, and the ordinals of the dictionary.
type codesOf struct {
	codes    []int32
	ordinals []uint32
	shift    int
}

// newDense returns nil for keys that are better hashed: a lone column that is
// not text.
func newDense(kinds []kind, wide bool) *dense {
	if len(kinds) == 0 || len(kinds) == 1 && kinds[0] != text {
		return nil
	}
	d := &dense{groups: make([]int32, 1)}
	for _, k := range kinds {
		d.keys = append(d.keys, newOrdinals(k))
	}
	if wide {
		d.keys = append(d.keys, newOrdinals(ints))
	}
	return d
}

// find is index.find, for rows of the index that were all put there through d. It
// says whether it could; if not, the index is to be used from now on. If by code
// will do, it may leave it at that: see whole.
func (d *dense) find(t *Table, cols []column, lo int, ids []int32, byCode bool) bool {
	for {
		d.place(t, cols, lo, len(ids))
		if d.fits() && (!d.lookup(ids, byCode) || d.add(t, cols, lo, ids)) {
			return true
		}
		if !d.grow() {
			return false
		}
	}
}

// place prepares the places of a chunk.
func (d *dense) place(t *Table, cols []column, lo, n int) {
	if cap(d.space) < n {
		d.space = make([]uint32, n)
	}
	d.base, d.varied, d.last = 0, nil, codesOf{}
	mask := t.mask(n)
	for k := range d.keys {
		o := &d.keys[k]
		if k == len(cols) {
			d.words(o, mask)
			continue
		}
		c := &cols[k]
		switch {
		case c.kind != text:
			t.cols[k] = t.keyWords(k, c, lo, mask, n)
			d.words(o, t.cols[k])
		case c.codes == nil || c.valid != nil:
			o.texts(&t.text, c, lo, d.vary(n))
		default:
			d.codes(o, &t.text, c, lo, n)
		}
	}
}

// vary returns the part of places that differs from row to row.
func (d *dense) vary(n int) []uint32 {
	if d.varied == nil {
		d.varied = d.space[:n]
		clear(d.varied)
	}
	return d.varied
}

// words adds a column of words to the places.
func (d *dense) words(o *ordinals, words []uint64) {
	if constant(words) {
		d.base |= o.plain(words[0]) << (o.shift & 31)
		return
	}
	o.number(words, d.vary(len(words)))
}

// codes adds a dictionary column without nulls to the places.
func (d *dense) codes(o *ordinals, e *encoder, c *column, lo, n int) {
	codes := c.codes[lo : lo+n]
	if constant(codes) {
		d.base |= o.row(e, c, lo) << (o.shift & 31)
		return
	}
	ords := o.entries(e, c)
	if d.last.codes == nil {
		d.last = codesOf{codes, ords, o.shift}
		return
	}
	varied, shift := d.vary(n), o.shift&31
	for i, code := range codes {
		varied[i] |= ords[code] << shift
	}
}

// constant says whether a chunk is one value throughout.
func constant[T uint64 | int32](vals []T) bool {
	v, n := vals[0], len(vals)
	if vals[n-1] != v || vals[n/2] != v {
		return false
	}
	var x, y T
	i := 0
	for ; i+3 < n; i += 4 {
		q := vals[i : i+4 : i+4]
		x |= (q[0] ^ v) | (q[1] ^ v)
		y |= (q[2] ^ v) | (q[3] ^ v)
	}
	for ; i < n; i++ {
		x |= vals[i] ^ v
	}
	return x|y == 0
}

// lookup writes the groups of a chunk, -1 where there is none, and says whether
// that was so.
func (d *dense) lookup(ids []int32, byCode bool) (missed bool) {
	d.whole = false
	groups, base, miss := d.groups, d.base, int32(0)
	codes, ords, shift := d.last.codes, d.last.ordinals, d.last.shift&31
	switch varied := d.varied; {
	case codes != nil && varied != nil:
		codes, varied = codes[:len(ids)], varied[:len(ids)]
		for i := range ids {
			id := groups[base|varied[i]|ords[codes[i]]<<shift] - 1
			ids[i] = id
			miss |= id
		}
	case codes != nil && len(ords) <= len(ids)/fewEntries:
		direct, all := d.entries(len(ords)), int32(0)
		for i, ord := range ords {
			direct[i] = groups[base|ord<<shift] - 1
			all |= direct[i]
		}
		if d.whole = byCode && all >= 0; d.whole {
			return false
		}
		codes = codes[:len(ids)]
		for i := range ids {
			id := direct[codes[i]]
			ids[i] = id
			miss |= id
		}
	case codes != nil:
		codes = codes[:len(ids)]
		for i := range ids {
			id := groups[base|ords[codes[i]]<<shift] - 1
			ids[i] = id
			miss |= id
		}
	case varied != nil:
		varied = varied[:len(ids)]
		for i := range ids {
			id := groups[base|varied[i]] - 1
			ids[i] = id
			miss |= id
		}
	default:
		miss = groups[base] - 1
		for i := range ids {
			ids[i] = miss
		}
	}
	return miss < 0
}

// entries returns space for the groups of n entries of a dictionary.
func (d *dense) entries(n int) []int32 {
	if len(d.direct) < n {
		d.direct = make([]int32, n)
	}
	return d.direct[:n]
}

// add makes groups for rows that have none. It gives up where a new ordinal has
// no room in a place.
func (d *dense) add(t *Table, cols []column, lo int, ids []int32) bool {
	places, fit := d.spread(len(ids)), true
	for k := range cols {
		if o := &d.keys[k]; o.index == nil {
			fit = o.complete(&t.text, &cols[k], lo, ids, places) && fit
		}
	}
	if !fit {
		return false
	}
	if cap(d.made) < len(ids) {
		d.made = make([]int32, 0, len(ids))
	}
	made := d.made[:0]
	for i, id := range ids {
		if id >= 0 {
			continue
		}
		g := d.groups[places[i]]
		if g == 0 {
			made = append(made, int32(i))
			d.places = append(d.places, places[i])
			g = int32(len(d.places))
			d.groups[places[i]] = g
		}
		ids[i] = g - 1
	}
	d.write(t, made)
	return true
}

// spread returns the places of a chunk as they are so far.
func (d *dense) spread(n int) []uint32 {
	places := d.vary(n)
	base, ords, shift := d.base, d.last.ordinals, d.last.shift&31
	if d.last.codes == nil {
		for i := range places {
			places[i] |= base
		}
		return places
	}
	for i, code := range d.last.codes[:len(places)] {
		places[i] |= base | ords[code]<<shift
	}
	return places
}

// write appends groups to the index, with the keys of the given rows of the chunk.
func (d *dense) write(t *Table, made []int32) {
	x := t.index
	from := x.n
	x.extend(len(made))
	for k := range d.keys {
		o := &d.keys[k]
		p := from*x.stride + k
		if o.index == nil {
			for _, place := range d.places[from:] {
				x.rows[p] = o.words[o.in(place)]
				p += x.stride
			}
			continue
		}
		words := t.cols[k]
		for _, i := range made {
			x.rows[p] = words[i]
			p += x.stride
		}
	}
}

// fits says whether every ordinal has room in a place.
func (d *dense) fits() bool {
	for k := range d.keys {
		if o := &d.keys[k]; o.need() > o.bits {
			return false
		}
	}
	return true
}

// grow makes room for the ordinals that there are and moves every group to its
// new place. It says whether it could.
func (d *dense) grow() bool {
	next := make([]struct{ shift, bits int }, len(d.keys))
	total := 0
	for k := range d.keys {
		o := &d.keys[k]
		next[k].shift, next[k].bits = total, max(o.bits, o.need())
		total += next[k].bits
	}
	if total > maxDense {
		return false
	}
	for id, old := range d.places {
		place := uint32(0)
		for k := range d.keys {
			place |= d.keys[k].in(old) << next[k].shift
		}
		d.places[id] = place
	}
	for k := range d.keys {
		d.keys[k].shift, d.keys[k].bits = next[k].shift, next[k].bits
	}
	d.groups = make([]int32, 1<<total)
	for id, place := range d.places {
		d.groups[place] = int32(id + 1)
	}
	return true
}

// adopt takes in the rows of x, none of which it knows. It says whether it could.
func (d *dense) adopt(x *index) bool {
	ords := make([]uint32, 0, x.n*len(d.keys))
	for k := range d.keys {
		for id := range x.n {
			ords = append(ords, d.keys[k].of(x.rows[id*x.stride+k]))
		}
	}
	if !d.grow() {
		return false
	}
	d.places = make([]uint32, x.n)
	for k := range d.keys {
		for id, ord := range ords[k*x.n : (k+1)*x.n] {
			d.places[id] |= ord << d.keys[k].shift
		}
	}
	for id, place := range d.places {
		d.groups[place] = int32(id + 1)
	}
	return true
}

// reset forgets all groups. Names go on being known; windows do not come back.
func (d *dense) reset() {
	for _, place := range d.places {
		d.groups[place] = 0
	}
	d.places = d.places[:0]
	for k := range d.keys {
		d.keys[k].reset()
	}
}

// release lets go of dictionaries.
func (d *dense) release() {
	for k := range d.keys {
		d.keys[k].dicts.forget()
	}
}

func (d *dense) bytes() int64 {
	n := int64(4 * (len(d.groups) + cap(d.places)))
	for k := range d.keys {
		n += d.keys[k].bytes()
	}
	return n
}
