package expr

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/idag/idag/internal/kernel/scalar"
)

// chooser puts a column together from branches that each give some of the
// rows. Rows that no branch gives are null.
type chooser struct {
	x   *exec
	n   int
	out vec

	texts []vec          // branches of strings, put together at the end
	which *memory.Buffer // index into texts by row
}

func (x *exec) chooser(k kind) *chooser {
	c := &chooser{x: x, n: x.rows}
	if k == kString {
		c.out = vec{kind: k, n: c.n}
		c.which = x.alloc(4 * c.n)
		fill(view[int32](c.which, c.n), -1)
	} else {
		c.out = x.fixed(k, c.n)
	}
	c.out.valid = x.bitmap(c.n, false)
	return c
}

func (c *chooser) release() {
	c.out.release()
	releaseAll(c.texts)
	if c.which != nil {
		c.which.Release()
	}
}

// reach counts the failures of v in the rows of mask.
func (c *chooser) reach(v *vec, mask *memory.Buffer) {
	for _, p := range [...]struct {
		to   **memory.Buffer
		from *memory.Buffer
	}{{&c.out.fail, v.fail}, {&c.out.hard, v.hard}} {
		if p.from != nil {
			all := c.x.spreadBits(v, p.from, c.n)
			c.x.or(p.to, c.x.within(all, mask, c.n), c.n)
			all.Release()
		}
	}
}

// take gives the rows of sel the values of v.
func (c *chooser) take(v *vec, sel *memory.Buffer) {
	mask := bitsOf(sel, c.n)
	valid := bitsOf(c.out.valid, c.n)
	switch {
	case v.valid == nil:
		valid.Or(valid, mask)
	case v.konst:
		if v.isNull() {
			return
		}
		valid.Or(valid, mask)
	default:
		for i, w := range bitsOf(v.valid, c.n) {
			valid[i] |= w & mask[i]
		}
	}
	switch c.out.kind {
	case kBool:
		bits := c.out.bits()
		vals := c.x.spreadBits(v, v.vals, c.n)
		for i, w := range bitsOf(vals, c.n) {
			bits[i] = bits[i]&^mask[i] | w&mask[i]
		}
		vals.Release()
	case kInt, kTime, kInterval:
		scalar.Assign(c.out.ints(), v.ints(), mask)
	case kFloat:
		scalar.Assign(c.out.floats(), v.floats(), mask)
	case kDate:
		scalar.Assign(c.out.days(), v.days(), mask)
	case kString:
		scalar.Assign(view[int32](c.which, c.n), []int32{int32(len(c.texts))}, mask)
		c.texts = append(c.texts, v.retain())
	case kNull:
	}
}

// finish is the column; the chooser holds nothing any more.
func (c *chooser) finish() (vec, error) {
	defer c.release()
	if bitsOf(c.out.valid, c.n).Count(c.n) == c.n {
		c.out.valid.Release()
		c.out.valid = nil
	}
	if c.out.kind == kString {
		if err := c.finishTexts(); err != nil {
			return vec{}, err
		}
	}
	out := c.out
	c.out = vec{}
	return out, nil
}

// finishTexts joins the dictionaries of the branches if they all have one and
// it is worth it, else writes the strings one by one. A joined dictionary may
// hold a value twice.
func (c *chooser) finishTexts() error {
	size := 0
	base := make([]int32, len(c.texts))
	for i := range c.texts {
		t := &c.texts[i]
		if !t.coded && !t.konst {
			return c.copyTexts()
		}
		base[i] = int32(size)
		if j := c.sameDictionary(i); j < i {
			base[i] = base[j]
			continue
		}
		size += t.dictionarySize()
	}
	if size > 2*c.n+64 {
		return c.copyTexts()
	}
	return c.joinTexts(base, size)
}

func (v *vec) dictionarySize() int {
	if v.coded {
		return v.size
	}
	return 1
}

// sameDictionary is the first branch that shares its values with branch i.
func (c *chooser) sameDictionary(i int) int {
	for j := range i {
		a, b := &c.texts[i], &c.texts[j]
		if a.size == b.size && a.size > 0 && &a.offs.Bytes()[0] == &b.offs.Bytes()[0] && a.data.Len() == b.data.Len() {
			return j
		}
	}
	return i
}

func (c *chooser) joinTexts(base []int32, size int) error {
	out := c.x.textOut(size, 64)
	for i := range c.texts {
		if c.sameDictionary(i) < i {
			continue
		}
		t := c.texts[i].dictionaryTexts()
		for j := range c.texts[i].dictionarySize() {
			out.add(t.at(j))
		}
	}
	if err := out.finish(&c.out); err != nil {
		return err
	}
	c.out.coded, c.out.size, c.out.n = true, size, c.n
	c.out.vals, c.which = c.which, nil
	codes := c.out.codes()
	own := make([]rows[int32], len(c.texts))
	for i := range c.texts {
		own[i] = rows[int32]{v: []int32{0}}
		if c.texts[i].coded {
			own[i] = rows[int32]{v: c.texts[i].codes(), mask: -1}
		}
	}
	for i, w := range codes {
		code := int32(0)
		if w >= 0 {
			code = base[w] + own[w].at(i)
		}
		if uint32(code) >= uint32(size) {
			code = 0 // of a null row
		}
		codes[i] = code
	}
	return nil
}

// dictionaryTexts reads the values of the dictionary of v by code.
func (v *vec) dictionaryTexts() texts {
	values := vec{n: v.dictionarySize(), offs: v.offs, data: v.data}
	return values.texts()
}

func (c *chooser) copyTexts() error {
	from := make([]texts, len(c.texts))
	for i := range c.texts {
		from[i] = c.texts[i].texts()
	}
	valid := bitsOf(c.out.valid, c.n)
	out := c.x.textOut(c.n, 8*c.n)
	for i, w := range view[int32](c.which, c.n) {
		if w < 0 || valid != nil && !valid.Get(i) {
			out.add("")
			continue
		}
		out.add(from[w].at(i))
	}
	return out.finish(&c.out)
}

// caseOp is CASE and IF. With an operand, each condition is a value that is
// compared with it.
type caseOp struct {
	kind    kind
	operand op
	eq      function
	ifs     []op
	thens   []op // one more than ifs: ELSE
}

func (o *caseOp) eval(x *exec) (vec, error) {
	c := x.chooser(o.kind)
	todo := x.bitmap(x.rows, true)
	defer todo.Release()
	if err := o.choose(x, c, todo); err != nil {
		c.release()
		return vec{}, err
	}
	return c.finish()
}

// choose runs the branches; todo are the rows that have not found theirs.
func (o *caseOp) choose(x *exec, c *chooser, todo *memory.Buffer) error {
	var operand vec
	if o.operand != nil {
		var err error
		if operand, err = o.operand.eval(x); err != nil {
			return err
		}
		defer operand.release()
		c.reach(&operand, todo)
	}
	open := bitsOf(todo, x.rows)
	for i := range o.ifs {
		sel, err := o.condition(x, c, &operand, o.ifs[i], todo)
		if err != nil {
			return err
		}
		open.AndNot(open, bitsOf(sel, x.rows))
		err = c.branch(o.thens[i], sel)
		sel.Release()
		if err != nil {
			return err
		}
		if !open.Any(x.rows) {
			return nil
		}
	}
	return c.branch(o.thens[len(o.ifs)], todo)
}

// condition is the rows of todo in which the condition is TRUE.
func (o *caseOp) condition(x *exec, c *chooser, operand *vec, cond op, todo *memory.Buffer) (*memory.Buffer, error) {
	v, err := cond.eval(x)
	if err != nil {
		return nil, err
	}
	if o.operand != nil {
		value := v
		v, err = x.apply(o.eq, []vec{*operand, value})
		value.release()
		if err != nil {
			return nil, err
		}
	}
	defer func() { v.release() }()
	c.reach(&v, todo)
	x.flatten(&v)
	sel := x.within(v.vals, todo, x.rows)
	if v.valid != nil {
		bits := bitsOf(sel, x.rows)
		bits.And(bits, bitsOf(v.valid, x.rows))
	}
	return sel, nil
}

// branch evaluates o for the rows of sel, if there are any.
func (c *chooser) branch(o op, sel *memory.Buffer) error {
	if !bitsOf(sel, c.n).Any(c.n) {
		return nil
	}
	v, err := o.eval(c.x)
	if err != nil {
		return err
	}
	defer v.release()
	c.reach(&v, sel)
	c.take(&v, sel)
	return nil
}

// coalesceOp is the first of its arguments that is not null.
type coalesceOp struct {
	kind kind
	args []op
}

func (o *coalesceOp) eval(x *exec) (vec, error) {
	c := x.chooser(o.kind)
	todo := x.bitmap(x.rows, true)
	defer todo.Release()
	open := bitsOf(todo, x.rows)
	for i, a := range o.args {
		v, err := a.eval(x)
		if err != nil {
			c.release()
			return vec{}, err
		}
		if i == 0 && v.valid == nil {
			c.release()
			return v, nil
		}
		c.reach(&v, todo)
		valid := x.spreadBits(&v, v.valid, x.rows)
		c.takeOpen(&v, valid, todo)
		v.release()
		if valid != nil {
			open.AndNot(open, bitsOf(valid, x.rows))
			valid.Release()
		} else {
			open.Fill(false)
		}
		if !open.Any(x.rows) {
			break
		}
	}
	return c.finish()
}

// takeOpen takes the rows of v that are valid, of those in todo.
func (c *chooser) takeOpen(v *vec, valid, todo *memory.Buffer) {
	if valid == nil {
		c.take(v, todo)
		return
	}
	sel := c.x.within(valid, todo, c.n)
	c.take(v, sel)
	sel.Release()
}

// extremeOp is the largest (smallest) argument that is not null.
type extremeOp struct {
	kind   kind
	better function // better(candidate, best)
	args   []op
}

func (o *extremeOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(o.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	best := args[0].retain()
	for i := range args[1:] {
		next, err := o.pick(x, &best, &args[i+1])
		best.release()
		if err != nil {
			return vec{}, err
		}
		best = next
	}
	return best, nil
}

// pick is the better of two columns, row by row.
func (o *extremeOp) pick(x *exec, best, next *vec) (vec, error) {
	better, err := x.apply(o.better, []vec{*next, *best})
	if err != nil {
		return vec{}, err
	}
	defer func() { better.release() }()
	x.flatten(&better)
	sel := bitsOf(better.vals, x.rows)
	if better.valid != nil {
		sel.And(sel, bitsOf(better.valid, x.rows))
	}
	if best.valid != nil { // where best is null, next is no worse
		known := x.spreadBits(best, best.valid, x.rows)
		for i, w := range bitsOf(known, x.rows) {
			sel[i] |= ^w
		}
		known.Release()
	}
	c := x.chooser(o.kind)
	all := x.bitmap(x.rows, true)
	defer all.Release()
	for _, v := range [...]*vec{best, next} {
		c.reach(v, all)
	}
	c.take(best, all)
	c.take(next, better.vals)
	return c.finish()
}
