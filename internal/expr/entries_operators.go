package expr

import (
	"strings"
	"unicode/utf8"

	"github.com/idag/idag/internal/kernel/scalar"
)

// operatorEntries are the operators, each made by its own name: a check looks up
// few of them.
func operatorEntries() []entry {
	var list []entry
	for _, name := range []string{"+", "-", "*", "/", "%", "div", "neg", "not", "=", "<>", "<", "<=", ">", ">="} {
		if e, ok := operator(name); ok {
			list = append(list, e)
		}
	}
	return list
}

// operator finds an operator by name.
func operator(name string) (entry, bool) {
	switch name {
	case "+":
		return arithmetic(name, "Sum; an interval moves a timestamp, a number of days a date. Integers and decimals that overflow fail.", "1 + 2 = 3",
			sig(kTime, intArith('+'), kTime, kInterval), sig(kTime, intArith('+'), kInterval, kTime),
			sig(kInterval, intArith('+'), kInterval, kInterval), sig(kDate, addDays(1), kDate, kInt)), true
	case "-":
		return arithmetic(name, "Difference; of timestamps an interval; an interval moves a timestamp, a number of days a date. Integers and decimals that overflow fail.",
			"TIMESTAMP '2026-01-01' - INTERVAL '1 hour' = TIMESTAMP '2025-12-31 23:00:00'",
			sig(kTime, intArith('-'), kTime, kInterval), sig(kInterval, intArith('-'), kTime, kTime),
			sig(kInterval, intArith('-'), kInterval, kInterval), sig(kDate, addDays(-1), kDate, kInt)), true
	case "*":
		return arithmetic(name, "Product. Integers and decimals that overflow fail.", "6 * 7 = 42",
			sig(kInterval, intArith('*'), kInterval, kInt), sig(kInterval, intArith('*'), kInt, kInterval)), true
	case "/":
		return simple(name, "Quotient, a double or a decimal; dividing by zero fails.", "1 / 4 = 0.25", sig(kFloat, divide, kFloat, kFloat)), true
	case "%":
		return simple(name, "Remainder with the sign of the dividend, mod(a, b) too; dividing by zero fails.", "-7 % 3 = -1",
			sig(kInt, intDivide(true), kInt, kInt), sig(kFloat, floatMod, kFloat, kFloat)), true
	case "div":
		return simple(name, "Quotient of integers, cut towards zero; dividing by zero and overflow fail.", "-7 DIV 2 = -3",
			sig(kInt, intDivide(false), kInt, kInt)), true
	case "neg":
		negate := intRows(func(v int64) (int64, bool) { return -v, v != -v || v == 0 })
		return simple(name, "Unary minus; the least integer fails.", "-(2 - 5) = 3",
			sig(kInt, negate, kInt), sig(kFloat, negFloat, kFloat), sig(kInterval, negate, kInterval)), true
	case "not":
		return simple(name, "NOT: TRUE for FALSE, FALSE for TRUE.", "NOT 1 = 2", sig(kBool, notBits, kBool)), true
	}
	return comparer(name)
}

// arithmetic is an operator on integers and doubles, and what more there is.
func arithmetic(name, doc, example string, more ...overload) entry {
	list := []overload{sig(kInt, intArith(name[0]), kInt, kInt), sig(kFloat, floatArith(name[0]), kFloat, kFloat)}
	return simple(name, doc, example, append(list, more...)...)
}

// comparer finds a comparison by name.
func comparer(name string) (entry, bool) {
	cmp, ok := comparisonOf(name)
	if !ok {
		return entry{}, false
	}
	doc := [...][2]string{
		scalar.Eq: {"Equal, == too. NaN equals NaN, and -0.0 equals 0.0.", "-0.0 = 0"},
		scalar.Ne: {"Not equal, != too.", "'a' <> 'b'"},
		scalar.Lt: {"Less. Strings compare by code points, FALSE is less than TRUE, NaN is the largest.", "'Zoe' < 'ann'"},
		scalar.Le: {"Less or equal.", "2 <= 2.0"},
		scalar.Gt: {"Greater.", "DATE '2026-02-01' > '2026-01-31'"},
		scalar.Ge: {"Greater or equal.", "CAST('NaN' AS double) >= 1e308"},
	}[cmp]
	return entry{doc: funcDoc{name, "a " + name + " b", doc[0], doc[1]}, min: 2, max: 2,
		special: func(_ *compiler, n *Call, args []typed) (typed, *Error) {
			k, ops, err := unifyOrdered(n.Name, args)
			if err != nil {
				return typed{}, err
			}
			return typed{op: &callOp{name: n.Name, fn: comparison(cmp, k), args: ops}, kind: kBool}, nil
		}}, true
}

// equality is "=" for one kind.
func equality(k kind) function { return comparison(scalar.Eq, k) }

func conditionEntries() []entry {
	special := func(name, signature, doc, example string, low, high int,
		f func(c *compiler, n *Call, args []typed) (typed, *Error)) entry {
		return entry{doc: funcDoc{name, signature, doc, example}, special: f, min: low, max: high}
	}
	is := func(test, doc, example string) entry {
		return special("is_"+test, "x IS "+strings.ToUpper(test), doc, example, 1, 1,
			func(_ *compiler, _ *Call, args []typed) (typed, *Error) { return compileIs(test, args[0]) })
	}
	return []entry{
		special("and", "a AND b", "FALSE if one is FALSE, else null if one is null. Failures of b count where a is not FALSE.",
			"TRUE AND NOT FALSE", 2, 2, compileLogic),
		special("or", "a OR b", "TRUE if one is TRUE, else null if one is null. Failures of b count where a is not TRUE.",
			"NULL OR TRUE", 2, 2, compileLogic),
		is("null", "Whether x is null.", "CAST('x' AS bigint) IS NULL"),
		is("true", "Whether x is TRUE, not FALSE or null.", "(1 = 1) IS TRUE"),
		is("false", "Whether x is FALSE, not TRUE or null.", "(NULL = 1) IS NOT FALSE"),
		special("<=>", "a <=> b", "Equal, with nulls equal to each other; IS NOT DISTINCT FROM too.", "NULL <=> CAST(NULL AS bigint)", 2, 2, compileSame),
		special("in", "x IN (a, b, ...)", "The same as x = a OR x = b OR ..., all of which are reached.", "2 IN (1, 2)", 2, -1, compileIn),
		special("between", "x BETWEEN a AND b", "The same as x >= a AND x <= b, both of which are reached.", "2 BETWEEN 1 AND 3", 3, 3, compileBetween),
		special("like", "s LIKE pattern [ESCAPE c]", `Whether all of s fits the pattern: % is any text, _ any character, and the escape (\ if not given, '' for none) takes their meaning.`,
			"'5% off' LIKE '_\\% o%'", 2, 3, compileLike),
		special("ilike", "s ILIKE pattern [ESCAPE c]", "LIKE of lower(s) and lower(pattern).", "'Snowy' ILIKE 'snow%'", 2, 3, compileLike),
		special("coalesce", "coalesce(a, b, ...)", "The first that is not null; ifnull, nvl too. Failures of one count where all before it are null.",
			"coalesce(NULL, 2, 3) = 2", 1, -1, compileCoalesce),
		special("if", "if(c, a, b)", "a where c is TRUE, else b. Failures of a branch count where it is taken.", "if(1 < 2, 'yes', 'no') = 'yes'", 3, 3, compileIf),
		special("nullif", "nullif(a, b)", "Null where a = b, else a.", "nullif(3, 3) IS NULL", 2, 2, compileNullIf),
		special("greatest", "greatest(a, b, ...)", "The largest that is not null.", "greatest(1, NULL, 2.5) = 2.5", 1, -1, compileExtreme(scalar.Gt)),
		special("least", "least(a, b, ...)", "The smallest that is not null.", "least('b', 'a') = 'a'", 1, -1, compileExtreme(scalar.Lt)),
		special("strict", "strict(x)", "x; rows in which something in x failed are dead-lettered instead of counted.", "strict(1 + 1) = 2", 1, 1, compileStrict),
	}
}

func compileLogic(_ *compiler, n *Call, args []typed) (typed, *Error) {
	ops, err := coerceAll(args, kBool, strings.ToUpper(n.Name))
	if err != nil {
		return typed{}, err
	}
	return typed{op: &logicOp{or: n.Name == "or", a: ops[0], b: ops[1]}, kind: kBool}, nil
}

func compileIs(test string, x typed) (typed, *Error) {
	if test == "null" {
		if x.kind == kNull {
			x.op = nullOf(kBool)
		}
		return typed{op: &isOp{test, x.op}, kind: kBool}, nil
	}
	ops, err := coerceAll([]typed{x}, kBool, "IS "+strings.ToUpper(test))
	if err != nil {
		return typed{}, err
	}
	return typed{op: &isOp{test, ops[0]}, kind: kBool}, nil
}

func compileSame(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unifyOrdered(n.Name, args)
	if err != nil {
		return typed{}, err
	}
	return typed{op: &sameOp{eq: equality(k), a: ops[0], b: ops[1]}, kind: kBool}, nil
}

func compileIn(_ *compiler, _ *Call, args []typed) (typed, *Error) {
	k, ops, err := unifyOrdered("IN", args)
	if err != nil {
		return typed{}, err
	}
	var list []*constOp
	for _, o := range ops[1:] {
		if v, ok := o.(*constOp); ok {
			list = append(list, v)
		}
	}
	if len(list) == len(ops)-1 && !k.isDecimal() && !k.isNested() {
		return typed{op: &callOp{name: "in", fn: inSet(k, list), args: ops[:1], list: list}, kind: kBool}, nil
	}
	return typed{op: &memberOp{eq: equality(k), args: ops}, kind: kBool}, nil
}

func compileBetween(_ *compiler, _ *Call, args []typed) (typed, *Error) {
	k, ops, err := unifyOrdered("BETWEEN", args)
	if err != nil {
		return typed{}, err
	}
	o := &betweenOp{ge: comparison(scalar.Ge, k), le: comparison(scalar.Le, k), args: ops}
	return typed{op: o, kind: kBool}, nil
}

func compileLike(_ *compiler, n *Call, args []typed) (typed, *Error) {
	ops, err := coerceAll(args, kString, strings.ToUpper(n.Name))
	if err != nil {
		return typed{}, err
	}
	fold, escape := n.Name == "ilike", '\\'
	if len(ops) == 3 {
		e, ok := ops[2].(*constOp)
		text, isText := "", false
		if ok {
			text, isText = e.value().(string)
		}
		if !isText || utf8.RuneCountInString(text) > 1 {
			return typed{}, errorAt(n.Args[2].At(), "ESCAPE takes one constant character, or '' for none")
		}
		escape = 0
		for _, r := range text {
			escape = r
		}
	}
	fn := function{run: like(escape, fold), kind: kBool}
	if p, ok := ops[1].(*constOp); ok {
		if text, ok := p.value().(string); ok {
			o := &callOp{name: n.Name, fn: fn, args: ops[:1]}
			o.fn.run, o.prefix, o.tail = likeConst(text, escape, fold)
			return typed{op: o, kind: kBool}, nil
		}
	}
	return typed{op: &callOp{name: n.Name, fn: fn, args: ops[:2]}, kind: kBool}, nil
}

func compileCoalesce(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unify(n.Name, args)
	if err != nil {
		return typed{}, err
	}
	return typed{op: &coalesceOp{kind: k, args: ops}, kind: k}, nil
}

func compileIf(_ *compiler, n *Call, args []typed) (typed, *Error) {
	cond, err := coerceAll(args[:1], kBool, n.Name)
	if err != nil {
		return typed{}, err
	}
	k, ops, err := unify(n.Name, args[1:])
	if err != nil {
		return typed{}, err
	}
	return typed{op: &caseOp{kind: k, ifs: cond, thens: ops}, kind: k}, nil
}

func compileNullIf(_ *compiler, n *Call, args []typed) (typed, *Error) {
	k, ops, err := unifyOrdered(n.Name, args)
	if err != nil {
		return typed{}, err
	}
	return typed{op: &nullIfOp{a: ops[0], b: ops[1], eq: equality(k)}, kind: k}, nil
}

func compileExtreme(better scalar.Cmp) func(*compiler, *Call, []typed) (typed, *Error) {
	return func(_ *compiler, n *Call, args []typed) (typed, *Error) {
		k, ops, err := unifyOrdered(n.Name, args)
		if err != nil {
			return typed{}, err
		}
		return typed{op: &extremeOp{kind: k, better: comparison(better, k), most: better == scalar.Gt, args: ops}, kind: k}, nil
	}
}

func compileStrict(c *compiler, n *Call, args []typed) (typed, *Error) {
	c.strict = append(c.strict, n.String())
	x := args[0]
	return typed{op: &strictOp{a: x.op}, kind: x.kind}, nil
}
