package agg

// index finds the row of a key in a table of rows of 64-bit words: kw words of
// key, then words of state, stride in all. Keys are found by open addressing with
// linear probing over slots that hold a row's number and half of its hash.
type index struct {
	kw, stride int
	n          int
	rows       []uint64
	zero       []uint64 // the state of a new row, nil if all is 0
	slots      []uint64 // upper half of the hash, and row+1; 0 is free; nil: to be made
	hashes     [chunk]uint64
	missed     [chunk]int32
}

func newIndex(kw, stride int) *index { return &index{kw: kw, stride: stride} }

// find writes the row of each key to ids, adding rows for keys that are
// new. cols holds one word of key each, for at most chunk keys.
func (x *index) find(cols [][]uint64, ids []int32) {
	if x.slots == nil {
		x.rehash()
	}
	hashes := x.hashes[:len(ids)]
	x.hash(cols, hashes)
	for _, i := range x.probe(cols, hashes, ids) {
		ids[i] = x.insert(cols, int(i), hashes[i])
	}
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

// add appends a row of key 0 and the state zero.
func (x *index) add() int32 {
	need := (x.n + 1) * x.stride
	if need > cap(x.rows) {
		grown := make([]uint64, len(x.rows), max(64*x.stride, need+need/2))
		copy(grown, x.rows)
		x.rows = grown
	}
	x.rows = x.rows[:need]
	if x.zero != nil {
		copy(x.rows[x.n*x.stride+x.kw:], x.zero)
	}
	x.n++
	return int32(x.n - 1)
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
	size := 64
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
