package expr

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
)

// TestParsePrint proves how operators bind and how trees are printed: each
// source gives the text beside it, and that text gives the same tree.
func TestParsePrint(t *testing.T) {
	for _, c := range [...]struct{ src, want string }{
		{"charge <= 50 AND weather = 'snowy'", ""},
		{"a or b and not c", "a OR b AND NOT c"},
		{"(a or b) and c", "(a OR b) AND c"},
		{"a and (b and c)", "a AND (b AND c)"},
		{"not (a = b)", "NOT a = b"},
		{"(not a) = b", "(NOT a) = b"},
		{"a = (b = c)", "a = (b = c)"},
		{"1 + 2 * 3 - (4 - 5)", "1 + 2 * 3 - (4 - 5)"},
		{"(1 + 2) * 3 % 4 div 5", "(1 + 2) * 3 % 4 DIV 5"},
		{"mod(a, 3)", "a % 3"},
		{"-a * -b", "-a * -b"},
		{"-(a * b)", "-(a * b)"},
		{"- -a", "-(-a)"},
		{"-5", "-5"},
		{"-(5)", "-(5)"},
		{"a - -5", "a - -5"},
		{"+a", "a"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"1e3", "1000.0"},
		{".5", "0.5"},
		{"1.", "1.0"},
		{"-0.0", "-0.0"},
		{"1e300", "1e+300"},
		{"a == b", "a = b"},
		{"a != b", "a <> b"},
		{"a is distinct from b", "NOT a <=> b"},
		{"a is not distinct from b", "a <=> b"},
		{"a is not null and b is true", "a IS NOT NULL AND b IS TRUE"},
		{"a not in (1, 2)", "a NOT IN (1, 2)"},
		{"not a in (1)", "a NOT IN (1)"},
		{"a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b"},
		{"a not between b + 1 and c", "a NOT BETWEEN b + 1 AND c"},
		{"a between (b = c) and d", "a BETWEEN (b = c) AND d"},
		{`a like 'x!%' escape '!'`, `a LIKE 'x!%' ESCAPE '!'`},
		{"a not ilike 'x'", "a NOT ILIKE 'x'"},
		{"a || b || 'c'", "concat(concat(a, b), 'c')"},
		{"case when a then 1 else 2 end", "CASE WHEN a THEN 1 ELSE 2 END"},
		{"case a when 1 then 'x' when 2 then 'y' end", "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END"},
		{"a::int + 1", "CAST(a AS bigint) + 1"},
		{"try_cast(a as real)", "TRY_CAST(a AS double)"},
		{"to_date(s)", "CAST(s AS date)"},
		{"extract(dow from t)", "dayofweek(t)"},
		{"CURRENT_TIMESTAMP", "now()"},
		{"count(*) + COUNT()", "count() + count()"},
		{"count(distinct x)", "count_distinct(x)"},
		{"sum(net)", "sum(net)"},
		{"'it''s'", "'it''s'"},
		{"\"a b\" + `c``d`", "\"a b\" + \"c`d\""},
		{`"and" + "a""b"`, `"and" + "a""b"`},
		{"Zoë + _x$1", "Zoë + _x$1"},
		{"timestamp '2026-01-31T12:30:00.5+01:00'", "TIMESTAMP '2026-01-31 11:30:00.5'"},
		{"date '2024-02-29'", "DATE '2024-02-29'"},
		{"timestamp + date", "timestamp + date"},
		{"t + interval '1 day 2 hours'", "t + INTERVAL '26 hours'"},
		{"t - interval 5 minutes", "t - INTERVAL '5 minutes'"},
		{"t - interval '90' second", "t - INTERVAL '90 seconds'"},
		{"t + interval -1 week", "t + INTERVAL '-7 days'"},
		{"a -- the rest is a comment\n + b", "a + b"},
		{"null is null", "NULL IS NULL"},
		{"a.b.`c d`", `a.b."c d"`},
		{"`a.b`.c", `"a.b".c`},
		{"a[0]['k'].end", `a[0]['k']."end"`},
		{"get(a, i + 1)", "a[i + 1]"},
		{"(a + b).c", "(a + b).c"},
		{"-a.b", "-a.b"},
		{"(-a)[1]", "(-a)[1]"},
		{"a.b::int", "CAST(a.b AS bigint)"},
		{"cast(a as decimal(10, 2))", "CAST(a AS decimal(10,2))"},
		{"a::array<struct<x:int>>[0].x", "CAST(a AS array<struct<x: bigint>>)[0].x"},
		{"a | b ^ c & d + 1", "a | b ^ c & d + 1"},
		{"(a | b) & ~c", "(a | b) & ~c"},
		{"a & b = c", "a & b = c"},
		{"timestampadd(MONTH, 1, t)", "timestampadd('month', 1, t)"},
		{"dateadd(DAY, 1, t)", "timestampadd('day', 1, t)"},
		{"datediff(a, b)", "datediff(a, b)"},
		{"date_part('year', t)", "year(t)"},
		{"isnotnull(a)", "a IS NOT NULL"},
	} {
		n, err := Parse(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		want := c.want
		if want == "" {
			want = c.src
		}
		if got := n.String(); got != want {
			t.Errorf("%s prints as %s, want %s", c.src, got, want)
		}
		if again, err := Parse(n.String()); err != nil || !sameTree(n, again) {
			t.Errorf("%s: %s is another tree (%v)", c.src, n, err)
		}
	}
}

// TestParseErrors proves that mistakes are told with their place.
func TestParseErrors(t *testing.T) {
	for _, c := range [...]struct{ src, want string }{
		{"", "1:1: unexpected the end; expected a value"},
		{"a +", "1:4: unexpected the end; expected a value"},
		{"a b", `1:3: unexpected "b"; expected an operator or the end`},
		{"a +\n  * b", `2:3: unexpected "*"; expected a value`},
		{"ëë ? 1", "1:4: unexpected character '?'"},
		{"'abc", "1:1: no closing '"},
		{`""`, "1:1: empty column name"},
		{"1abc", "1:1: bad number: 'a' follows 1"},
		{"9223372036854775808", "1:1: integer 9223372036854775808 is out of range; write it with a decimal point"},
		{"1e999", "1:1: number 1e999 is out of range"},
		{"a in ()", `1:7: unexpected ")"; expected a value`},
		{"a = not b", "1:5: NOT needs parentheses here"},
		{"a not 5", `1:7: unexpected "5"; expected IN, BETWEEN, LIKE or ILIKE`},
		{"a is 5", `1:6: unexpected "5"; expected NULL, TRUE, FALSE or DISTINCT FROM`},
		{"cast(a as money)", `1:11: unknown type "money"; there are boolean, bigint, double, decimal(p,s), string, binary, timestamp, date, interval, array<t>, map<k, v> and struct<name: t>`},
		{"case end", `1:6: unexpected "end"; expected a value`},
		{"case a end", `1:8: unexpected "end"; expected WHEN`},
		{"(a", `1:3: unexpected the end; expected ")"`},
		{"sum(distinct a)", "1:5: DISTINCT is only for count"},
		{"date '2026-02-30'", "1:6: '2026-02-30' is not a date like '2026-01-31'"},
		{"timestamp 'soon'", "1:11: 'soon' is not a timestamp like '2026-01-31 12:30:00'"},
		{"t + interval '1 month'", "1:14: an interval cannot have month: its length varies; use days"},
		{"t + interval '1 parsec'", `1:14: unknown unit of time "parsec"`},
		{"t + interval '1.5 days'", "1:14: an interval takes whole numbers, not 1.5"},
		{"t + interval 9223372036854775807 days", "1:14: interval is out of range"},
		{"extract(era from t)", `1:9: unexpected "era"; expected a field: year, quarter, month, week, day, dayofweek, dayofyear, hour, minute, second or epoch`},
		{"a \xff", "1:1: expression is not valid UTF-8"},
		{strings.Repeat("(", 300), "1:201: expression is nested too deeply (at most 200 levels)"},
		{strings.Repeat("a", 70000), "1:1: expression of 70000 bytes is too long (at most 65536)"},
		{strings.Repeat("a+", 25000) + "a", "1:1: expression is too large (at most 20000 operations)"},
	} {
		_, err := Parse(c.src)
		if err == nil || err.Error() != c.want {
			t.Errorf("%.40q: %v, want %s", c.src, err, c.want)
			continue
		}
		var at *Error
		if !errors.As(err, &at) || fault.Of(err) != fault.Invalid {
			t.Errorf("%.40q: %T is not an *Error and fault.Invalid", c.src, err)
		}
	}
}

// TestColumns proves that all columns are found, wherever they stand.
func TestColumns(t *testing.T) {
	n, err := Parse("case z when a then b + cast(c as int) else coalesce(d, e, a) end in (f, 'g', \"h i\")")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(Columns(n), ","); got != "a,b,c,d,e,f,h i,z" {
		t.Errorf("columns are %s", got)
	}
}

// sameTree compares without positions; NaN literals are equal.
func sameTree(a, b Node) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Name == b.Name
	case *Literal:
		b, ok := b.(*Literal)
		if !ok {
			return false
		}
		x, isFloat := a.Value.(float64)
		y, both := b.Value.(float64)
		return a.Value == b.Value && (!isFloat || math.Signbit(x) == math.Signbit(y)) || isFloat && both && x != x && y != y
	case *Call:
		b, ok := b.(*Call)
		return ok && a.Name == b.Name && sameTrees(a.Args, b.Args)
	case *Cast:
		b, ok := b.(*Cast)
		return ok && a.Try == b.Try && arrow.TypeEqual(a.To, b.To) && sameTree(a.X, b.X)
	case *Case:
		b, ok := b.(*Case)
		if !ok || len(a.Whens) != len(b.Whens) {
			return false
		}
		for i := range a.Whens {
			if !sameTree(a.Whens[i].If, b.Whens[i].If) || !sameTree(a.Whens[i].Then, b.Whens[i].Then) {
				return false
			}
		}
		return sameTree(a.Operand, b.Operand) && sameTree(a.Else, b.Else)
	case nil:
		return b == nil || reflect.ValueOf(b).IsNil()
	}
	return false
}

func sameTrees(a, b []Node) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !sameTree(a[i], b[i]) {
			return false
		}
	}
	return true
}

// TestPrintIsParsed proves the round trip for random trees.
func TestPrintIsParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := drawAny(t, 4)
		again, err := Parse(n.String())
		if err != nil {
			t.Fatalf("%s: %v", n, err)
		}
		if !sameTree(n, again) {
			t.Fatalf("%s became %s", n, again)
		}
	})
}

// drawAny draws a tree that need not make sense.
func drawAny(t *rapid.T, depth int) Node {
	kinds := 8
	if depth == 0 {
		kinds = 2
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "node") {
	case 0:
		return &Column{Name: rapid.SampledFrom([]string{"a", "b c", "and", "x$", "date", "é", "1a", `q"`, "current_date"}).Draw(t, "column")}
	case 1:
		return &Literal{Value: rapid.SampledFrom([]any{nil, true, int64(5), int64(-5), int64(math.MinInt64), 1.5, 0.0, math.Copysign(0, -1),
			1e300, -1e-300, "", "it's", arrow.Timestamp(1), arrow.Date32(-1), Interval(-90_000_000), Interval(0)}).Draw(t, "literal")}
	case 2:
		return &Cast{X: drawAny(t, depth-1), To: kTime.arrow(), Try: rapid.Bool().Draw(t, "try")}
	case 3:
		c := &Case{}
		if rapid.Bool().Draw(t, "operand") {
			c.Operand = drawAny(t, depth-1)
		}
		for range rapid.IntRange(1, 2).Draw(t, "whens") {
			c.Whens = append(c.Whens, When{drawAny(t, depth-1), drawAny(t, depth-1)})
		}
		if rapid.Bool().Draw(t, "else") {
			c.Else = drawAny(t, depth-1)
		}
		return c
	case 4:
		name := rapid.SampledFrom([]string{"neg", "not", "is_null", "is_true", "is_false"}).Draw(t, "unary")
		return &Call{Name: name, Args: []Node{drawAny(t, depth-1)}}
	case 5:
		name := rapid.SampledFrom([]string{"between", "like", "ilike", "in", "coalesce"}).Draw(t, "three")
		return &Call{Name: name, Args: []Node{drawAny(t, depth-1), drawAny(t, depth-1), drawAny(t, depth-1)}}
	}
	name := rapid.SampledFrom([]string{"or", "and", "=", "<>", "<=>", "<", ">=", "+", "-", "*", "/", "%", "div", "concat"}).Draw(t, "binary")
	return &Call{Name: name, Args: []Node{drawAny(t, depth-1), drawAny(t, depth-1)}}
}

// FuzzParse proves that no input makes Parse panic, and that what it accepts
// prints as text that gives the same tree and the same text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a = 1", "not a in (1) or b like '%'", "case when a then - -1 end", "t + interval '1 day'",
		"cast(x as int)::date", "count(distinct a)", "a is not distinct from b", "'", "\"\"", "-- x", "mod(a,b,c)", "1e5.", "`a`||b", "a.b.`c d`[0]['k'].e::array<int>[1]",
		"~a & b | c ^ -d", "timestampadd(month, 1, t)", "cast(a as struct<x: decimal(3,1), y: map<string, array<date>>>).x", "date_part('doy', t)", "(1).a", "-a.b[1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		n, err := Parse(src)
		if err != nil {
			return
		}
		text := n.String()
		again, err := Parse(text)
		if err != nil && strings.Contains(err.Error(), "too ") {
			return // the limits count what is printed
		}
		if err != nil {
			t.Fatalf("%q prints as %q: %v", src, text, err)
		}
		if !sameTree(n, again) || again.String() != text {
			t.Fatalf("%q prints as %q, which is %q", src, text, again)
		}
	})
}

// TestAliases proves that every other spelling leads to a known function.
func TestAliases(t *testing.T) {
	known := entriesByName()
	for _, alias := range strings.Fields("ceiling pow signum mod substr char_length character_length len lcase ucase startswith endswith " +
		"rlike regexp ifnull nvl isnull dayofmonth weekofyear current_timestamp") {
		n, err := Parse(alias + "(1, 2)")
		if alias == "current_timestamp" {
			n, err = Parse(alias)
		}
		if err != nil {
			t.Fatal(err)
		}
		c, ok := n.(*Call)
		if !ok || c.Name == alias {
			t.Errorf("%s is %s", alias, n)
			continue
		}
		if _, ok := known[c.Name]; !ok {
			t.Errorf("%s is the unknown %s", alias, c.Name)
		}
	}
	for src, want := range map[string]string{"mean(x)": "avg(x)", "stddev_samp(x)": "stddev(x)", "extract(doy from t)": "dayofyear(t)"} {
		if n, err := Parse(src); err != nil || n.String() != want {
			t.Errorf("%s is %v, %v", src, n, err)
		}
	}
}
