package expr

// sharedOp is an operation that stands in several places of one expression, as
// hour(ts) does in CASE WHEN hour(ts) < 6 OR hour(ts) >= 22 THEN ... END. It is
// evaluated once a batch. That is sound because an evaluation is always over all
// rows of the batch, whatever branch it stands in, and a value and its failures
// depend on nothing but the row.
type sharedOp struct {
	op
	slot int
}

func (s *sharedOp) eval(x *exec) (vec, error) {
	if v := &x.shared[s.slot]; v.n > 0 {
		return v.retain(), nil
	}
	v, err := s.op.eval(x)
	if err == nil {
		x.shared[s.slot] = v.retain()
	}
	return v, err
}

// repeats counts the operations below n by how they print; only those that
// occur more than once are kept.
func repeats(n Node) map[string]int {
	count := map[string]int{}
	walk(n, func(n Node) {
		switch n.(type) {
		case *Call, *Cast, *Case:
			count[n.String()]++
		case *Column, *Literal:
		}
	})
	for k, c := range count {
		if c < 2 {
			delete(count, k)
		}
	}
	return count
}

// share compiles a node that may occur again, once.
func (c *compiler) share(n Node) (typed, *Error) {
	if len(c.repeats) == 0 {
		return c.compileNew(n)
	}
	key := ""
	switch n.(type) {
	case *Call, *Cast, *Case:
		key = n.String()
	case *Column, *Literal:
	}
	if c.repeats[key] == 0 {
		return c.compileNew(n)
	}
	if t, ok := c.known[key]; ok {
		return t, nil
	}
	t, err := c.compileNew(n)
	if err != nil {
		return t, err
	}
	if _, done := t.constant(); !done && !isConstant(n) { // constants are evaluated while they are folded
		t.op = &sharedOp{op: t.op, slot: c.shared}
		c.shared++
	}
	if c.known == nil {
		c.known = map[string]typed{}
	}
	c.known[key] = t
	return t, nil
}
