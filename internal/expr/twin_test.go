package expr

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// twin evaluates a tree for one row, as the package documentation tells it and
// as plainly as can be: values are any (nil for null), times are time.Time
// where it helps, integers are computed in big.Int.
type twin struct {
	row          map[string]any
	now          int64
	failed, hard bool
}

func (w *twin) eval(n Node) any {
	switch n := n.(type) {
	case *Column:
		return w.row[n.Name]
	case *Literal:
		return n.Value
	case *Cast:
		return w.cast(n)
	case *Case:
		var operand any
		if n.Operand != nil {
			operand = w.eval(n.Operand)
		}
		for _, c := range n.Whens {
			v := w.eval(c.If)
			if n.Operand != nil {
				v = compareTwin("=", operand, v)
			}
			if v == true {
				return w.eval(c.Then)
			}
		}
		if n.Else == nil {
			return nil
		}
		return w.eval(n.Else)
	case *Call:
		return w.call(n)
	}
	panic("unknown node")
}

// call evaluates what does not reach all its arguments or takes nulls, and
// leaves the rest to plain.
func (w *twin) call(n *Call) any {
	switch n.Name {
	case "and", "or":
		decides := n.Name == "or"
		a := w.eval(n.Args[0])
		if a == decides {
			return decides
		}
		b := w.eval(n.Args[1])
		if b == decides || a != nil && b != nil {
			return b
		}
		return nil
	case "coalesce":
		for _, a := range n.Args {
			if v := w.eval(a); v != nil {
				return v
			}
		}
		return nil
	case "if":
		if w.eval(n.Args[0]) == true {
			return w.eval(n.Args[1])
		}
		return w.eval(n.Args[2])
	case "strict":
		inner := &twin{row: w.row, now: w.now}
		v := inner.eval(n.Args[0])
		w.hard = w.hard || inner.hard || inner.failed
		if inner.failed {
			return nil
		}
		return v
	}
	args := make([]any, len(n.Args))
	for i, a := range n.Args {
		args[i] = w.eval(a)
	}
	return w.withNulls(n.Name, args)
}

// member is IN.
func member(args []any) any {
	found := any(false)
	for _, a := range args[1:] {
		switch compareTwin("=", args[0], a) {
		case true:
			return true
		case nil:
			found = nil
		}
	}
	return found
}

// withNulls evaluates what is not null for a null argument.
func (w *twin) withNulls(name string, args []any) any {
	switch name {
	case "is_null":
		return args[0] == nil
	case "is_true":
		return args[0] == true
	case "is_false":
		return args[0] == false
	case "<=>":
		return args[0] == nil && args[1] == nil || compareTwin("=", args[0], args[1]) == true
	case "in":
		return member(args)
	case "between":
		low, high := compareTwin(">=", args[0], args[1]), compareTwin("<=", args[0], args[2])
		if low == false || low != nil && high != nil {
			return low == true && high == true
		}
		if high == false {
			return false
		}
		return nil
	case "nullif":
		if compareTwin("=", args[0], args[1]) == true {
			return nil
		}
		return args[0]
	case "greatest", "least":
		var best any
		for _, a := range args {
			op := map[string]string{"greatest": ">", "least": "<"}[name]
			if best == nil || compareTwin(op, a, best) == true {
				best = a
			}
		}
		return best
	case "concat_ws":
		if args[0] == nil {
			return nil
		}
		var parts []string
		for _, a := range args[1:] {
			if a != nil {
				parts = append(parts, a.(string))
			}
		}
		return strings.Join(parts, args[0].(string))
	}
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	v := plain(w, name, args)
	if v == failure {
		w.failed = true
		return nil
	}
	return v
}

type failed string

const failure = failed("failed")

// plain evaluates with arguments that are not null; it may give failure.
func plain(w *twin, name string, args []any) any {
	switch name {
	case "=", "<>", "<", "<=", ">", ">=":
		return compareTwin(name, args[0], args[1])
	case "not":
		return !args[0].(bool)
	case "now":
		return arrow.Timestamp(w.now)
	case "+", "-", "*", "/", "%", "div", "neg", "abs":
		return arithTwin(name, args)
	}
	if v, ok := textTwin(name, args); ok {
		return v
	}
	if v, ok := timeTwin(name, args); ok {
		return v
	}
	return mathTwin(name, args)
}

// compareTwin compares, null with null arguments.
func compareTwin(op string, a, b any) any {
	if a == nil || b == nil {
		return nil
	}
	var c int
	switch x := a.(type) {
	case bool:
		c = strings.Compare(strconv.FormatBool(x), strconv.FormatBool(b.(bool)))
	case string:
		c = bytes.Compare([]byte(x), []byte(b.(string)))
	case arrow.Timestamp, arrow.Date32:
		c = bigOf(a).Cmp(bigOf(b))
	default:
		if isInt(a) && isInt(b) {
			c = bigOf(a).Cmp(bigOf(b))
			break
		}
		x64, y64 := floatOf(a), floatOf(b)
		switch {
		case x64 == y64 || math.IsNaN(x64) && math.IsNaN(y64):
		case math.IsNaN(x64) || x64 > y64:
			c = 1
		default:
			c = -1
		}
	}
	return map[string]bool{"=": c == 0, "<>": c != 0, "<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0}[op]
}

func isInt(v any) bool {
	_, ok := v.(int64)
	return ok
}

func floatOf(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

// bigOf is an integer, or the microseconds of a time.
func bigOf(v any) *big.Int {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v)
	case arrow.Timestamp:
		return big.NewInt(int64(v))
	case Interval:
		return big.NewInt(int64(v))
	case arrow.Date32:
		return new(big.Int).Mul(big.NewInt(int64(v)), big.NewInt(24*3600*1_000_000))
	}
	panic("not an integer")
}

func fit(v *big.Int) any {
	if !v.IsInt64() {
		return failure
	}
	return v.Int64()
}

func arithTwin(name string, args []any) any {
	ints := name != "/"
	for _, a := range args {
		_, isFloat := a.(float64)
		ints = ints && !isFloat
	}
	if !ints {
		return floatTwin(name, args)
	}
	r, x := new(big.Int), bigOf(args[0])
	y := x
	if len(args) > 1 {
		y = bigOf(args[1])
	}
	switch name {
	case "+":
		r.Add(x, y)
	case "-":
		r.Sub(x, y)
	case "*":
		r.Mul(x, y)
	case "neg":
		r.Neg(x)
	case "abs":
		r.Abs(x)
	default:
		if y.Sign() == 0 {
			return failure
		}
		if name == "div" {
			r.Quo(x, y)
		} else {
			r.Rem(x, y)
		}
	}
	v := fit(r)
	_, isTime := args[0].(arrow.Timestamp)
	if i, ok := v.(int64); ok && isTime {
		return arrow.Timestamp(i)
	}
	return v
}

func floatTwin(name string, args []any) any {
	x := floatOf(args[0])
	y := x
	if len(args) > 1 {
		y = floatOf(args[1])
	}
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
	}
	if y == 0 {
		return failure
	}
	if name == "/" {
		return x / y
	}
	return math.Mod(x, y)
}
