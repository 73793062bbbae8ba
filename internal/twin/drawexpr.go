package twin

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// sentences draws expressions of a wanted trait (see trait) over columns. Every
// one of them is well-typed, and none can fail in an argument of which it is
// open whether it is evaluated (the bounds of BETWEEN, the list of IN).
type sentences struct {
	t      *rapid.T
	cols   []string
	strict bool // strict() may occur
}

// draw draws an expression at most depth operators deep.
func (x *sentences) draw(k byte, depth int) string {
	if depth == 0 || strings.IndexByte(rich+"no", k) >= 0 {
		return x.leaf(k)
	}
	if x.strict && coin(x.t, 2, "strict") {
		return "strict(" + x.failing(k, depth) + ")"
	}
	in := func(k byte) string { return x.draw(k, depth-1) }
	var forms []func() string
	switch k {
	case 'b':
		forms = append(x.predicates(in), x.richPredicates(in)...)
	case 'i':
		forms = x.with(x.integers(in), 'k', func() string { return "size(" + x.leaf('k') + ")" }, func() string { return x.leaf('k') + "['a']" })
	case 'f':
		forms = x.moderate(in)
	case 'w':
		forms = x.with(x.floats(in), 'r', func() string { return x.leaf('r') + ".a" })
		forms = x.with(forms, 'm', func() string { return "CAST(" + x.leaf('m') + " AS double)" })
	case 's':
		forms = x.with(x.strings(in), 'l', func() string { return fmt.Sprintf("%s[%s]", x.leaf('l'), in('i')) })
		forms = x.with(forms, 'm', func() string { return "CAST(" + x.leaf('m') + " AS string)" })
	case 't', 'd':
		forms = x.times(k, in)
	}
	forms = append(forms, x.choices(k, in)...)
	return forms[even(x.t, len(forms), "form")]()
}

// failing is an expression that fails for some rows where the trait has such.
func (x *sentences) failing(k byte, depth int) string {
	switch {
	case coin(x.t, 1, "any"):
		return x.draw(k, depth)
	case k == 'i':
		return one(x.t, "failing", "CAST("+x.leaf('s')+" AS bigint)", "("+x.leaf('i')+" * "+x.leaf('i')+")", "("+x.leaf('i')+" % "+x.leaf('i')+")")
	case k == 'w':
		return "(" + x.leaf('w') + " / " + x.leaf('i') + ")"
	case k == 'b':
		return "(" + x.failing('i', depth) + " > " + x.leaf('i') + ")"
	}
	return x.draw(k, depth)
}

// rich is those of some traits that there is a column of.
func (x *sentences) rich(of string) string {
	var out []byte
	for _, k := range []byte(of) {
		if slices.ContainsFunc(x.cols, func(c string) bool { return trait(c) == k }) {
			out = append(out, k)
		}
	}
	return string(out)
}

// with adds forms that need a column of a rich trait, where there is one.
func (x *sentences) with(forms []func() string, k byte, more ...func() string) []func() string {
	if x.rich(string(k)) == "" {
		return forms
	}
	return append(forms, more...)
}

// richPredicates are conditions on decimals and nested values.
func (x *sentences) richPredicates(in func(byte) string) []func() string {
	compare := func() string { return one(x.t, "comparison", "=", "<", ">=", "<=>") }
	forms := x.with(nil, 'm',
		func() string { return fmt.Sprintf("(%s %s %s)", x.leaf('m'), compare(), x.leaf('m')) },
		func() string {
			return fmt.Sprintf("((%s %s %s) %s %s)", x.leaf('m'), one(x.t, "operator", "+", "-", "*", "/"), x.leaf('m'), compare(), x.leaf('m'))
		})
	return x.with(forms, 'l', func() string { return fmt.Sprintf("array_contains(%s, %s)", x.leaf('l'), in('s')) })
}

// leaf is a column or a literal.
func (x *sentences) leaf(k byte) string {
	var have []string
	for _, c := range x.cols {
		if trait(c) == k || k == 'w' && trait(c) == 'f' {
			have = append(have, name(c))
		}
	}
	if len(have) > 0 && (strings.IndexByte(rich+"no", k) >= 0 || !coin(x.t, 2, "literal")) {
		return one(x.t, "column", have...)
	}
	return x.literal(k)
}

func (x *sentences) literal(k byte) string {
	of := map[byte][]string{
		'b': {"TRUE", "FALSE"},
		'i': {"0", "1", "2", "10", "(-3)", "9223372036854775807", "(-9223372036854775808)"},
		'f': {"0.0", "1.0", "0.5", "(-2.25)", "1e3"},
		'w': {"0.0", "1.5", "(-1e300)", "0.1", "1e-300"},
		's': {"''", "'a'", "'abc'", "'12'", "'日本'", "'it''s'", "'%'"},
		't': {"TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '1969-12-31 23:59:59.999999'", "now()"},
		'd': {"DATE '2024-01-01'", "DATE '1969-12-31'"},
	}
	return one(x.t, "literal", of[k]...)
}

// maybeNull is a leaf, or NULL where the type is known without it.
func (x *sentences) maybeNull(k byte) string {
	if coin(x.t, 3, "null") {
		return "NULL"
	}
	return x.leaf(k)
}

// choices are the forms that every type has.
func (x *sentences) choices(k byte, in func(byte) string) []func() string {
	return []func() string{
		func() string { return fmt.Sprintf("coalesce(%s, %s)", in(k), x.maybeNull(k)) },
		func() string { return fmt.Sprintf("if(%s, %s, %s)", in('b'), in(k), x.maybeNull(k)) },
		func() string { return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", in('b'), in(k), in(k)) },
		func() string {
			by := one(x.t, "operand", []byte("isbd")...)
			return fmt.Sprintf("CASE %s WHEN %s THEN %s WHEN %s THEN %s END", in(by), x.leaf(by), in(k), x.leaf(by), x.leaf(k))
		},
		func() string { return fmt.Sprintf("nullif(%s, %s)", in(k), x.leaf(k)) },
		func() string {
			return fmt.Sprintf("%s(%s, %s)", one(x.t, "extreme", "greatest", "least"), in(k), x.maybeNull(k))
		},
	}
}

func (x *sentences) predicates(in func(byte) string) []func() string {
	any2 := func() (string, string) {
		k := one(x.t, "compared", []byte("iswtdb")...)
		if k == 'w' && coin(x.t, 1, "mixed") {
			return in('i'), in('w')
		}
		if k == 'd' && coin(x.t, 1, "mixed") {
			return in('d'), in('t')
		}
		return in(k), in(k)
	}
	compared := func() string {
		a, b := any2()
		return fmt.Sprintf("(%s %s %s)", a, one(x.t, "comparison", "=", "<", "<=", ">", ">=", "<>", "!=", "<=>"), b)
	}
	not := func() string { return one(x.t, "not", "", "NOT ") }
	return []func() string{
		compared, compared, compared,
		func() string { return fmt.Sprintf("(%s %s %s)", in('b'), one(x.t, "logic", "AND", "OR"), in('b')) },
		func() string { return fmt.Sprintf("(%s %s %s)", in('b'), one(x.t, "logic", "AND", "OR"), in('b')) },
		func() string { return fmt.Sprintf("(NOT %s)", in('b')) },
		func() string { return fmt.Sprintf("(%s IS %sNULL)", in(one(x.t, "null", []byte("iswtdb")...)), not()) },
		func() string { return fmt.Sprintf("(%s IS %s%s)", in('b'), not(), one(x.t, "truth", "TRUE", "FALSE")) },
		func() string { a, b := any2(); return fmt.Sprintf("(%s IS %sDISTINCT FROM %s)", a, not(), b) },
		func() string {
			k := one(x.t, "member", []byte("iswtd")...)
			list := []string{x.literal(k), x.literal(k)}
			if coin(x.t, 2, "null") {
				list = append(list, "NULL")
			}
			return fmt.Sprintf("(%s %sIN (%s))", in(k), not(), strings.Join(list, ", "))
		},
		func() string {
			k := one(x.t, "between", []byte("iswtd")...)
			return fmt.Sprintf("(%s %sBETWEEN %s AND %s)", x.leaf(k), not(), x.leaf(k), x.leaf(k))
		},
		func() string {
			return fmt.Sprintf("(%s %sLIKE '%s')", in('s'), not(), one(x.t, "pattern", "%", "a%", "%b%", "_", "a_c", "", `x\%%`))
		},
		func() string {
			return fmt.Sprintf("%s(%s, %s)", one(x.t, "part", "starts_with", "contains"), in('s'), x.leaf('s'))
		},
	}
}

func (x *sentences) integers(in func(byte) string) []func() string {
	op := func() string {
		return fmt.Sprintf("(%s %s %s)", in('i'), one(x.t, "operator", "+", "-", "*", "%", "div"), in('i'))
	}
	return []func() string{
		op, op, op,
		func() string { return "(-" + in('i') + ")" },
		func() string { return "abs(" + in('i') + ")" },
		func() string { return "length(" + in('s') + ")" },
		func() string { return fmt.Sprintf("instr(%s, %s)", in('s'), x.leaf('s')) },
		func() string { return fmt.Sprintf("datediff(%s, %s)", in('d'), in('d')) },
		func() string {
			return fmt.Sprintf("%s(%s AS bigint)", one(x.t, "cast", "CAST", "TRY_CAST"), in(one(x.t, "from", []byte("wsbi")...)))
		},
		func() string {
			return fmt.Sprintf("%s(%s)", one(x.t, "field", "hour", "year", "dayofweek", "unix_micros"), in('t'))
		},
	}
}

// moderate keeps floats moderate: sums of a few, small multiples. See trait.
func (x *sentences) moderate(in func(byte) string) []func() string {
	return []func() string{
		func() string { return fmt.Sprintf("(%s + %s)", in('f'), x.leaf('f')) },
		func() string { return fmt.Sprintf("(%s - %s)", in('f'), x.leaf('f')) },
		func() string { return fmt.Sprintf("(%s * %s)", in('f'), one(x.t, "factor", "2", "0.5", "(-1.0)")) },
		func() string { return "abs(" + in('f') + ")" },
	}
}

func (x *sentences) floats(in func(byte) string) []func() string {
	number := func() byte { return one(x.t, "number", []byte("wif")...) }
	op := func() string {
		return fmt.Sprintf("(%s %s %s)", in('w'), one(x.t, "operator", "+", "-", "*", "%", "/"), in(number()))
	}
	return []func() string{
		op, op,
		func() string { return fmt.Sprintf("(%s / %s)", in(number()), in(number())) },
		func() string { return "(-" + in('w') + ")" },
		func() string { return "sqrt(abs(" + in(number()) + "))" },
		func() string { return "CAST(" + in(one(x.t, "from", []byte("is")...)) + " AS double)" },
		func() string { return fmt.Sprintf("coalesce(%s, %s)", in('i'), in('w')) },
		func() string { return fmt.Sprintf("greatest(%s, %s)", in('i'), in('w')) },
		func() string { return fmt.Sprintf("if(%s, %s, %s)", in('b'), in('i'), in('w')) },
	}
}

func (x *sentences) strings(in func(byte) string) []func() string {
	return []func() string{
		func() string { return fmt.Sprintf("concat(%s, %s)", in('s'), in('s')) },
		func() string { return fmt.Sprintf("(%s || %s)", in('s'), in('s')) },
		func() string { return fmt.Sprintf("%s(%s)", one(x.t, "function", "upper", "lower", "trim"), in('s')) },
		func() string {
			return fmt.Sprintf("substring(%s, %d, %d)", in('s'), small(x.t, 1, 4, "from"), small(x.t, 0, 4, "length"))
		},
		func() string { return fmt.Sprintf("CAST(%s AS string)", in('i')) },
		func() string { return "reverse(" + in('s') + ")" },
		func() string { return fmt.Sprintf("replace(%s, %s, '.')", in('s'), x.literal('s')) },
	}
}

// times are forms of timestamps and dates.
func (x *sentences) times(k byte, in func(byte) string) []func() string {
	if k == 'd' {
		return []func() string{
			func() string { return fmt.Sprintf("CAST(%s AS date)", in('t')) },
			func() string { return fmt.Sprintf("date_add(%s, %d)", in('d'), small(x.t, 0, 400, "days")) },
		}
	}
	return []func() string{
		func() string {
			return fmt.Sprintf("(%s %s INTERVAL '%s')", in('t'), one(x.t, "sign", "+", "-"), one(x.t, "interval", "1 hour", "1 day", "90 minutes"))
		},
		func() string {
			return fmt.Sprintf("date_trunc('%s', %s)", one(x.t, "unit", "hour", "day", "month"), in('t'))
		},
		func() string { return fmt.Sprintf("CAST(%s AS timestamp)", in('d')) },
		func() string { return fmt.Sprintf("if(%s, %s, %s)", in('b'), in('d'), in('t')) },
	}
}
