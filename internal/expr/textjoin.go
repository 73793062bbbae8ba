package expr

// concatWSOp is concat_ws: nulls among the strings are left out, and only a
// null separator gives null.
type concatWSOp struct{ args []op }

func (o *concatWSOp) eval(x *exec) (vec, error) {
	args, err := x.evalAll(o.args)
	defer releaseAll(args)
	if err != nil {
		return vec{}, err
	}
	c := call{x: x, a: args, n: x.rows}
	var fails vec
	in := make([]texts, len(args))
	for i := range args {
		in[i] = args[i].texts()
		x.or(&fails.fail, x.spreadBits(&args[i], args[i].fail, c.n), c.n)
		x.or(&fails.hard, x.spreadBits(&args[i], args[i].hard, c.n), c.n)
	}
	c.valid = x.spreadBits(&args[0], args[0].valid, c.n)
	c.live = bitsOf(c.valid, c.n)
	out := x.textOut(c.n, 16*c.n)
	var scratch []byte
	for i := range c.n {
		scratch = scratch[:0]
		if !c.skip(i) {
			scratch = appendJoined(scratch, args, in, i)
		}
		if len(scratch) > maxText {
			c.failAt(i)
			scratch = scratch[:0]
		}
		out.addBytes(scratch)
	}
	if err := out.finish(&c.out); err != nil {
		c.release()
		fails.release()
		return vec{}, err
	}
	v := c.finish(function{kind: kString})
	x.or(&v.fail, fails.fail, c.n)
	v.hard = fails.hard
	return v, nil
}

func appendJoined(dst []byte, args []vec, in []texts, i int) []byte {
	first := true
	for j := 1; j < len(args) && len(dst) <= maxText; j++ {
		a := &args[j]
		if a.valid != nil && !bitsOf(a.valid, a.n).Get(i&in[j].mask) {
			continue
		}
		if !first {
			dst = append(dst, in[0].at(i)...)
		}
		first = false
		dst = append(dst, in[j].at(i)...)
	}
	return dst
}
