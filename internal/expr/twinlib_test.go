package expr

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

func mathTwin(name string, args []any) any {
	x := floatOf(args[0])
	switch name {
	case "sqrt":
		return math.Sqrt(x)
	case "ln":
		if x <= 0 {
			return failure
		}
		return math.Log(x)
	case "isnan":
		return math.IsNaN(x)
	case "nanvl":
		if math.IsNaN(x) {
			return floatOf(args[1])
		}
		return x
	case "ceil", "floor", "truncate":
		if isInt(args[0]) {
			return args[0]
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return failure
		}
		f := map[string]func(float64) float64{"ceil": math.Ceil, "floor": math.Floor, "truncate": math.Trunc}[name]
		i, _ := big.NewFloat(f(x)).Int(nil)
		return fit(i)
	case "round":
		return roundTwin(args)
	}
	panic("unknown function " + name)
}

// roundTwin rounds the printed decimal as a fraction.
func roundTwin(args []any) any {
	places := int64(0)
	if len(args) > 1 {
		places = args[1].(int64)
	}
	places = min(max(places, -400), 400)
	exact := new(big.Rat)
	if v, ok := args[0].(int64); ok {
		exact.SetInt64(v)
	} else {
		f := args[0].(float64)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return f
		}
		exact.SetString(strconv.FormatFloat(f, 'g', -1, 64))
	}
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(max(places, -places)), nil))
	if places > 0 {
		unit.Inv(unit)
	}
	half := big.NewRat(int64(exact.Sign()), 2)
	q := new(big.Rat).Add(new(big.Rat).Quo(exact, unit), half)
	whole := new(big.Int).Quo(q.Num(), q.Denom())
	exact.Mul(new(big.Rat).SetInt(whole), unit)
	if isInt(args[0]) {
		if places >= 0 {
			return args[0]
		}
		return fit(exact.Num())
	}
	f, _ := exact.Float64()
	if math.IsInf(f, 0) {
		return args[0]
	}
	return f
}

func textTwin(name string, args []any) (any, bool) {
	if len(args) == 0 {
		return nil, false
	}
	s, _ := args[0].(string)
	chars := []rune(s)
	text := func(i int) string { return args[i].(string) }
	number := func(i int) int { return int(max(min(args[i].(int64), 1<<40), -1<<40)) }
	part := func(from, to int) string {
		from, to = max(from, 0), min(to, len(chars))
		if from >= to {
			return ""
		}
		return string(chars[from:to])
	}
	switch name {
	case "length":
		return int64(len(chars)), true
	case "upper":
		return strings.ToUpper(s), true
	case "lower":
		return strings.ToLower(s), true
	case "trim":
		return strings.Trim(s, " "), true
	case "concat":
		return s + text(1), true
	case "left":
		return part(0, number(1)), true
	case "right":
		return part(len(chars)-number(1), len(chars)), true
	case "substring":
		from := number(1)
		if from > 0 {
			from--
		} else if from < 0 {
			from += len(chars)
		}
		to := len(chars)
		if len(args) > 2 {
			to = from + number(2)
		}
		return part(from, to), true
	case "reverse":
		var out string
		for _, r := range chars {
			out = string(r) + out
		}
		return out, true
	case "replace":
		if text(1) == "" {
			return s, true
		}
		return strings.ReplaceAll(s, text(1), text(2)), true
	case "contains":
		return strings.Contains(s, text(1)), true
	case "starts_with":
		return strings.HasPrefix(s, text(1)), true
	case "instr":
		at := strings.Index(s, text(1))
		return int64(len([]rune(s[:max(at, 0)])) + 1 - map[bool]int{true: 1}[at < 0]), true
	case "repeat":
		n := max(number(1), 0)
		if n*len(s) > 1<<20 {
			return failure, true
		}
		return strings.Repeat(s, min(n, 1<<20)), true
	case "lpad", "rpad":
		return padTwin(name, chars, number(1), []rune(text(2))), true
	case "split_part":
		return splitTwin(s, text(1), number(2)), true
	case "like":
		return likeTwin(chars, []rune(text(1))), true
	case "ilike":
		return likeTwin([]rune(strings.ToLower(s)), []rune(strings.ToLower(text(1)))), true
	}
	return nil, false
}

func padTwin(name string, s []rune, n int, p []rune) any {
	if n <= len(s) || len(p) == 0 {
		return string(s[:max(min(n, len(s)), 0)])
	}
	if n > 1<<20 {
		return failure
	}
	var fill []rune
	for i := range n - len(s) {
		fill = append(fill, p[i%len(p)])
	}
	out := string(s) + string(fill)
	if name == "lpad" {
		out = string(fill) + string(s)
	}
	if len(out) > 1<<20 {
		return failure
	}
	return out
}

func splitTwin(s, sep string, n int) any {
	if n == 0 {
		return failure
	}
	parts := []string{s}
	if sep != "" {
		parts = strings.Split(s, sep)
	}
	if n < 0 {
		n += len(parts) + 1
	}
	if n < 1 || n > len(parts) {
		return ""
	}
	return parts[n-1]
}

// likeTwin tries everything.
func likeTwin(s, p []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '%':
		return likeTwin(s, p[1:]) || len(s) > 0 && likeTwin(s[1:], p)
	case p[0] == '\\' && len(p) > 1:
		return len(s) > 0 && s[0] == p[1] && likeTwin(s[1:], p[2:])
	}
	return len(s) > 0 && (p[0] == '_' || s[0] == p[0]) && likeTwin(s[1:], p[1:])
}

func timeOf(v any) time.Time { return time.UnixMicro(bigOf(v).Int64()).UTC() }

func timeTwin(name string, args []any) (any, bool) {
	if name == "timestamp_seconds" {
		v := fit(new(big.Int).Mul(bigOf(args[0]), big.NewInt(1_000_000)))
		if v == failure {
			return v, true
		}
		return arrow.Timestamp(v.(int64)), true
	}
	last := args[len(args)-1]
	switch first := args[0].(type) {
	case string:
		if name == "date_trunc" {
			return truncTwin(first, timeOf(last)), true
		}
		return nil, false
	case arrow.Timestamp, arrow.Date32:
	default:
		return nil, false
	}
	at := timeOf(args[0])
	_, week := at.ISOWeek()
	switch name {
	case "date_add":
		sum := new(big.Int).Add(big.NewInt(int64(args[0].(arrow.Date32))), bigOf(last))
		if !sum.IsInt64() || sum.Int64() != int64(int32(sum.Int64())) {
			return failure, true
		}
		return arrow.Date32(sum.Int64()), true
	case "datediff":
		return int64(args[0].(arrow.Date32)) - int64(last.(arrow.Date32)), true
	case "unix_seconds":
		return at.Unix(), true
	}
	fields := map[string]int{
		"year": at.Year(), "month": int(at.Month()), "day": at.Day(), "hour": at.Hour(), "minute": at.Minute(), "second": at.Second(),
		"dayofweek": int(at.Weekday()) + 1, "dayofyear": at.YearDay(), "week": week, "quarter": (int(at.Month())-1)/3 + 1,
	}
	v, ok := fields[name]
	return int64(v), ok
}

func truncTwin(unit string, t time.Time) any {
	y, m, d := t.Date()
	switch unit {
	case "year":
		m, d = 1, 1
	case "quarter":
		m, d = (m-1)/3*3+1, 1
	case "month":
		d = 1
	case "week":
		d -= (int(t.Weekday()) + 6) % 7
	case "day":
	case "hour":
		return arrow.Timestamp(t.Add(-time.Duration(t.UnixMicro()-time.Date(y, m, d, t.Hour(), 0, 0, 0, time.UTC).UnixMicro()) * time.Microsecond).UnixMicro())
	}
	return arrow.Timestamp(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).UnixMicro())
}

func (w *twin) cast(n *Cast) any {
	v := w.eval(n.X)
	if v == nil {
		return nil
	}
	out := castTwin(v, kindOf(n.To))
	if out == failure {
		w.failed = w.failed || !n.Try
		return nil
	}
	return out
}

func castTwin(v any, to kind) any {
	from := kindOfValue(v)
	switch {
	case from == to:
		return v
	case to == kString:
		return textOfTwin(v)
	case from == kString:
		return parseTwin(strings.TrimSpace(v.(string)), to)
	case from == kBool:
		i := map[bool]int64{true: 1}[v.(bool)]
		if to == kFloat {
			return float64(i)
		}
		return i
	case to == kBool:
		return floatOf(v) != 0
	case to == kFloat:
		return floatOf(v)
	case to == kInt:
		return plain(nil, "truncate", []any{v})
	case to == kDate:
		return arrow.Date32(math.Floor(float64(timeOf(v).Unix()) / 86400))
	}
	us := fit(bigOf(v))
	if us == failure {
		return failure
	}
	return arrow.Timestamp(us.(int64))
}

func textOfTwin(v any) any {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case arrow.Date32:
		return timeOf(arrow.Timestamp(int64(v) * 86400e6)).Format("2006-01-02")
	case arrow.Timestamp:
		return timeOf(v).Format("2006-01-02 15:04:05.999999")
	}
	f := v.(float64)
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return map[bool]string{true: "-Infinity", false: "Infinity"}[f < 0]
	case f == 0:
		return "0.0"
	case math.Abs(f) < 1e-6 || math.Abs(f) >= 1e21:
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func parseTwin(s string, to kind) any {
	switch to {
	case kInt:
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return v
		}
	case kFloat:
		if v, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xX_") {
			return v
		}
	case kBool:
		switch strings.ToLower(s) {
		case "true", "t", "yes", "y", "1":
			return true
		case "false", "f", "no", "n", "0":
			return false
		}
	case kTime, kDate:
		for _, layout := range []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04Z07:00"} {
			if at, err := time.Parse(layout, s); err == nil && at.Year() > 0 {
				if to == kDate {
					return arrow.Date32(math.Floor(float64(at.Unix()) / 86400))
				}
				return arrow.Timestamp(at.UnixMicro())
			}
		}
	case kNull, kString, kInterval, kBinary:
	}
	return failure
}
