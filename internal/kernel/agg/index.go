package agg

// index finds the row of a key in a table of rows of 64-bit words: kw words of
// key, then words of state, stride in all. Keys are found by open addressing with
// linear probing over slots that hold a row's number and half of its hash.
type index struct {
	kw, stride int
	n          int
	rows       []uint64
	zero       []uint64 // the state of a new row, nil if rows are keys only
	slots      []uint64 // upper half of the hash, and row+1; 0 is free; nil: to be made
	hashes     []uint64 // of the keys at hand
	missed     []int32
}

func newIndex(kw, stride int) *index { return &index{kw: kw, stride: stride} }

// find writes the row of each key to ids, adding rows for keys that are
// new. cols holds one word of key each, for at most chunk keys.
func (x *index) find(cols [][]uint64, ids []int32) {
	if x.slots == nil {
		x.rehash()
	}
	if len(x.hashes) < len(ids) {
		x.hashes, x.missed = make([]uint64, len(ids)), make([]int32, len(ids))
	}
	hashes := x.hashes[:len(ids)]
	x.hash(cols, hashes)
	for _, i := range x.probe(cols, hashes, ids) {
		ids[i] = x.insert(cols, int(i), hashes[i])
	}
}

// one is find for a key of one word.
func (x *index) one(w uint64) int32 {
	if x.slots == nil {
		x.rehash()
	}
	key := [1]uint64{w}
	return x.insert([][]uint64{key[:]}, 0, mix(w, 0))
}

func (x *index) hash(cols [][]uint64, hashes []uint64) {
	switch x.kw {
	case 1:
		for i, w := range cols[0][:len(hashes)] {
			hashes[i] = mix(w, 0)
		}
	case 2:
		b := cols[1][:len(hashes)]
		for i, w := range cols[0][:len(hashes)] {
			hashes[i] = mix(w, b[i])
		}
	default:
		clear(hashes)
		for _, col := range cols {
			for i, w := range col[:len(hashes)] {
				hashes[i] = mix(hashes[i], w)
			}
		}
	}
}

// probe looks at one slot a key, without a jump that depends on another key, so
// that cache misses overlap. It returns the keys that are not there.
func (x *index) probe(cols [][]uint64, hashes []uint64, ids []int32) []int32 {
	mask := uint64(len(x.slots) - 1)
	missed := x.missed[:0]
	slots, rows, stride := x.slots, x.rows, x.stride
	switch x.kw {
	case 1:
		a := cols[0][:len(hashes)]
		for i, h := range hashes {
			s := slots[h&mask]
			id := int(uint32(s)) - 1
			if s>>32 != h>>32 || s == 0 || rows[id*stride] != a[i] {
				missed = append(missed, int32(i))
				continue
			}
			ids[i] = int32(id)
		}
	case 2:
		a, b := cols[0][:len(hashes)], cols[1][:len(hashes)]
		for i, h := range hashes {
			s := slots[h&mask]
			id := int(uint32(s)) - 1
			if s>>32 != h>>32 || s == 0 || rows[id*stride] != a[i] || rows[id*stride+1] != b[i] {
				missed = append(missed, int32(i))
				continue
			}
			ids[i] = int32(id)
		}
	default:
		for i, h := range hashes {
			s := slots[h&mask]
			id := int(uint32(s)) - 1
			if s>>32 != h>>32 || s == 0 || !x.equal(cols, i, id) {
				missed = append(missed, int32(i))
				continue
			}
			ids[i] = int32(id)
		}
	}
	return missed
}

func (x *index) equal(cols [][]uint64, i, id int) bool {
	row := x.rows[id*x.stride:]
	for k := range x.kw {
		if row[k] != cols[k][i] {
			return false
		}
	}
	return true
}

// insert walks all slots of key i and adds it if need be.
func (x *index) insert(cols [][]uint64, i int, h uint64) int32 {
	mask := uint64(len(x.slots) - 1)
	p := h & mask
	for ; x.slots[p] != 0; p = (p + 1) & mask {
		s := x.slots[p]
		if id := int(uint32(s)) - 1; s>>32 == h>>32 && x.equal(cols, i, id) {
			return int32(id)
		}
	}
	x.slots[p] = h>>32<<32 | uint64(x.n+1)
	id := x.add()
	row := x.rows[int(id)*x.stride:]
	for k := range x.kw {
		row[k] = cols[k][i]
	}
	if 2*x.n > len(x.slots) {
		x.resize(2 * len(x.slots))
	}
	return id
}

// add appends a row of the state zero, its key to be written.
func (x *index) add() int32 {
	x.extend(1)
	return int32(x.n - 1)
}

// extend appends n rows as add does.
func (x *index) extend(n int) {
	from, need := len(x.rows), (x.n+n)*x.stride
	if need > cap(x.rows) {
		x.reserve(max(64, n, x.n/2))
	}
	x.rows = x.rows[:need]
	x.n += n
	if x.zero == nil {
		return
	}
	clear(x.rows[from:])
	for k, w := range x.zero {
		if w != 0 {
			for p := from + x.kw + k; p < need; p += x.stride {
				x.rows[p] = w
			}
		}
	}
}

// reserve makes room for n more rows.
func (x *index) reserve(n int) {
	if need := (x.n + n) * x.stride; need > cap(x.rows) {
		grown := make([]uint64, len(x.rows), need)
		copy(grown, x.rows)
		x.rows = grown
	}
}

// resize makes n slots, a power of two, and puts every row in its place.
func (x *index) resize(n int) {
	x.slots = make([]uint64, n)
	mask := uint64(n - 1)
	for id := range x.n {
		h := x.rowHash(id)
		p := h & mask
		for x.slots[p] != 0 {
			p = (p + 1) & mask
		}
		x.slots[p] = h>>32<<32 | uint64(id+1)
	}
}

// rowHash is what hash gives the key of a row.
func (x *index) rowHash(id int) uint64 {
	key := x.rows[id*x.stride : id*x.stride+x.kw]
	switch x.kw {
	case 1:
		return mix(key[0], 0)
	case 2:
		return mix(key[0], key[1])
	}
	h := uint64(0)
	for _, w := range key {
		h = mix(h, w)
	}
	return h
}

// keep drops all rows but those given, which are renumbered in that order.
func (x *index) keep(sel []int32) {
	rows := make([]uint64, len(sel)*x.stride)
	for i, r := range sel {
		copy(rows[i*x.stride:(i+1)*x.stride], x.rows[int(r)*x.stride:])
	}
	x.rows, x.n, x.slots = rows, len(sel), nil
}

// rehash makes slots for the rows that there are.
func (x *index) rehash() {
	size := 16
	for size < 2*x.n {
		size *= 2
	}
	x.resize(size)
}

// widen adds a word to the keys, 0 in every row so far.
func (x *index) widen() {
	stride := x.stride + 1
	rows := make([]uint64, x.n*stride)
	for id := range x.n {
		from, to := x.rows[id*x.stride:(id+1)*x.stride], rows[id*stride:(id+1)*stride]
		copy(to, from[:x.kw])
		copy(to[x.kw+1:], from[x.kw:])
	}
	x.rows, x.stride, x.kw, x.slots = rows, stride, x.kw+1, nil
}

func (x *index) bytes() int64 { return int64(8 * (cap(x.rows) + len(x.slots))) }
