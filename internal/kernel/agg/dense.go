package agg

import "math/bits"

// maxDense is how many bits of ordinals a dense table may have: 4 MiB of groups.
const maxDense = 20

// dense finds groups without hashing their keys as a whole. Each key column has
// an ordinal for each of its values (text has one already: its word), and an array
// holds the group of each combination. It serves keys of few combinations, like
// meters by window, and gives up on others.
type dense struct {
	ordinals []*index // of each column of key words; nil for text
	bits     []int    // of each column's ordinals
	groups   []int32  // group+1 by combined ordinals
	combined [chunk]uint32
	ords     [chunk]int32
}

// newDense returns nil for keys that are better hashed: a lone column that is
// not text.
func newDense(kinds []kind, wide bool) *dense {
	if len(kinds) == 0 || len(kinds) == 1 && kinds[0] != text {
		return nil
	}
	d := &dense{}
	for _, k := range kinds {
		var x *index
		if k != text {
			x = newIndex(1, 1)
		}
		d.ordinals = append(d.ordinals, x)
	}
	if wide {
		d.ordinals = append(d.ordinals, newIndex(1, 1))
	}
	d.bits = make([]int, len(d.ordinals))
	d.groups = make([]int32, 1)
	return d
}

// find is index.find, for rows of x that were all put there through d. It says
// whether it could; if not, x is to be used from now on. strings is how many
// words there are of text.
func (d *dense) find(x *index, strings int, cols [][]uint64, ids []int32) bool {
	if !d.combine(x, strings, cols, len(ids)) {
		return false
	}
	for i, c := range d.combined[:len(ids)] {
		id := d.groups[c] - 1
		if id < 0 {
			id = x.add()
			d.groups[c] = id + 1
			for k, col := range cols {
				x.rows[int(id)*x.stride+k] = col[i]
			}
		}
		ids[i] = id
	}
	return true
}

// combine writes the combined ordinals of n keys, after making room for them.
func (d *dense) combine(x *index, strings int, cols [][]uint64, n int) bool {
	combined := d.combined[:n]
	shift, grow := 0, false
	for k, col := range cols {
		size := strings
		switch ordinals := d.ordinals[k]; {
		case ordinals != nil:
			d.number(k, col[:n])
			or(combined, d.ords[:n], shift)
			size = ordinals.n
		default:
			or(combined, col[:n], shift)
		}
		if need := bits.Len(uint(max(size-1, 0))); need > d.bits[k] {
			d.bits[k], grow = need, true
		}
		shift += d.bits[k]
		if shift > maxDense {
			return false
		}
	}
	if !grow {
		return true
	}
	d.rebuild(x)
	return d.combine(x, strings, cols, n)
}

// or puts ordinals in their place, the first over what was there before.
func or[T int32 | uint64](combined []uint32, ordinals []T, shift int) {
	ordinals = ordinals[:len(combined)]
	if shift == 0 {
		for i, o := range ordinals {
			combined[i] = uint32(o)
		}
		return
	}
	for i, o := range ordinals {
		combined[i] |= uint32(o) << (shift & 31)
	}
}

// adopt takes in the rows of x, none of which it knows. It says whether it could.
func (d *dense) adopt(x *index, strings int) bool {
	total := 0
	for k, ordinals := range d.ordinals {
		size := strings
		if ordinals != nil {
			for id := range x.n {
				p := id*x.stride + k
				d.one(k, x.rows[p:p+1])
			}
			size = ordinals.n
		}
		d.bits[k] = bits.Len(uint(max(size-1, 0)))
		total += d.bits[k]
	}
	if total > maxDense {
		return false
	}
	d.rebuild(x)
	return true
}

// number writes the ordinals of words of column k to ords. Columns like window
// starts switch between two values for a long time: those are told apart without a
// branch, and only a third is looked up.
func (d *dense) number(k int, words []uint64) {
	ords := d.ords[:len(words)]
	a, b := words[0], words[0]
	oa := d.one(k, words[:1])
	ob := oa
	patience := len(words) / 16
	for i, w := range words {
		x, y := w^a, w^b
		notA := int64(x | -x) // negative where w is not a
		if notA&int64(y|-y) < 0 {
			if patience--; patience < 0 {
				d.ordinals[k].find([][]uint64{words}, ords)
				return
			}
			a, oa, b, ob = b, ob, w, d.one(k, words[i:i+1])
		}
		ords[i] = oa ^ (oa^ob)&int32(notA>>63)
	}
}

// one returns the ordinal of a single word.
func (d *dense) one(k int, word []uint64) int32 {
	var at [1]int32
	d.ordinals[k].find([][]uint64{word}, at[:])
	return at[0]
}

// rebuild puts every row of x, whose values have ordinals, in its place for the
// bits that are now.
func (d *dense) rebuild(x *index) {
	total := 0
	for _, b := range d.bits {
		total += b
	}
	d.groups = make([]int32, 1<<total)
	for id := range x.n {
		c, shift := uint32(0), 0
		for k, ordinals := range d.ordinals {
			word := x.rows[id*x.stride+k : id*x.stride+k+1]
			o := uint32(word[0])
			if ordinals != nil {
				o = uint32(d.one(k, word))
			}
			c |= o << shift
			shift += d.bits[k]
		}
		d.groups[c] = int32(id + 1)
	}
}
