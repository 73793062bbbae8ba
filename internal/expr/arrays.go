package expr

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/kernel"
)

// maxElements is how long an array is that a function makes; what would be
// longer fails. So does what would bring the elements of a batch to more than
// maxBatch, or their bytes to more than maxBytes.
const (
	maxElements = 1 << 20
	maxBatch    = 8 * maxElements
	maxBytes    = 1 << 28
)

// sizeOf gives the bytes of an element: of a text its own, else their mean.
func sizeOf(in arrow.Array) func(i int32) int {
	switch in := in.(type) {
	case *array.String:
		return func(i int32) int { return in.ValueLen(int(i)) }
	case *array.Binary:
		return func(i int32) int { return in.ValueLen(int(i)) }
	}
	mean := int(in.Data().SizeInBytes()) / max(in.Len(), 1)
	return func(int32) int { return mean }
}

// chosen makes an array of every row out of elements of in: f appends their
// indices, and reports false if it failed.
func chosen(c *call, in arrow.Array, f func(dst []int32, i int) ([]int32, bool)) error {
	c.out = vec{n: c.n, offs: c.x.alloc(4 * (c.n + 1))}
	off := view[int32](c.out.offs, c.n+1)
	off[0] = 0
	var at []int32
	size, used := sizeOf(in), 0
	for i := range c.n {
		if !c.skip(i) {
			n, ok := len(at), false
			at, ok = f(at, i)
			ok = ok && len(at)-n <= maxElements && len(at) <= maxBatch
			own := 0
			for j := n; j < len(at) && ok; j++ {
				own += size(at[j])
				ok = used+own <= maxBytes
			}
			if !ok {
				at, own = at[:n], 0
				c.failAt(i)
			}
			used += own
		}
		off[i+1] = int32(len(at))
	}
	c.out.kids = []arrow.Array{kernel.Take(c.x.mem, in, at)}
	return nil
}

// ofOne is chosen for functions of the elements of one array.
func ofOne(f func(dst []int32, in arrow.Array, order rowOrder, from, to int32) []int32) impl {
	return func(c *call) error {
		in, l := c.a[0].kids[0], c.a[0].lists()
		order := orderOf(in, in)
		return chosen(c, in, func(dst []int32, i int) ([]int32, bool) {
			from, to := l.at(i)
			return f(dst, in, order, from, to), true
		})
	}
}

func upTo(dst []int32, from, to int32) []int32 {
	for ; from < to; from++ {
		dst = append(dst, from)
	}
	return dst
}

// groups numbers the elements at indices so that equal ones have one number.
func groups(at []int32, order rowOrder) []int32 {
	ids := make([]int32, len(at))
	if len(at) <= 32 {
		for i := range at {
			for ids[i] = 0; order(int(at[ids[i]]), int(at[i])) != 0; ids[i]++ {
			}
		}
		return ids
	}
	places := upTo(nil, 0, int32(len(at)))
	slices.SortFunc(places, func(a, b int32) int { return order(int(at[a]), int(at[b])) })
	for i, p := range places {
		if ids[p] = int32(i); i > 0 && order(int(at[places[i-1]]), int(at[p])) == 0 {
			ids[p] = ids[places[i-1]]
		}
	}
	return ids
}

// membership says which elements of a set operation stay.
type membership uint8

const (
	anywhere membership = iota
	inOther
	notInOther
)

// setElements appends the elements of the spans, each once, that are in the
// other span, or are not.
func setElements(dst []int32, order rowOrder, spans [][2]int32, other [2]int32, want membership) []int32 {
	var at []int32
	for _, s := range spans {
		at = upTo(at, s[0], s[1])
	}
	own := len(at)
	at = upTo(at, other[0], other[1])
	ids := groups(at, order)
	known, seen := make([]bool, len(at)), make([]bool, len(at))
	for _, g := range ids[own:] {
		known[g] = true
	}
	for i, g := range ids[:own] {
		if !seen[g] && (want == anywhere || known[g] == (want == inOther)) {
			dst = append(dst, at[i])
		}
		seen[g] = true
	}
	return dst
}

func distinctElements(dst []int32, _ arrow.Array, order rowOrder, from, to int32) []int32 {
	return setElements(dst, order, [][2]int32{{from, to}}, [2]int32{}, anywhere)
}

// sorted orders elements, nulls first, or downwards with nulls last.
func sorted(descending, nullsLast bool) func([]int32, arrow.Array, rowOrder, int32, int32) []int32 {
	return func(dst []int32, in arrow.Array, order rowOrder, from, to int32) []int32 {
		start := len(dst)
		dst = upTo(dst, from, to)
		slices.SortStableFunc(dst[start:], func(a, b int32) int {
			if an, bn := in.IsNull(int(a)), in.IsNull(int(b)); nullsLast && an != bn {
				return boolInt(an) - boolInt(bn)
			}
			if descending {
				a, b = b, a
			}
			return order(int(a), int(b))
		})
		return dst
	}
}

func reversed(dst []int32, _ arrow.Array, _ rowOrder, from, to int32) []int32 {
	for to--; to >= from; to-- {
		dst = append(dst, to)
	}
	return dst
}

func compacted(dst []int32, in arrow.Array, _ rowOrder, from, to int32) []int32 {
	for ; from < to; from++ {
		if in.IsValid(int(from)) {
			dst = append(dst, from)
		}
	}
	return dst
}

// sliced is slice: from a position on, from 1 or from the end if it is
// negative; position 0 and a negative length fail.
func sliced(c *call) error {
	l, start, count := c.a[0].lists(), rowsOf(&c.a[1], c.a[1].ints()), rowsOf(&c.a[2], c.a[2].ints())
	return chosen(c, c.a[0].kids[0], func(dst []int32, i int) ([]int32, bool) {
		from, to := l.at(i)
		at, n, size := start.at(i), count.at(i), int64(to-from)
		switch {
		case at == 0 || n < 0:
			return dst, false
		case at < 0:
			at += size
		default:
			at--
		}
		if at < 0 || at >= size {
			return dst, true
		}
		return upTo(dst, from+int32(at), from+int32(at+min(n, size-at))), true
	})
}

// extreme is array_min, or array_max: of the elements that are not null.
func extreme(k kind, sign int) impl {
	return func(c *call) error {
		in, l := c.a[0].kids[0], c.a[0].lists()
		order := valueOrder(in, in)
		at, buf := c.x.indices(c.n)
		defer buf.Release()
		for i := range at {
			at[i] = -1
			if c.skip(i) {
				continue
			}
			for from, to := l.at(i); from < to; from++ {
				if in.IsValid(int(from)) && (at[i] < 0 || order(int(from), int(at[i]))*sign > 0) {
					at[i] = from
				}
			}
		}
		c.give(c.x.pick(in, k, at))
		return nil
	}
}

// flattened puts the arrays in an array one after the other; one that is null
// makes all null.
func flattened(c *call) error {
	y := exec{mem: c.x.mem, rows: c.a[0].kids[0].Len()}
	inner := y.load(c.a[0].kids[0], c.a[0].kind.elements()[0])
	defer inner.release()
	outer, l := c.a[0].lists(), inner.lists()
	valid := bitsOf(inner.valid, inner.n)
	null, known := c.x.rawBitmap(c.n)
	known.Fill(true)
	c.null = null
	return chosen(c, inner.kids[0], func(dst []int32, i int) ([]int32, bool) {
		for from, to := outer.at(i); from < to; from++ {
			if valid != nil && !valid.Get(int(from)) {
				known[i>>6] &^= 1 << (i & 63)
				continue
			}
			a, b := l.at(int(from))
			if dst = upTo(dst, a, b); len(dst) > maxBatch {
				return dst, false
			}
		}
		return dst, true
	})
}

// stackKids is the elements of all arguments, which are arrays, one after the
// other, and where those of each start.
func (c *call) stackKids() (arrow.Array, []int32, error) {
	parts, base, size := make([]arrow.Array, len(c.a)), make([]int32, len(c.a)), int32(0)
	for i := range c.a {
		parts[i], base[i] = c.a[i].kids[0], size
		size += int32(parts[i].Len())
	}
	all, err := kernel.Concat(c.x.mem, parts)
	return all, base, err
}

// ofAll is chosen for functions of several arrays of one type.
func ofAll(f func(dst []int32, order rowOrder, spans [][2]int32) []int32) impl {
	return func(c *call) error {
		all, base, err := c.stackKids()
		if err != nil {
			return err
		}
		defer all.Release()
		order, spans, in := orderOf(all, all), make([][2]int32, len(c.a)), make([]lists, len(c.a))
		for j := range in {
			in[j] = c.a[j].lists()
		}
		return chosen(c, all, func(dst []int32, i int) ([]int32, bool) {
			for j := range spans {
				from, to := in[j].at(i)
				spans[j] = [2]int32{base[j] + from, base[j] + to}
			}
			return f(dst, order, spans), true
		})
	}
}

func concatArrays(dst []int32, _ rowOrder, spans [][2]int32) []int32 {
	for _, s := range spans {
		dst = upTo(dst, s[0], s[1])
	}
	return dst
}

func unionArrays(dst []int32, order rowOrder, spans [][2]int32) []int32 {
	return setElements(dst, order, spans, [2]int32{}, anywhere)
}

// keepArrays keeps the elements of the first array that are, or are not, in
// the second.
func keepArrays(want membership) func([]int32, rowOrder, [][2]int32) []int32 {
	return func(dst []int32, order rowOrder, spans [][2]int32) []int32 {
		return setElements(dst, order, spans[:1], spans[1], want)
	}
}

// withValue is array_append, array_prepend and array_remove: an array and a
// value.
func withValue(name string) impl {
	return func(c *call) error {
		value := c.x.plain(&c.a[1])
		defer value.Release()
		all, err := kernel.Concat(c.x.mem, []arrow.Array{c.a[0].kids[0], value})
		if err != nil {
			return err
		}
		defer all.Release()
		l, order, base := c.a[0].lists(), orderOf(all, all), int32(c.a[0].kids[0].Len())
		return chosen(c, all, func(dst []int32, i int) ([]int32, bool) {
			from, to := l.at(i)
			own := base
			if !c.a[1].konst {
				own += int32(i)
			}
			switch name {
			case "array_append":
				return append(upTo(dst, from, to), own), true
			case "array_prepend":
				return upTo(append(dst, own), from, to), true
			}
			for ; from < to; from++ {
				if order(int(from), int(own)) != 0 {
					dst = append(dst, from)
				}
			}
			return dst, true
		})
	}
}

// joined is array_join: the strings of an array with a text between; nulls are
// left out, or replaced by a third argument.
func joined(c *call) func([]byte, int) ([]byte, bool) {
	y := exec{mem: c.x.mem, rows: c.a[0].kids[0].Len()}
	in := y.load(c.a[0].kids[0], kString)
	defer in.release() // the array that is borrowed keeps what in shares
	texts, l, by := in.texts(), c.a[0].lists(), c.a[1].texts()
	elements := c.a[0].kids[0]
	return func(dst []byte, i int) ([]byte, bool) {
		first := true
		for from, to := l.at(i); from < to && len(dst) <= maxText; from++ {
			s := ""
			if elements.IsNull(int(from)) {
				if len(c.a) < 3 {
					continue
				}
				t := c.a[2].texts()
				s = t.at(i)
			} else {
				s = texts.at(int(from))
			}
			if !first {
				dst = append(dst, by.at(i)...)
			}
			first = false
			dst = append(dst, s...)
		}
		return dst, len(dst) <= maxText
	}
}

// repeatedValue is array_repeat: a value, which may be null, n times.
func repeatedValue(c *call) error {
	value := c.x.plain(&c.a[0])
	defer value.Release()
	times := rowsOf(&c.a[1], c.a[1].ints())
	if c.a[1].valid != nil {
		c.null = c.x.spreadBits(&c.a[1], c.a[1].valid, c.n)
	}
	known := bitsOf(c.null, c.n)
	return chosen(c, value, func(dst []int32, i int) ([]int32, bool) {
		n, own := times.at(i), int32(i)
		if c.a[0].konst {
			own = 0
		}
		if known != nil && !known.Get(i) {
			return dst, true
		}
		if n > maxElements || len(dst) > maxBatch {
			return dst, false
		}
		for ; n > 0; n-- {
			dst = append(dst, own)
		}
		return dst, true
	})
}

// sequence is the numbers, or the times, from start to stop by a step.
func sequence(k kind) impl {
	return func(c *call) error {
		from, to := rowsOf(&c.a[0], c.a[0].ints()), rowsOf(&c.a[1], c.a[1].ints())
		step := rows[int64]{}
		if len(c.a) > 2 {
			step = rowsOf(&c.a[2], c.a[2].ints())
		}
		offs := c.x.alloc(4 * (c.n + 1))
		off := view[int32](offs, c.n+1)
		off[0] = 0
		var all []int64
		for i := range c.n {
			if !c.skip(i) {
				a, b, by := from.at(i), to.at(i), int64(1)
				if step.v != nil {
					by = step.at(i)
				} else if a > b {
					by = -1
				}
				if !sequenceFits(a, b, by) || len(all) > maxBatch {
					c.failAt(i)
				} else {
					for n := uint64(0); n <= steps(a, b, by); n++ {
						all = append(all, a+int64(n)*by)
					}
				}
			}
			off[i+1] = int32(len(all))
		}
		v := c.x.fixed(k, len(all))
		defer v.release()
		copy(v.ints(), all)
		c.out = vec{n: c.n, offs: offs, kids: []arrow.Array{v.array()}}
		return nil
	}
}

// steps is how often by fits between a and b.
func steps(a, b, by int64) uint64 {
	if by == 0 {
		return 0
	}
	if by < 0 {
		a, b, by = b, a, -by
	}
	return (uint64(b) - uint64(a)) / uint64(by)
}

// sequenceFits tells whether steps of by lead from a to b, in not too many.
func sequenceFits(a, b, by int64) bool {
	if a == b {
		return true
	}
	return by != 0 && (by > 0) == (b > a) && steps(a, b, by) < maxElements
}

// overlap is whether two arrays have an element in common that is not null;
// null if they have not, but one of them holds a null.
func overlap(c *call) error {
	all, base, err := c.stackKids()
	if err != nil {
		return err
	}
	defer all.Release()
	order, p, q := orderOf(all, all), c.a[0].lists(), c.a[1].lists()
	null, known := c.x.rawBitmap(c.n)
	known.Fill(true)
	c.null = null
	var at []int32
	return c.bools(func(i int) bool {
		if c.skip(i) {
			return false
		}
		at = at[:0]
		nulls, own := false, 0
		for side, l := range [...]lists{p, q} {
			own = len(at)
			from, to := l.at(i)
			for j := base[side] + from; j < base[side]+to; j++ {
				if all.IsNull(int(j)) {
					nulls = true
					continue
				}
				at = append(at, j)
			}
		}
		ids := groups(at, order)
		seen := make([]bool, len(at))
		for _, g := range ids[:own] {
			seen[g] = true
		}
		for _, g := range ids[own:] {
			if seen[g] {
				return true
			}
		}
		if nulls {
			known[i>>6] &^= 1 << (i & 63)
		}
		return false
	})
}
