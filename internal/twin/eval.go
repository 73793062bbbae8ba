package twin

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// scope evaluates expressions for one row. What fails (overflow, division by
// zero, a bad cast) is null; within strict() it fails the row.
type scope struct {
	types  schema
	row    map[string]any
	now    arrow.Timestamp
	strict int   // depth of strict() around the node
	failed bool  // something failed within strict()
	err    error // the first thing that the twin does not know
}

func (s *scope) unsupported(format string, args ...any) any {
	if s.err == nil {
		s.err = fmt.Errorf("not in the twin: "+format, args...)
	}
	return nil
}

// fail is the null of an operation that failed.
func (s *scope) fail() any {
	s.failed = s.failed || s.strict > 0
	return nil
}

// eval evaluates n. Only what the row reaches is evaluated and can fail: the
// branch of a CASE or IF and the conditions before it, the arguments of
// coalesce up to the first that is not null, the right side of AND unless the
// left is FALSE, that of OR unless the left is TRUE.
func (s *scope) eval(n expr.Node) any {
	switch n := n.(type) {
	case *expr.Column:
		if _, ok := s.types[n.Name]; !ok {
			return s.unsupported("column %q that the label lacks", n.Name)
		}
		return s.row[n.Name]
	case *expr.Literal:
		return n.Value
	case *expr.Cast:
		v := s.eval(n.X)
		out, ok := cast(v, typeID(n.To))
		switch {
		case ok:
			return out
		case n.Try:
			return nil
		}
		return s.fail()
	case *expr.Case:
		return s.widen(s.branch(n), n)
	case *expr.Call:
		return s.call(n)
	}
	return s.unsupported("%T", n)
}

func (s *scope) branch(n *expr.Case) any {
	var operand any
	if n.Operand != nil {
		operand = s.eval(n.Operand)
	}
	for _, w := range n.Whens {
		v := s.eval(w.If)
		if n.Operand != nil {
			v = operand != nil && v != nil && compare(operand, v) == 0
		}
		if v == true {
			return s.eval(w.Then)
		}
	}
	if n.Else == nil {
		return nil
	}
	return s.eval(n.Else)
}

// widen gives v the type of n, where branches of several types meet.
func (s *scope) widen(v any, n expr.Node) any {
	switch i, isInt := v.(int64); {
	case isInt && s.typeOf(n) == arrow.FLOAT64:
		return float64(i)
	case s.typeOf(n) == arrow.TIMESTAMP:
		v, _ = cast(v, arrow.TIMESTAMP)
	}
	return v
}

// call evaluates what does not evaluate all its arguments, and hands the rest
// to apply.
func (s *scope) call(n *expr.Call) any {
	switch n.Name {
	case "and", "or":
		decides := n.Name == "or"
		a := s.eval(n.Args[0])
		if a == decides {
			return a
		}
		b := s.eval(n.Args[1])
		if a == nil && b != decides {
			return nil
		}
		return b
	case "if":
		if s.eval(n.Args[0]) == true {
			return s.widen(s.eval(n.Args[1]), n)
		}
		return s.widen(s.eval(n.Args[2]), n)
	case "coalesce":
		for _, a := range n.Args {
			if v := s.eval(a); v != nil {
				return s.widen(v, n)
			}
		}
		return nil
	case "strict":
		s.strict++
		defer func() { s.strict-- }()
		return s.eval(n.Args[0])
	}
	args, null := make([]any, len(n.Args)), false
	for i, a := range n.Args {
		args[i] = s.eval(a)
		null = null || args[i] == nil
	}
	if v, ok := s.nullable(n, args); ok {
		return v
	}
	if null {
		return nil
	}
	return s.apply(n.Name, args)
}

// nullable applies the functions that look at nulls.
func (s *scope) nullable(n *expr.Call, a []any) (v any, ok bool) {
	switch n.Name {
	case "is_null":
		return a[0] == nil, true
	case "is_true":
		return a[0] == true, true
	case "is_false":
		return a[0] == false, true
	case "<=>":
		return compareNull(a[0], a[1]) == 0, true
	case "between":
		from, to := equalOr(a[0], a[1], 1), equalOr(a[0], a[2], -1)
		if from == false || to == false {
			return false, true
		}
		if from == nil || to == nil {
			return nil, true
		}
		return true, true
	case "in":
		return member(a[0], a[1:]), true
	case "nullif":
		if equalOr(a[0], a[1], 0) == true {
			return nil, true
		}
		return s.widen(a[0], n), true
	case "greatest", "least": // nulls do not take part
		sign := 1 - 2*b2i(n.Name == "least")
		for _, x := range a {
			if x != nil && (v == nil || sign*compare(x, v) > 0) {
				v = x
			}
		}
		return s.widen(v, n), true
	}
	return nil, false
}

// member is x IN list: null where a null hides whether it is.
func member(x any, list []any) any {
	found := any(false)
	for _, y := range list {
		switch equalOr(x, y, 0) {
		case true:
			return true
		case nil:
			found = nil
		}
	}
	return found
}

// equalOr is whether a and b are equal or compare as sign; null if one is.
func equalOr(a, b any, sign int) any {
	if a == nil || b == nil {
		return nil
	}
	c := compare(a, b)
	return c == 0 || c == sign
}

// apply applies a function to arguments that are not null.
func (s *scope) apply(name string, a []any) any {
	if v, ok := s.richCall(name, a); ok {
		return v
	}
	switch name {
	case "=":
		return compare(a[0], a[1]) == 0
	case "<>":
		return compare(a[0], a[1]) != 0
	case "<":
		return compare(a[0], a[1]) < 0
	case "<=":
		return compare(a[0], a[1]) <= 0
	case ">":
		return compare(a[0], a[1]) > 0
	case ">=":
		return compare(a[0], a[1]) >= 0
	case "not":
		return a[0] == false
	case "+", "-", "*", "/", "%", "div", "neg", "abs":
		return s.arithmetic(name, a)
	case "sqrt":
		return math.Sqrt(number(a[0]))
	case "now":
		return s.now
	case "date_add":
		return a[0].(arrow.Date32) + arrow.Date32(a[1].(int64))
	case "date_trunc", "year", "hour", "dayofweek", "unix_micros":
		return s.calendar(name, a)
	}
	if x, ok := a[0].(string); ok {
		return s.text(name, x, a[1:])
	}
	return s.unsupported("%s%v", name, a)
}

// text applies the functions of strings, which count in characters.
func (s *scope) text(name, x string, a []any) any {
	switch name {
	case "length":
		return int64(len([]rune(x)))
	case "lower":
		return strings.ToLower(x)
	case "upper":
		return strings.ToUpper(x)
	case "trim":
		return strings.Trim(x, " ")
	case "concat":
		for _, y := range a {
			x += y.(string)
		}
		return x
	case "starts_with":
		return strings.HasPrefix(x, a[0].(string))
	case "contains":
		return strings.Contains(x, a[0].(string))
	case "like":
		return like([]rune(x), []rune(a[0].(string)))
	case "substring":
		chars := []rune(x)
		from := min(int(a[0].(int64))-1, len(chars)) // from 1 on
		return string(chars[from:min(from+int(a[1].(int64)), len(chars))])
	}
	return s.unsupported("%s of a string", name)
}

// like matches % with any characters and _ with one; \ takes the next as it is.
func like(x, p []rune) bool {
	switch {
	case len(p) == 0:
		return len(x) == 0
	case p[0] == '%':
		return like(x, p[1:]) || len(x) > 0 && like(x[1:], p)
	case p[0] == '\\' && len(p) > 1:
		return len(x) > 0 && x[0] == p[1] && like(x[1:], p[2:])
	}
	return len(x) > 0 && (p[0] == '_' || p[0] == x[0]) && like(x[1:], p[1:])
}

// calendar applies the functions of time, in UTC.
func (s *scope) calendar(name string, a []any) any {
	v, _ := cast(a[len(a)-1], arrow.TIMESTAMP)
	t := time.UnixMicro(int64(v.(arrow.Timestamp))).UTC()
	switch name {
	case "year":
		return int64(t.Year())
	case "hour":
		return int64(t.Hour())
	case "dayofweek": // 1 is Sunday
		return int64(t.Weekday()) + 1
	case "unix_micros":
		return t.UnixMicro()
	}
	switch a[0] {
	case "hour":
		return arrow.Timestamp(t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond())).UnixMicro())
	case "day":
		return arrow.Timestamp(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).UnixMicro())
	case "month":
		return arrow.Timestamp(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	}
	return s.unsupported("date_trunc to %v", a[0])
}

// arithmetic computes on integers without bounds and then looks whether the
// result is an int64; where one side is a float it computes in floats.
func (s *scope) arithmetic(name string, a []any) any {
	if d, ok := a[len(a)-1].(expr.Interval); ok { // a timestamp and an interval
		a = []any{int64(a[0].(arrow.Timestamp)), int64(d)}
		if v, ok := s.arithmetic(name, a).(int64); ok {
			return arrow.Timestamp(v)
		}
		return nil
	}
	x, isInt := a[0].(int64)
	y, bothInt := a[len(a)-1].(int64)
	if !isInt || !bothInt || name == "/" {
		return s.floats(name, number(a[0]), number(a[len(a)-1]))
	}
	v, w := big.NewInt(x), big.NewInt(y)
	switch name {
	case "+":
		v.Add(v, w)
	case "-":
		v.Sub(v, w)
	case "*":
		v.Mul(v, w)
	case "neg":
		v.Neg(v)
	case "abs":
		v.Abs(v)
	case "div", "%":
		if y == 0 {
			return s.fail()
		}
		q, m := new(big.Int).QuoRem(v, w, new(big.Int)) // towards zero, as in SQL
		if v = q; name == "%" {
			v = m
		}
	}
	if !v.IsInt64() {
		return s.fail()
	}
	return v.Int64()
}

func (s *scope) floats(name string, x, y float64) any {
	switch name {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "neg":
		return -x
	case "abs":
		return math.Abs(x)
	case "/", "%":
		if y == 0 {
			return s.fail()
		}
		if name == "%" {
			return math.Mod(x, y)
		}
		return x / y
	}
	return s.unsupported("%s of floats", name)
}
