package expr

func arrayEntries() []entry {
	array := func(name, signature, doc, example string, low, high int,
		f func(n *Call, args []typed) (typed, *Error)) entry {
		return entry{doc: funcDoc{name, signature, doc, example}, min: low, max: high,
			special: func(_ *compiler, n *Call, args []typed) (typed, *Error) {
				if of := args[0].kind; !of.isList() || !ordered(of) {
					return typed{}, errorAt(n.Args[0].At(), "%s takes an array of values that compare, got %s", n.Name, of)
				}
				return f(n, args)
			}}
	}
	same := func(run impl) func(n *Call, args []typed) (typed, *Error) {
		return func(n *Call, args []typed) (typed, *Error) { return nestedCall(n, args[0].kind, run, args...) }
	}
	two := func(run impl, result kind) func(n *Call, args []typed) (typed, *Error) {
		return func(n *Call, args []typed) (typed, *Error) {
			for _, a := range args[1:] {
				if a.kind != args[0].kind {
					return typed{}, errorAt(a.node.At(), "%s cannot take %s together with %s", n.Name, a.kind, args[0].kind)
				}
			}
			if result == kNull {
				return nestedCall(n, args[0].kind, run, args...)
			}
			return nestedCall(n, result, run, args...)
		}
	}
	most := func(sign int) func(n *Call, args []typed) (typed, *Error) {
		return func(n *Call, args []typed) (typed, *Error) {
			k := args[0].kind.elements()[0]
			return nestedCall(n, k, extreme(k, sign), args...)
		}
	}
	return []entry{
		array("array_min", "array_min(x)", "The least element that is not null.", "array_min(array(3, 1, NULL)) = 1", 1, 1, most(-1)),
		array("array_max", "array_max(x)", "The largest element that is not null.", "array_max(array(3, 1, NULL)) = 3", 1, 1, most(1)),
		array("array_distinct", "array_distinct(x)", "The elements, each once.", "array_distinct(array(1, 2, 1)) = array(1, 2)", 1, 1, same(ofOne(distinctElements))),
		array("array_compact", "array_compact(x)", "The elements that are not null.", "array_compact(array(1, NULL)) = array(1)", 1, 1, same(ofOne(compacted))),
		array("sort_array", "sort_array(x[, ascending])", "The elements in order, nulls first; with FALSE downwards, nulls last.", "sort_array(array(3, 1, 2)) = array(1, 2, 3)", 1, 2, compileSort),
		array("array_sort", "array_sort(x)", "The elements in order, nulls last.", "array_sort(array(NULL, 2, 1))[0] = 1", 1, 1, same(ofOne(sorted(false, true)))),
		array("slice", "slice(x, p, n)", "n elements from position p on, from 1, or from the end if p is negative; position 0 and negative n fail.", "slice(array(1, 2, 3), 2, 2) = array(2, 3)", 3, 3, compileSlice),
		array("flatten", "flatten(x)", "The arrays in an array one after the other; null if one of them is.", "flatten(array(array(1), array(2, 3))) = array(1, 2, 3)", 1, 1,
			func(n *Call, args []typed) (typed, *Error) {
				k := args[0].kind.elements()[0]
				if !k.isList() {
					return typed{}, errorAt(n.Args[0].At(), "flatten takes an array of arrays, got %s", args[0].kind)
				}
				return nestedCall(n, k, flattened, args...)
			}),
		array("array_join", "array_join(x, t[, u])", "The strings with t between; nulls are left out, or u."+textLimit, "array_join(array('a', NULL, 'b'), '-') = 'a-b'", 2, 3, compileJoin),
		array("array_union", "array_union(x, y)", "The elements of both, each once.", "array_union(array(1, 2), array(2, 3)) = array(1, 2, 3)", 2, 2, two(ofAll(unionArrays), kNull)),
		array("array_intersect", "array_intersect(x, y)", "The elements that are in both, each once.", "array_intersect(array(1, 2), array(2, 3)) = array(2)", 2, 2, two(ofAll(keepArrays(inOther)), kNull)),
		array("array_except", "array_except(x, y)", "The elements of x that are not in y, each once.", "array_except(array(1, 2), array(2, 3)) = array(1)", 2, 2, two(ofAll(keepArrays(notInOther)), kNull)),
		array("arrays_overlap", "arrays_overlap(x, y)", "Whether they have an element in common; null if not, but one holds a null.", "arrays_overlap(array(1, 2), array(2))", 2, 2, two(overlap, kBool)),
		array("array_append", "array_append(x, v)", "The elements and v.", "array_append(array(1), 2) = array(1, 2)", 2, 2, compileWithValue),
		array("array_prepend", "array_prepend(x, v)", "v and the elements.", "array_prepend(array(1), 2) = array(2, 1)", 2, 2, compileWithValue),
		array("array_remove", "array_remove(x, v)", "The elements that are not v.", "array_remove(array(1, 2, 1), 1) = array(2)", 2, 2, compileWithValue),
		{doc: funcDoc{"array_repeat", "array_repeat(v, n)", "v n times; more than 1,048,576 times fails.", "array_repeat('a', 2) = array('a', 'a')"}, min: 2, max: 2, special: compileRepeat},
		{doc: funcDoc{"sequence", "sequence(a, b[, step])", "The bigints from a to b by a step, 1 or -1 if not given, or the timestamps by an interval. A step that does not lead there and more than 1,048,576 elements fail.",
			"sequence(1, 5, 2) = array(1, 3, 5)"}, min: 2, max: 3, special: compileSequence},
	}
}

func compileSort(n *Call, args []typed) (typed, *Error) {
	descending := false
	if len(args) == 2 {
		k, ok := args[1].constant()
		up, isBool := true, false
		if ok {
			up, isBool = k.value().(bool)
		}
		if !isBool {
			return typed{}, errorAt(n.Args[1].At(), "the direction of sort_array must be TRUE or FALSE")
		}
		descending = !up
	}
	return nestedCall(n, args[0].kind, ofOne(sorted(descending, descending)), args[0])
}

func compileSlice(n *Call, args []typed) (typed, *Error) {
	ops, err := coerceAll(args[1:], kInt, n.Name)
	if err != nil {
		return typed{}, err
	}
	return nestedCall(n, args[0].kind, sliced, args[0], typed{op: ops[0]}, typed{op: ops[1]})
}

func compileJoin(n *Call, args []typed) (typed, *Error) {
	if args[0].kind != listOf(kString) {
		return typed{}, errorAt(n.Args[0].At(), "array_join takes an array of strings, got %s; cast it", args[0].kind)
	}
	ops, err := coerceAll(args[1:], kString, n.Name)
	if err != nil {
		return typed{}, err
	}
	in := []typed{args[0]}
	for _, o := range ops {
		in = append(in, typed{op: o})
	}
	return nestedCall(n, kString, textRows(joined), in...)
}

func compileWithValue(n *Call, args []typed) (typed, *Error) {
	ops, err := coerceAll(args[1:], args[0].kind.elements()[0], n.Name)
	if err != nil {
		return typed{}, err
	}
	return nestedCall(n, args[0].kind, withValue(n.Name), args[0], typed{op: ops[0]})
}

func compileRepeat(_ *compiler, n *Call, args []typed) (typed, *Error) {
	if args[0].kind == kNull {
		return typed{}, errorAt(n.Args[0].At(), "NULL has no type here; cast it")
	}
	times, err := coerceAll(args[1:], kInt, n.Name)
	if err != nil {
		return typed{}, err
	}
	return openCall(n, listOf(args[0].kind), repeatedValue, []op{args[0].op, times[0]})
}

func compileSequence(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unify(n.Name, args[:2])
	if err != nil {
		return typed{}, err
	}
	step := kInt
	switch {
	case k == kDate:
		k = kTime
		fallthrough
	case k == kTime:
		step = kInterval
		if ops, err = coerceAll(args[:2], kTime, n.Name); err == nil && len(args) < 3 {
			err = errorAt(n.Pos, "a sequence of timestamps takes an interval as its step")
		}
	case k != kInt:
		err = errorAt(n.Pos, "sequence takes bigints or timestamps, got %s", k)
	}
	if err != nil {
		return typed{}, err
	}
	in := []typed{{op: ops[0]}, {op: ops[1]}}
	if len(args) == 3 {
		by, err := coerceAll(args[2:], step, n.Name)
		if err != nil {
			return typed{}, err
		}
		in = append(in, typed{op: by[0]})
	}
	return nestedCall(n, listOf(k), sequence(k), in...)
}

// compileArrays is concat and reverse of arrays.
func compileArrays(n *Call, args []typed) (typed, *Error) {
	for _, a := range args[1:] {
		if a.kind != args[0].kind {
			return typed{}, errorAt(a.node.At(), "%s cannot take %s together with %s", n.Name, a.kind, args[0].kind)
		}
	}
	switch {
	case n.Name == "concat":
		return nestedCall(n, args[0].kind, ofAll(concatArrays), args...)
	case len(args) == 1:
		return nestedCall(n, args[0].kind, ofOne(reversed), args...)
	}
	return typed{}, errorAt(n.Pos, "reverse takes one array or string; got %d arguments", len(args))
}
