package scalar

import "cmp"

// Gather writes src[codes[i]]; a code out of range, as a null row may hold,
// gives the zero value. dst must not be src.
func Gather[T Number](dst, src []T, codes []int32) {
	codes = codes[:len(dst)]
	for i := range dst {
		var v T
		if c := uint(uint32(codes[i])); c < uint(len(src)) {
			v = src[c]
		}
		dst[i] = v
	}
}

// Lookup writes bit codes[i] of table, which has size bits; a code out of
// range gives any value.
func Lookup(dst, table Bits, size int, codes []int32) {
	if size <= 64 {
		var t uint64
		if size > 0 {
			t = table[0]
		}
		lookup64(dst, t, codes)
		return
	}
	for w := 0; len(codes) > 0; w++ {
		n := min(64, len(codes))
		var m uint64
		for j, c := range codes[:n] {
			if i := uint(uint32(c)) >> 6; i < uint(len(table)) {
				m |= table[i] >> (uint(c) & 63) & 1 << uint(j)
			}
		}
		dst[w] = m
		codes = codes[n:]
	}
}

// lookup64 is Lookup in a table of one word, which stays in a register.
func lookup64(dst Bits, t uint64, codes []int32) {
	w := 0
	for ; len(codes) >= 64; codes = codes[64:] {
		var m uint64
		for j := 0; j < 64; j += 8 {
			c := (*[8]int32)(codes[j : j+8])
			m |= (t>>(uint(c[0])&63)&1 | t>>(uint(c[1])&63)&1<<1 | t>>(uint(c[2])&63)&1<<2 | t>>(uint(c[3])&63)&1<<3 |
				t>>(uint(c[4])&63)&1<<4 | t>>(uint(c[5])&63)&1<<5 | t>>(uint(c[6])&63)&1<<6 | t>>(uint(c[7])&63)&1<<7) << uint(j)
		}
		dst[w] = m
		w++
	}
	if len(codes) > 0 {
		var m uint64
		for j, c := range codes {
			m |= t >> (uint(c) & 63) & 1 << uint(j)
		}
		dst[w] = m
	}
}

// Assign writes src where mask is set and leaves the other rows of dst.
func Assign[T any](dst, src []T, mask Bits) {
	konst := len(src) == 1
	for lo := 0; lo < len(dst); lo += 64 {
		m := mask[lo>>6]
		d := dst[lo:min(lo+64, len(dst))]
		if m == 0 {
			continue
		}
		if konst {
			assignConst(d, src[0], m)
			continue
		}
		s := src[lo : lo+len(d)]
		if m == ^uint64(0) {
			copy(d, s)
			continue
		}
		for i := range d {
			v := d[i]
			if m&1 != 0 {
				v = s[i]
			}
			d[i] = v
			m >>= 1
		}
	}
}

func assignConst[T any](d []T, c T, m uint64) {
	for i := range d {
		v := d[i]
		if m&1 != 0 {
			v = c
		}
		d[i] = v
		m >>= 1
	}
}

// In marks the rows of a that are in set, which is in the order of Order.
func In[T Number](dst Bits, a, set []T) {
	for w := range Words(len(a)) {
		var m uint64
		for j, x := range a[w*64 : min(w*64+64, len(a))] {
			m |= bit(contains(set, x)) << uint(j)
		}
		dst[w] = m
	}
}

func contains[T Number](set []T, x T) bool {
	lo, n := 0, len(set)
	for n > 1 {
		half := n >> 1
		if atMost(set[lo+half], x) != 0 {
			lo += half
		}
		n -= half
	}
	return n == 1 && same(set[lo], x) != 0
}

// Order is negative, 0 or positive as x is less than, equal to or greater than
// y.
func Order[T Number](x, y T) int {
	if x != x || y != y { // cmp has NaN first.
		return -cmp.Compare(x, y)
	}
	return cmp.Compare(x, y)
}
