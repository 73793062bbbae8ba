package expr

func choiceEntries() []entry {
	special := func(name, signature, doc, example string, low, high int,
		f func(c *compiler, n *Call, args []typed) (typed, *Error)) entry {
		return entry{doc: funcDoc{name, signature, doc, example}, special: f, min: low, max: high}
	}
	tried := func(name, of, example string) entry {
		return special(name, name+"(a, b)", "As "+of+", but its own failure is not counted.", example, 2, 2,
			func(c *compiler, n *Call, args []typed) (typed, *Error) { return compileTry(c, n, of, args) })
	}
	return []entry{
		special("nvl2", "nvl2(x, a, b)", "a where x is not null, else b. Failures of a branch count where it is taken.", "nvl2(NULL, 1, 2) = 2", 3, 3, compileNvl2),
		special("decode", "decode(x, v, a, ...[, other])", "The value behind the first v that x equals, nulls being equal, else other or null.", "decode(2, 1, 'one', 2, 'two', '?') = 'two'", 3, -1, compileDecode),
		special("typeof", "typeof(x)", "The name of the type.", "typeof(array(1)) = 'array<bigint>'", 1, 1,
			func(_ *compiler, _ *Call, args []typed) (typed, *Error) {
				name := args[0].kind.String()
				if args[0].kind == kNull {
					name = "void"
				}
				return typed{op: literal(name), kind: kString}, nil
			}),
		special("zeroifnull", "zeroifnull(x)", "0 where x is null.", "zeroifnull(NULL::int) = 0", 1, 1,
			func(c *compiler, n *Call, args []typed) (typed, *Error) {
				return c.call(&Call{Pos: n.Pos, Name: "coalesce", Args: []Node{args[0].node, &Literal{Pos: n.Pos, Value: int64(0)}}})
			}),
		special("nullifzero", "nullifzero(x)", "Null where x is 0.", "nullifzero(0) IS NULL", 1, 1,
			func(c *compiler, n *Call, args []typed) (typed, *Error) {
				return c.call(&Call{Pos: n.Pos, Name: "nullif", Args: []Node{args[0].node, &Literal{Pos: n.Pos, Value: int64(0)}}})
			}),
		tried("try_add", "+", "try_add(9223372036854775807, 1) IS NULL"),
		tried("try_subtract", "-", "try_subtract(3, 1) = 2"),
		tried("try_multiply", "*", "try_multiply(3, 2) = 6"),
		tried("try_divide", "/", "try_divide(1, 0) IS NULL"),
		tried("try_mod", "%", "try_mod(1, 0) IS NULL"),
		tried("try_element_at", "element_at", "try_element_at(array(1), 0) IS NULL"),
	}
}

// compileTry compiles another function so that its failures are not counted.
func compileTry(c *compiler, n *Call, of string, args []typed) (typed, *Error) {
	nodes := make([]Node, len(args))
	for i, a := range args {
		nodes[i] = a.node
	}
	t, err := c.call(&Call{Pos: n.Pos, Name: of, Args: nodes})
	if o, ok := t.op.(*callOp); ok && err == nil {
		quiet := *o
		quiet.name, quiet.fn.quiet = n.Name, true
		t.op = &quiet
	}
	return t, err
}

func compileNvl2(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unify(n.Name, args[1:])
	if err != nil {
		return typed{}, err
	}
	test, err := compileIs("null", args[0])
	if err != nil {
		return typed{}, err
	}
	return typed{op: &caseOp{kind: k, ifs: []op{test.op}, thens: []op{ops[1], ops[0]}}, kind: k}, nil
}

func compileDecode(_ *compiler, n *Call, args []typed) (typed, *Error) {
	var keys, values []typed
	keys = append(keys, args[0])
	i := 1
	for ; i+1 < len(args); i += 2 {
		keys, values = append(keys, args[i]), append(values, args[i+1])
	}
	other := typed{op: nullOf(kNull), node: &Literal{Pos: n.Pos}}
	if i < len(args) {
		other = args[i]
	}
	values = append(values, other)
	of, keyOps, err := unifyOrdered(n.Name, keys)
	if err != nil {
		return typed{}, err
	}
	k, thens, err := unify(n.Name, values)
	if err != nil {
		return typed{}, err
	}
	o := &caseOp{kind: k, thens: thens}
	for _, key := range keyOps[1:] {
		o.ifs = append(o.ifs, &sameOp{eq: equality(of), a: keyOps[0], b: key})
	}
	return typed{op: o, kind: k}, nil
}
