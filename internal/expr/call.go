package expr

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/kernel/scalar"
)

// op is a compiled node. eval gives one vec that the caller owns.
type op interface {
	eval(x *exec) (vec, error)
}

// call is one application of a function to evaluated arguments. The function
// writes out's kind, n and values for all n rows, those of null rows as it
// likes; it need not look at fails, which the caller merges.
type call struct {
	x   *exec
	a   []vec
	n   int
	out vec

	valid *memory.Buffer // rows without a null argument; nil: all
	live  scalar.Bits    // the same, as bits
	bad   *memory.Buffer // rows in which the function failed
	null  *memory.Buffer // validity of results that are null without failure
	noted *memory.Buffer // rows in which a part of the result failed
}

// impl is the body of a function that gives null for null arguments.
type impl func(c *call) error

// skip tells that row i has a null argument.
func (c *call) skip(i int) bool { return c.live != nil && !c.live.Get(i) }

// failAt marks row i as failed.
func (c *call) failAt(i int) {
	if c.bad == nil {
		c.bad = c.x.bitmap(c.n, false)
	}
	bitsOf(c.bad, c.n).Set(i)
}

// note counts a failure in row i that leaves the rest of its value as it is.
func (c *call) note(i int) {
	if c.noted == nil {
		c.noted = c.x.bitmap(c.n, false)
	}
	bitsOf(c.noted, c.n).Set(i)
}

func (c *call) release() {
	c.out.release()
	for _, b := range [...]*memory.Buffer{c.valid, c.bad, c.null, c.noted} {
		if b != nil {
			b.Release()
		}
	}
}

// function is what apply needs to know of a function.
type function struct {
	run   impl
	kind  kind // of the result
	quiet bool // its failures are not counted: TRY_CAST
}

// callOp evaluates its arguments and applies a function to them.
type callOp struct {
	name string
	fn   function
	args []op

	// What CanBeTrue wants to know of a function with constants inside.
	list   []*constOp // of in
	prefix string     // of like: what TRUE begins with
	tail   tail       // of like: what follows that
}

func (c *callOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(c.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	return x.apply(c.fn, args)
}

// evalAll evaluates ops; the caller releases what it gets, error or not.
func (x *exec) evalAll(ops []op) ([]vec, error) {
	vecs := make([]vec, 0, len(ops))
	for _, o := range ops {
		v, err := o.eval(x)
		if err != nil {
			return vecs, err
		}
		vecs = append(vecs, v)
	}
	return vecs, nil
}

// apply runs a function over arguments, which it borrows. Constants give a
// constant. A function of one dictionary and otherwise constants is run over
// the dictionary.
func (x *exec) apply(fn function, args []vec) (vec, error) {
	konst := true
	for i := range args {
		konst = konst && args[i].konst
	}
	n := x.rows
	if konst {
		n = 1
	}
	var fails vec // holds the failures of the arguments
	for i := range args {
		x.or(&fails.fail, x.spreadBits(&args[i], args[i].fail, n), n)
		x.or(&fails.hard, x.spreadBits(&args[i], args[i].hard, n), n)
	}
	out, err := x.applyValues(fn, args, n)
	if err != nil {
		fails.release()
		return vec{}, err
	}
	if out.konst && !konst && (fails.fail != nil || fails.hard != nil) {
		x.flatten(&out)
	}
	x.or(&out.fail, fails.fail, n)
	x.or(&out.hard, fails.hard, n)
	out.konst = out.konst || konst
	return out, nil
}

func (x *exec) applyValues(fn function, args []vec, n int) (vec, error) {
	c := call{x: x, a: args, n: n}
	for i := range args {
		if args[i].konst && args[i].isNull() {
			return x.null(fn.kind), nil
		}
	}
	if i := dictionaryArg(args, n); i >= 0 {
		return x.applyDictionary(fn, args, i)
	}
	for i := range args {
		if !args[i].konst {
			x.and(&c.valid, x.spreadBits(&args[i], args[i].valid, n), n)
		}
	}
	c.live = bitsOf(c.valid, n)
	if err := fn.run(&c); err != nil {
		c.release()
		return vec{}, err
	}
	return c.finish(fn), nil
}

// finish settles validity and failures of the result.
func (c *call) finish(fn function) vec {
	x, n, out := c.x, c.n, c.out
	c.out = vec{}
	out.kind = fn.kind
	if c.bad != nil {
		bits := bitsOf(c.bad, n)
		if c.live != nil {
			bits.And(bits, c.live)
		}
		if bits.Any(n) {
			x.without(&c.valid, c.bad, n)
			if !fn.quiet {
				out.fail, c.bad = c.bad, nil
			}
		}
	}
	if c.noted != nil && !fn.quiet {
		if c.live != nil {
			bits := bitsOf(c.noted, n)
			bits.And(bits, c.live)
		}
		x.or(&out.fail, c.noted, n)
		c.noted = nil
	}
	x.and(&c.valid, c.null, n)
	c.null = nil
	out.valid, c.valid = c.valid, nil
	c.release()
	return out
}

// dictionaryArg is the one argument that is not constant if it is a dictionary
// not much larger than the batch, else -1.
func dictionaryArg(args []vec, n int) int {
	at := -1
	for i := range args {
		if args[i].konst {
			continue
		}
		if at >= 0 || !args[i].coded || args[i].size > 2*n+64 {
			return -1
		}
		at = i
	}
	return at
}

// applyDictionary runs the function once for each value of the dictionary
// args[at] and maps the results to the rows.
func (x *exec) applyDictionary(fn function, args []vec, at int) (vec, error) {
	coded := args[at]
	values := append([]vec(nil), args...)
	values[at] = vec{kind: kString, n: coded.size, offs: coded.offs, data: coded.data}
	c := call{x: x, a: values, n: coded.size}
	if err := fn.run(&c); err != nil {
		c.release()
		return vec{}, err
	}
	table := c.finish(fn)
	defer table.release()
	return x.mapCodes(&coded, &table), nil
}

// mapCodes is the column of table's values at the codes of coded.
func (x *exec) mapCodes(coded, table *vec) vec {
	n, codes := coded.n, coded.codes()
	out := vec{kind: table.kind, n: n}
	switch table.kind {
	case kString:
		out.vals, out.offs, out.data, out.coded, out.size = coded.vals, table.offs, table.data, true, table.n
		for _, b := range [...]*memory.Buffer{out.vals, out.offs, out.data} {
			b.Retain()
		}
	case kBool:
		out.vals = x.lookup(table.vals, table.n, codes)
	case kInt, kTime, kInterval:
		out = x.fixed(table.kind, n)
		scalar.Gather(out.ints(), table.ints(), codes)
	case kFloat:
		out = x.fixed(table.kind, n)
		scalar.Gather(out.floats(), table.floats(), codes)
	case kDate:
		out = x.fixed(table.kind, n)
		scalar.Gather(out.days(), table.days(), codes)
	case kNull, kBinary:
		fallthrough
	default:
		x.takeCodes(&out, table, codes)
	}
	if coded.valid != nil {
		coded.valid.Retain()
		out.valid = coded.valid
	}
	if table.valid != nil {
		x.and(&out.valid, x.lookup(table.valid, table.n, codes), n)
	}
	if table.fail != nil {
		out.fail = x.lookup(table.fail, table.n, codes)
		if coded.valid != nil {
			bits := bitsOf(out.fail, n)
			bits.And(bits, bitsOf(coded.valid, n))
		}
	}
	return out
}

// takeCodes gives out the values of table at the codes; a code that leads
// nowhere is one of a null row.
func (x *exec) takeCodes(out, table *vec, codes []int32) {
	n := out.n
	if table.kind.isDecimal() {
		*out = x.fixed(table.kind, n)
		from, to := table.decimals(), out.decimals()
		for i, c := range codes {
			if uint32(c) < uint32(len(from)) {
				to[i] = from[c]
			}
		}
		return
	}
	buf := x.alloc(4 * n)
	defer buf.Release()
	at := view[int32](buf, n)
	for i, c := range codes {
		if at[i] = c; uint32(c) >= uint32(table.n) {
			at[i] = 0
		}
	}
	if table.n == 0 { // then all rows are null
		*out = x.null(table.kind)
		x.flatten(out)
		x.drop(&out.valid)
		return
	}
	from := table.array()
	defer from.Release()
	rows := kernel.Take(x.mem, from, at)
	defer rows.Release()
	*out = x.load(rows, table.kind)
	x.drop(&out.valid)
}

// lookup is the bitmap of the bits of table at the codes.
func (x *exec) lookup(table *memory.Buffer, size int, codes []int32) *memory.Buffer {
	buf, bits := x.rawBitmap(len(codes))
	scalar.Lookup(bits, bitsOf(table, size), size, codes)
	return buf
}
