package expr

import "strings"

func nestedEntries() []entry {
	special := func(name, signature, doc, example string, low, high int,
		f func(c *compiler, n *Call, args []typed) (typed, *Error)) entry {
		return entry{doc: funcDoc{name, signature, doc, example}, special: f, min: low, max: high}
	}
	return []entry{
		special("field", "x.name", "The field of a struct, without a copy; of an array of structs the array of their fields. A column whose own name has a dot is quoted: `a.b`.",
			"named_struct('vdd', 3.3, 'id', 7).id = 7", 2, 2, compileField),
		special("get", "x[i]", "The element of an array at index i from 0, the value of a map at a key, or a field of a struct; null if it is not there.",
			"array('a', 'b')[1] = 'b'", 2, 2, compileGet),
		special("element_at", "element_at(x, i)", "The element of an array at position i from 1, or from the end if i is negative; null if it is not there, and 0 fails. Of a map, the value at a key.",
			"element_at(array(1, 2, 3), -1) = 3", 2, 2, compileGet),
		special("array", "array(a, b, ...)", "An array of the values, all brought to one type.", "array(1, 2.5)[0] = 1.0", 1, -1, compileArray),
		special("struct", "struct(a, b, ...)", "A struct of the values; the field of a column or field has its name, that of another value is col1, col2, ... by its place.",
			"struct(1, 'x').col2 = 'x'", 1, -1, compileStruct),
		special("named_struct", "named_struct('name', a, ...)", "A struct of named values.", "named_struct('a', 1, 'b', 'x').b = 'x'", 2, -1, compileStruct),
		special("map", "map(k, v, ...)", "A map of keys and values; a null key and one that comes twice fail.", "map('a', 1, 'b', 2)['b'] = 2", 2, -1, compileMap),
		special("size", "size(x)", "The number of elements of an array or a map; null for null. cardinality and array_size too.", "size(array(1, 2)) = 2", 1, 1, compileSize),
		special("map_keys", "map_keys(m)", "The keys of a map as an array.", "map_keys(map('a', 1)) = array('a')", 1, 1, compileMapPart),
		special("map_values", "map_values(m)", "The values of a map as an array.", "map_values(map('a', 1)) = array(1)", 1, 1, compileMapPart),
		special("map_contains_key", "map_contains_key(m, k)", "Whether the key is in the map.", "map_contains_key(map('a', 1), 'a')", 2, 2, compileContains),
		special("array_contains", "array_contains(x, v)", "Whether v is in the array; null if it is not, but nulls are.", "array_contains(array(1, 2), 2)", 2, 2, compileContains),
		special("array_position", "array_position(x, v)", "The first position of v in the array, from 1; 0 if it is not there.", "array_position(array('a', 'b'), 'b') = 2", 2, 2, compileContains),
	}
}

// nestedCall compiles an application of run to the arguments as they are.
func nestedCall(n *Call, k kind, run impl, args ...typed) (typed, *Error) {
	ops := make([]op, len(args))
	for i, a := range args {
		ops[i] = a.op
	}
	return typed{op: &callOp{name: n.Name, fn: function{run: run, kind: k}, args: ops}, kind: k}, nil
}

func openCall(n *Call, k kind, run impl, ops []op) (typed, *Error) {
	return typed{op: &openOp{name: n.Name, fn: function{run: run, kind: k}, args: ops}, kind: k}, nil
}

// constantText is the value of a string literal.
func constantText(t typed) (string, bool) {
	k, ok := t.constant()
	if !ok {
		return "", false
	}
	s, ok := k.value().(string)
	return s, ok
}

func compileField(_ *compiler, n *Call, args []typed) (typed, *Error) {
	name, ok := constantText(args[1])
	if !ok {
		return typed{}, errorAt(n.Args[1].At(), "the name of a field must be a constant")
	}
	x := args[0]
	of := x.kind
	if of.isList() {
		of = of.elements()[0]
	}
	if !of.isStruct() {
		return typed{}, errorAt(n.Args[1].At(), "%s has no fields: it is of type %s", n.Args[0], x.kind)
	}
	names := fieldNames(of)
	for i, k := range of.elements() {
		if names[i] != name {
			continue
		}
		if x.kind.isList() {
			return nestedCall(n, listOf(k), fieldOfEach(i), x)
		}
		return nestedCall(n, k, structField(i, k), x)
	}
	return typed{}, errorAt(n.Args[1].At(), "%s has no field %q%s", n.Args[0], name, didYouMean(name, names))
}

func compileGet(c *compiler, n *Call, args []typed) (typed, *Error) {
	x := args[0]
	switch _, named := constantText(args[1]); {
	case x.kind.isStruct() && named && n.Name == "get":
		return compileField(c, n, args)
	case x.kind.isList():
		index, err := coerceAll(args[1:], kInt, "the index of an array")
		if err != nil {
			return typed{}, err
		}
		k := x.kind.elements()[0]
		return nestedCall(n, k, elementAt(n.Name == "element_at", k), x, typed{op: index[0]})
	case x.kind.isMap():
		kinds := x.kind.elements()
		key, err := coerceAll(args[1:], kinds[0], "the key of a map")
		if err != nil {
			return typed{}, err
		}
		return nestedCall(n, kinds[1], valueOf(kinds[1]), x, typed{op: key[0]})
	}
	return typed{}, errorAt(n.Pos, "%s has no elements: it is of type %s", n.Args[0], x.kind)
}

func compileArray(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unify(n.Name, args)
	if err != nil {
		return typed{}, err
	}
	return openCall(n, listOf(k), newArray, ops)
}

func compileStruct(_ *compiler, n *Call, args []typed) (typed, *Error) {
	var names []string
	var kinds []kind
	var ops []op
	step := 1
	if n.Name == "named_struct" {
		step = 2
	}
	for i := 0; i+step <= len(args); i += step {
		v := args[i+step-1]
		name, ok := fieldName(n.Args[i], i+1), true
		if step == 2 {
			name, ok = constantText(args[i])
		}
		switch {
		case !ok || name == "":
			return typed{}, errorAt(n.Args[i].At(), "the name of a field must be a constant")
		case v.kind == kNull:
			return typed{}, errorAt(v.node.At(), "the field %q has no type: cast its NULL", name)
		}
		for _, other := range names {
			if other == name {
				return typed{}, errorAt(n.Args[i].At(), "there are two fields of the name %q", name)
			}
		}
		names, kinds, ops = append(names, name), append(kinds, v.kind), append(ops, v.op)
	}
	if len(args)%step != 0 {
		return typed{}, errorAt(n.Pos, "named_struct takes names and values in turn")
	}
	return openCall(n, structOf(names, kinds), newStruct, ops)
}

// fieldName is the name that struct() gives to a value at a place.
func fieldName(n Node, place int) string {
	switch n := n.(type) {
	case *Column:
		return n.Name
	case *Call:
		if isField(n) {
			return strings.Trim(literalText(n.Args[1].(*Literal).Value), "'") //nolint:forcetypeassert // isField says so.
		}
	case *Cast, *Case, *Literal:
	}
	return "col" + literalText(int64(place))
}

func compileMap(_ *compiler, n *Call, args []typed) (typed, *Error) {
	if len(args)%2 != 0 {
		return typed{}, errorAt(n.Pos, "map takes keys and values in turn")
	}
	var keys, values []typed
	for i := 0; i < len(args); i += 2 {
		keys, values = append(keys, args[i]), append(values, args[i+1])
	}
	k, keyOps, err := unify("the keys of a map", keys)
	if err != nil {
		return typed{}, err
	}
	if !ordered(k) {
		return typed{}, errorAt(n.Pos, "the keys of a map cannot be maps")
	}
	v, valueOps, err := unify("the values of a map", values)
	if err != nil {
		return typed{}, err
	}
	var ops []op
	for i := range keyOps {
		ops = append(ops, keyOps[i], valueOps[i])
	}
	return openCall(n, mapOf(k, v), newMap, ops)
}

func compileSize(_ *compiler, n *Call, args []typed) (typed, *Error) {
	if k := args[0].kind; !k.isList() && !k.isMap() {
		return typed{}, errorAt(n.Args[0].At(), "size takes an array or a map, got %s", k)
	}
	return nestedCall(n, kInt, func(c *call) error {
		c.out = c.x.fixed(kInt, c.n)
		in, dst := c.a[0].lists(), c.out.ints()
		for i := range dst {
			from, to := in.at(i)
			dst[i] = int64(to - from)
		}
		return nil
	}, args...)
}

func compileMapPart(_ *compiler, n *Call, args []typed) (typed, *Error) {
	if !args[0].kind.isMap() {
		return typed{}, errorAt(n.Args[0].At(), "%s takes a map, got %s", n.Name, args[0].kind)
	}
	part := 0
	if n.Name == "map_values" {
		part = 1
	}
	return nestedCall(n, listOf(args[0].kind.elements()[part]), func(c *call) error {
		v := &c.a[0]
		v.offs.Retain()
		v.kids[part].Retain()
		c.out.n, c.out.offs, c.out.kids = v.n, v.offs, append(c.out.kids, v.kids[part])
		return nil
	}, args...)
}

// compileContains is array_contains, array_position and map_contains_key.
func compileContains(_ *compiler, n *Call, args []typed) (typed, *Error) {
	x := args[0]
	if x.kind.isMap() != (n.Name == "map_contains_key") || !x.kind.isMap() && !x.kind.isList() {
		return typed{}, errorAt(n.Args[0].At(), "%s cannot take %s", n.Name, x.kind)
	}
	k := x.kind.elements()[0]
	if !ordered(k) {
		return typed{}, errorAt(n.Args[0].At(), "values of type %s cannot be compared", k)
	}
	if wide, ok := wider(k, args[1].kind); ok && wide != k && x.kind.isList() {
		return typed{}, errorAt(n.Args[1].At(), "an array of %s does not contain %s; cast one", k, args[1].kind)
	}
	v, err := coerceAll(args[1:], k, n.Name)
	if err != nil {
		return typed{}, err
	}
	result, run := kBool, listContains
	if n.Name == "array_position" {
		result, run = kInt, arrayPosition
	}
	return nestedCall(n, result, run, x, typed{op: v[0]})
}

// listContains is whether the value of the second argument is in the first.
func listContains(c *call) error {
	at, buf := c.x.indices(c.n)
	defer buf.Release()
	nulls := c.find(0, 1, at)
	in, elements := c.a[0].lists(), c.a[0].kids[0]
	if nulls {
		b, known := c.x.rawBitmap(c.n)
		known.Fill(false)
		c.null = b
		for i, j := range at {
			isKnown := true
			for from, to := in.at(i); from < to && j < 0 && isKnown; from++ {
				isKnown = elements.IsValid(int(from))
			}
			if isKnown {
				known.Set(i)
			}
		}
	}
	return c.bools(func(i int) bool { return at[i] >= 0 })
}

func arrayPosition(c *call) error {
	at, buf := c.x.indices(c.n)
	defer buf.Release()
	c.find(0, 1, at)
	c.out = c.x.fixed(kInt, c.n)
	in, dst := c.a[0].lists(), c.out.ints()
	for i, j := range at {
		if dst[i] = 0; j >= 0 {
			from, _ := in.at(i)
			dst[i] = int64(j-from) + 1
		}
	}
	return nil
}
