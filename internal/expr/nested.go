package expr

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel"
)

// openOp applies a function that looks at nulls itself: its body sees all rows.
type openOp struct {
	name string
	fn   function
	args []op
}

func (o *openOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(o.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	c, konst := call{x: x, a: args, n: 1}, true
	for i := range args {
		if !args[i].konst {
			c.n, konst = x.rows, false
		}
	}
	var fails vec
	for i := range args {
		x.or(&fails.fail, x.spreadBits(&args[i], args[i].fail, c.n), c.n)
		x.or(&fails.hard, x.spreadBits(&args[i], args[i].hard, c.n), c.n)
	}
	if err := o.fn.run(&c); err != nil {
		c.release()
		fails.release()
		return vec{}, err
	}
	v := c.finish(o.fn)
	v.konst = konst
	x.or(&v.fail, fails.fail, c.n)
	x.or(&v.hard, fails.hard, c.n)
	return v, nil
}

// lists reads the offsets of lists and maps by row number.
type lists struct {
	off  []int32
	mask int
}

func (v *vec) lists() lists {
	l := lists{off: view[int32](v.offs, v.n+1), mask: -1}
	if v.konst {
		l.mask = 0
	}
	return l
}

// at is where the elements of row i start and end.
func (l lists) at(i int) (from, to int32) {
	i &= l.mask
	return l.off[i], l.off[i+1]
}

// plain is the array of v for use inside of a nested array, where strings are
// no dictionaries.
func (x *exec) plain(v *vec) arrow.Array {
	if !v.coded {
		return v.array()
	}
	in, out := v.texts(), x.textOut(v.n, 8*v.n)
	valid := bitsOf(v.valid, v.n)
	for i := range v.n {
		s := ""
		if valid == nil || valid.Get(i) {
			s = in.at(i)
		}
		out.add(s)
	}
	var w vec
	if out.finish(&w) != nil { // longer than offsets reach: an array of nulls
		return kernel.Nulls(x.mem, arrow.BinaryTypes.String, v.n)
	}
	defer w.release()
	if w.valid = v.valid; w.valid != nil {
		w.valid.Retain()
	}
	return w.array()
}

// pick is the column of the values of in at the indices, null where one is
// negative.
func (x *exec) pick(in arrow.Array, k kind, at []int32) vec {
	valid, bits := x.rawBitmap(len(at))
	bits.Fill(false)
	some, all := false, true
	for i, j := range at {
		if j >= 0 {
			some = true
			bits.Set(i)
			continue
		}
		at[i], all = 0, false
	}
	if !some {
		valid.Release()
		v := x.null(k)
		if len(at) != 1 {
			y := exec{mem: x.mem, rows: len(at)}
			y.flatten(&v)
		}
		v.konst = false
		return v
	}
	rows := kernel.Take(x.mem, in, at)
	defer rows.Release()
	v := x.load(rows, k)
	if all {
		valid.Release()
		return v
	}
	x.and(&v.valid, valid, len(at))
	return v
}

// give makes v, which may have nulls of its own, the result of the call.
func (c *call) give(v vec) {
	c.null, v.valid = v.valid, nil
	c.out = v
}

// indices is scratch for n row numbers.
func (x *exec) indices(n int) ([]int32, *memory.Buffer) {
	b := x.alloc(4 * n)
	return view[int32](b, n), b
}

// structField is x.name of a struct: its field i.
func structField(i int, k kind) impl {
	return func(c *call) error {
		c.give(c.x.load(c.a[0].kids[i], k))
		return nil
	}
}

// fieldOfEach is x.name of an array of structs: an array of their field i.
func fieldOfEach(i int) impl {
	return func(c *call) error {
		v := &c.a[0]
		elements, ok := v.kids[0].(*array.Struct)
		if !ok {
			return nil
		}
		f := c.x.load(elements.Field(i), kindOf(elements.Field(i).DataType()))
		defer f.release()
		if elements.NullN() > 0 {
			c.x.and(&f.valid, c.x.loadBits(elements.NullBitmapBytes(), elements.Data().Offset(), f.n), f.n)
		}
		v.offs.Retain()
		c.out = vec{n: v.n, offs: v.offs, kids: []arrow.Array{f.array()}}
		return nil
	}
}

// elementAt is the element of an array at an index from 0; with fromOne from
// 1, or from the end if it is negative, and index 0 fails. There is null
// outside of the array.
func elementAt(fromOne bool, k kind) impl {
	return func(c *call) error {
		in, index := c.a[0].lists(), rowsOf(&c.a[1], c.a[1].ints())
		at, buf := c.x.indices(c.n)
		defer buf.Release()
		for i := range at {
			at[i] = -1
			if c.skip(i) {
				continue
			}
			from, to := in.at(i)
			j, n := index.at(i), int64(to-from)
			switch {
			case !fromOne:
			case j == 0:
				c.failAt(i)
				continue
			case j > 0:
				j--
			default:
				j += n
			}
			if j >= 0 && j < n {
				at[i] = from + int32(j)
			}
		}
		c.give(c.x.pick(c.a[0].kids[0], k, at))
		return nil
	}
}

// valueOf is the value of a map at a key, null if it is not there.
func valueOf(k kind) impl {
	return func(c *call) error {
		at, buf := c.x.indices(c.n)
		defer buf.Release()
		c.find(0, 1, at)
		c.give(c.x.pick(c.a[0].kids[1], k, at))
		return nil
	}
}

// find writes where in the first kid of the list or map the value stands that
// is in the same row, -1 if it does not.
func (c *call) find(list, value int, at []int32) (nulls bool) {
	v := &c.a[value]
	key, mask := c.x.plain(v), -1
	defer key.Release()
	if v.konst {
		mask = 0
	}
	in, keys := c.a[list].lists(), c.a[list].kids[0]
	nulls = keys.NullN() > 0
	order := valueOrder(keys, key)
	for i := range at {
		at[i] = -1
		if c.skip(i) {
			continue
		}
		for from, to := in.at(i); from < to; from++ {
			if !(nulls && keys.IsNull(int(from))) && order(int(from), i&mask) == 0 {
				at[i] = from
				break
			}
		}
	}
	return nulls
}

// newArray makes an array of the arguments of each row.
func newArray(c *call) error {
	parts, base, err := c.stack()
	if err != nil {
		return err
	}
	defer parts.Release()
	at, buf := c.x.indices(c.n * len(c.a))
	defer buf.Release()
	c.out = vec{n: c.n, offs: c.x.alloc(4 * (c.n + 1))}
	off := view[int32](c.out.offs, c.n+1)
	for i := range c.n {
		off[i] = int32(i * len(c.a))
		for j := range c.a {
			at[i*len(c.a)+j] = base[j] + int32(i)
			if c.a[j].konst {
				at[i*len(c.a)+j] = base[j]
			}
		}
	}
	off[c.n] = int32(len(at))
	c.out.kids = []arrow.Array{kernel.Take(c.x.mem, parts, at)}
	return nil
}

// stack is the values of all arguments one after the other, and where those of
// each start.
func (c *call) stack() (arrow.Array, []int32, error) {
	parts, base := make([]arrow.Array, len(c.a)), make([]int32, len(c.a))
	size := int32(0)
	for i := range c.a {
		parts[i], base[i] = c.x.plain(&c.a[i]), size
		defer parts[i].Release()
		size += int32(c.a[i].n)
	}
	all, err := kernel.Concat(c.x.mem, parts)
	return all, base, err
}

// newStruct makes a struct of the arguments, which it shares.
func newStruct(c *call) error {
	c.out = vec{n: c.n}
	for i := range c.a {
		v := c.a[i].retain()
		if v.konst && c.n > 1 {
			y := exec{mem: c.x.mem, rows: c.n}
			y.flatten(&v)
		}
		c.out.kids = append(c.out.kids, c.x.plain(&v))
		v.release()
	}
	return nil
}

// newMap makes a map of the arguments: keys and values in turn. A null key
// and one that comes twice fail.
func newMap(c *call) error {
	all := c.a
	half := func(odd int) (vec, error) {
		c.a = nil
		for i := odd; i < len(all); i += 2 {
			c.a = append(c.a, all[i])
		}
		err := newArray(c)
		v := c.out
		c.out = vec{}
		return v, err
	}
	defer func() { c.a = all }()
	keys, err := half(0)
	defer func() { keys.release() }()
	if err != nil {
		return err
	}
	values, err := half(1)
	defer func() { values.release() }()
	if err != nil {
		return err
	}
	c.out = vec{n: c.n, offs: keys.offs, kids: []arrow.Array{keys.kids[0], values.kids[0]}}
	c.out = c.out.retain()
	m, keep := len(all)/2, []int32(nil)
	if c.badKeys(keys.kids[0], m); c.bad == nil {
		return nil
	}
	bad, off := bitsOf(c.bad, c.n), view[int32](c.out.offs, c.n+1)
	for i := range c.n {
		off[i] = int32(len(keep))
		for j := i * m; j < (i+1)*m && !bad.Get(i); j++ {
			keep = append(keep, int32(j))
		}
	}
	off[c.n] = int32(len(keep))
	for i, kid := range c.out.kids {
		c.out.kids[i] = kernel.Take(c.x.mem, kid, keep)
		kid.Release()
	}
	return nil
}

// badKeys fails the rows in which one of m keys is null or comes twice.
func (c *call) badKeys(keys arrow.Array, m int) {
	order := orderOf(keys, keys)
	for i := range c.n {
		for j := i * m; j < (i+1)*m; j++ {
			bad := keys.IsNull(j)
			for k := i * m; k < j && !bad; k++ {
				bad = order(j, k) == 0
			}
			if bad {
				c.failAt(i)
			}
		}
	}
}
