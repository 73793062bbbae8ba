package expr

import "github.com/apache/arrow-go/v18/arrow/memory"

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
	if yes, no, ok := o.numbers(); ok {
		return o.pick(x, yes, no)
	}
	c := x.chooser(o.kind)
	todo := x.bitmap(x.rows, true)
	defer todo.Release()
	if err := o.choose(x, c, todo); err != nil {
		c.release()
		return vec{}, err
	}
	return c.finish()
}

// numbers returns the two numbers of CASE WHEN c THEN 1 ELSE 0 END and the like, as
// the words that hold them.
func (o *caseOp) numbers() (yes, no uint64, ok bool) {
	if o.operand != nil || len(o.ifs) != 1 || o.kind != kInt && o.kind != kFloat {
		return 0, 0, false
	}
	var words [2]uint64
	for i := range words {
		c, ok := o.thens[i].(*constOp)
		if !ok || c.v.isNull() {
			return 0, 0, false
		}
		words[i] = view[uint64](c.v.vals, 1)[0]
	}
	return words[0], words[1], true
}

// pick is yes where the one condition is TRUE and no elsewhere.
func (o *caseOp) pick(x *exec, yes, no uint64) (vec, error) {
	v, err := o.ifs[0].eval(x)
	if err != nil {
		return vec{}, err
	}
	x.flatten(&v)
	defer func() { v.release() }()
	out, valid := x.fixed(o.kind, x.rows), bitsOf(v.valid, x.rows)
	dst, differ := view[uint64](out.vals, x.rows), yes^no
	for w, bits := range v.bits() {
		if valid != nil {
			bits &= valid[w]
		}
		to := dst[w*64 : min(w*64+64, x.rows)]
		for i := range to {
			to[i] = no ^ differ&-(bits>>(i&63)&1)
		}
	}
	out.fail, out.hard, v.fail, v.hard = v.fail, v.hard, nil, nil
	return out, nil
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
	most   bool     // the largest
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
