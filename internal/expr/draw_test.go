package expr

import (
	"pgregory.net/rapid"
)

// drawExpr draws a tree of the type k that Check accepts.
func drawExpr(t *rapid.T, k kind, depth int) Node {
	call := func(name string, kinds ...kind) Node {
		c := &Call{Name: name}
		for _, k := range kinds {
			c.Args = append(c.Args, drawExpr(t, k, depth-1))
		}
		return c
	}
	pick := func(names ...string) string { return rapid.SampledFrom(names).Draw(t, "name") }
	if depth == 0 || rapid.IntRange(0, 5).Draw(t, "leaf") == 0 {
		return drawLeaf(t, k)
	}
	if rapid.IntRange(0, 3).Draw(t, "general") == 0 {
		return drawGeneral(t, k, depth, call)
	}
	one := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kString, kTime, kDate}).Draw(t, "kind")
	switch k {
	case kBool:
		return drawBool(t, one, depth, call, pick)
	case kInt:
		return [...]func() Node{
			func() Node { return call(pick("+", "-", "*", "%", "div"), kInt, kInt) },
			func() Node { return call(pick("neg", "abs"), kInt) },
			func() Node { return call(pick("ceil", "floor", "round"), kInt) },
			func() Node { return call(pick("ceil", "floor"), kFloat) },
			func() Node { return call("length", kString) },
			func() Node { return call("instr", kString, kString) },
			func() Node {
				return call(pick("year", "quarter", "month", "week", "day", "dayofweek", "dayofyear", "hour", "minute", "second", "unix_seconds"), kTime)
			},
			func() Node { return call("datediff", kDate, kDate) },
			func() Node { return call("round", kInt, kInt) },
			func() Node { return &Cast{X: drawExpr(t, kFloat, depth-1), To: k.arrow(), Try: true} },
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kBool, depth-1), To: k.arrow()} },
		}[rapid.IntRange(0, 11).Draw(t, "int")]()
	case kFloat:
		return [...]func() Node{
			func() Node { return call(pick("+", "-", "*", "/", "%"), kFloat, kFloat) },
			func() Node { return call(pick("+", "-", "*", "/", "%"), kInt, kFloat) },
			func() Node { return call(pick("neg", "abs", "sqrt", "ln", "round"), kFloat) },
			func() Node { return call("/", kInt, kInt) },
			func() Node { return call("nanvl", kFloat, kFloat) },
			func() Node { return call("round", kFloat, kInt) },
			func() Node { return &Cast{X: drawExpr(t, kInt, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
		}[rapid.IntRange(0, 7).Draw(t, "float")]()
	case kString:
		return drawText(t, depth, call, pick)
	case kTime:
		return [...]func() Node{
			func() Node {
				return &Call{Name: pick("+", "-"), Args: []Node{drawExpr(t, kTime, depth-1), &Literal{Value: Interval(3_600_000_001)}}}
			},
			func() Node {
				return &Call{Name: "date_trunc", Args: []Node{&Literal{Value: pick("year", "quarter", "month", "week", "day", "hour")}, drawExpr(t, kTime, depth-1)}}
			},
			func() Node {
				return &Call{Name: "timestamp_seconds", Args: []Node{&Call{Name: "%", Args: []Node{drawExpr(t, kInt, depth-1), &Literal{Value: int64(5e9)}}}}}
			},
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kDate, depth-1), To: k.arrow()} },
			func() Node { return call("now") },
		}[rapid.IntRange(0, 5).Draw(t, "time")]()
	case kDate:
		return [...]func() Node{
			func() Node {
				return &Call{Name: "date_add", Args: []Node{drawLeaf(t, kDate), &Call{Name: "%", Args: []Node{drawExpr(t, kInt, depth-1), &Literal{Value: int64(10000)}}}}}
			},
			func() Node { return &Cast{X: drawExpr(t, kString, depth-1), To: k.arrow()} },
			func() Node { return &Cast{X: drawExpr(t, kTime, depth-1), To: k.arrow(), Try: true} },
		}[rapid.IntRange(0, 2).Draw(t, "date")]()
	case kNull, kInterval, kBinary:
	}
	return drawLeaf(t, k)
}

func drawLeaf(t *rapid.T, k kind) Node {
	name := map[kind][]string{kBool: {"b", "c"}, kInt: {"i", "j"}, kFloat: {"f", "g"}, kString: {"s", "u", "v", "w"}, kTime: {"t", "q"}, kDate: {"d", "e"}}[k]
	switch rapid.IntRange(0, 9).Draw(t, "column") {
	case 0:
		return &Cast{X: &Literal{}, To: k.arrow()}
	case 1, 2, 3:
		return &Literal{Value: rapid.SampledFrom(samples(k)).Draw(t, "literal")}
	}
	return &Column{Name: rapid.SampledFrom(name).Draw(t, "name")}
}

// drawGeneral draws what there is for every type.
func drawGeneral(t *rapid.T, k kind, depth int, call func(string, ...kind) Node) Node {
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0:
		return call("coalesce", k, k, k)
	case 1:
		return call("if", kBool, k, k)
	case 2:
		return call("nullif", k, k)
	case 3:
		return call("greatest", k, k, k)
	case 4:
		return call("least", k, k)
	case 5:
		return call("strict", k)
	case 6:
		c := &Case{Operand: drawExpr(t, kInt, depth-1), Else: drawExpr(t, k, depth-1)}
		for range 2 {
			c.Whens = append(c.Whens, When{drawExpr(t, kInt, depth-1), drawExpr(t, k, depth-1)})
		}
		return c
	}
	return &Case{Whens: []When{{drawExpr(t, kBool, depth-1), drawExpr(t, k, depth-1)}, {drawExpr(t, kBool, depth-1), drawExpr(t, k, depth-1)}}}
}

func drawBool(t *rapid.T, one kind, depth int, call func(string, ...kind) Node, pick func(...string) string) Node {
	switch rapid.IntRange(0, 10).Draw(t, "bool") {
	case 0, 1:
		return call(pick("and", "or"), kBool, kBool)
	case 2:
		return call("not", kBool)
	case 3:
		return call(pick("=", "<>", "<", "<=", ">", ">=", "<=>"), one, one)
	case 4:
		return call(pick("=", "<>", "<", "<=", ">", ">=", "<=>"), kInt, kFloat)
	case 5:
		return call("is_null", one)
	case 6:
		return call(pick("is_true", "is_false"), kBool)
	case 7:
		return call("between", one, one, one)
	case 8:
		return call(pick("in", "in"), one, one, one, one)
	case 9:
		list := []Node{drawExpr(t, one, depth-1)}
		for range rapid.IntRange(1, 12).Draw(t, "list") {
			list = append(list, &Literal{Value: rapid.SampledFrom(append(samples(one), nil)).Draw(t, "element")})
		}
		if lit, ok := list[1].(*Literal); ok && lit.Value == nil {
			list[1] = &Literal{Value: samples(one)[0]}
		}
		return &Call{Name: "in", Args: list}
	}
	if pattern := rapid.SampledFrom([]string{"", "%", "a%", "%a", "%a%", "_", "_%b", "a_b", `A\%b`, "%日_", "a%_a", `\`, "Z__%"}).Draw(t, "pattern"); pattern != "" {
		return &Call{Name: pick("like", "ilike"), Args: []Node{drawExpr(t, kString, depth-1), &Literal{Value: pattern}}}
	}
	return call(pick("like", "contains", "starts_with"), kString, kString)
}

func drawText(t *rapid.T, depth int, call func(string, ...kind) Node, pick func(...string) string) Node {
	small := func() Node { return &Literal{Value: rapid.Int64Range(-4, 4).Draw(t, "small")} }
	x := drawExpr(t, kString, depth-1)
	switch rapid.IntRange(0, 8).Draw(t, "text") {
	case 0:
		return call("concat", kString, kString)
	case 1:
		return call(pick("upper", "lower", "trim", "reverse"), kString)
	case 2:
		return &Call{Name: pick("left", "right", "substring", "repeat"), Args: []Node{x, small()}}
	case 3:
		return &Call{Name: "substring", Args: []Node{x, small(), drawExpr(t, kInt, 0)}}
	case 4:
		return call("replace", kString, kString, kString)
	case 5:
		return &Call{Name: pick("lpad", "rpad"), Args: []Node{x, small(), drawExpr(t, kString, 0)}}
	case 6:
		return &Call{Name: "split_part", Args: []Node{x, drawExpr(t, kString, 0), small()}}
	case 7:
		return call("concat_ws", kString, kString, kString)
	}
	from := rapid.SampledFrom([]kind{kBool, kInt, kFloat, kTime, kDate}).Draw(t, "from")
	return &Cast{X: drawExpr(t, from, depth-1), To: kString.arrow()}
}
