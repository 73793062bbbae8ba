package expr

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/idag/idag/internal/fault"
)

func carSchema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "charge", Type: kInt.arrow()}, {Name: "net", Type: kFloat.arrow()}, {Name: "weather", Type: kString.arrow()},
		{Name: "ts", Type: kTime.arrow()}, {Name: "day", Type: kDate.arrow()}, {Name: "ok", Type: kBool.arrow()},
		{Name: "raw", Type: arrow.BinaryTypes.LargeBinary}, {Name: "twice", Type: kInt.arrow()}, {Name: "twice", Type: kInt.arrow()},
	}, nil)
}

// TestCheckTypes proves the type of expressions.
func TestCheckTypes(t *testing.T) {
	for src, want := range map[string]string{
		"charge <= 50 AND weather = 'snowy'": "boolean",
		"charge + 1":                         "bigint",
		"charge / 2":                         "double",
		"charge * net":                       "double",
		"charge + NULL":                      "bigint",
		"weather || 'x'":                     "string",
		"day + INTERVAL '1 hour'":            "timestamp",
		"ts - INTERVAL '1 hour'":             "timestamp",
		"ts > '2026-01-01'":                  "boolean",
		"day IN ('2026-01-01', NULL)":        "boolean",
		"ts BETWEEN day AND '2026-01-01'":    "boolean",
		"CASE WHEN ok THEN 1 ELSE 2.5 END":   "double",
		"CASE charge WHEN 1 THEN NULL WHEN net THEN 'x' END": "string",
		"coalesce(NULL, day, ts)":                            "timestamp",
		"nullif(charge, net)":                                "double",
		"floor(net)":                                         "bigint",
		"round(net, 2)":                                      "double",
		"round(charge, -2)":                                  "bigint",
		"least(1, 2)":                                        "bigint",
		"CAST(NULL AS date)":                                 "date",
		"date_trunc('month', day)":                           "timestamp",
		"strict(weather::int)":                               "bigint",
		"now()":                                              "timestamp",
	} {
		p, err := checkText(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got := kindOf(p.Type()).String(); got != want || p.Node().String() == "" {
			t.Errorf("%s is a %s, want %s", src, got, want)
		}
	}
}

func checkText(src string) (*Program, error) {
	n, err := Parse(src)
	if err != nil {
		return nil, err
	}
	return Check(n, carSchema())
}

// TestCheckErrors proves that mistakes are told with their place and what was
// expected.
func TestCheckErrors(t *testing.T) {
	for _, c := range [...]struct{ src, want string }{
		{"1 + chrage", `1:5: unknown column "chrage"; did you mean "charge"?`},
		{"Charge", `1:1: unknown column "Charge"; did you mean "charge"?`},
		{"altitude", `1:1: unknown column "altitude"`},
		{"twice", `1:1: column "twice" is ambiguous: the schema has 2 of that name`},
		{"raw", `1:1: column "raw" has type large_binary, which expressions cannot read`},
		{"charge = 'x'", "1:10: = cannot take string together with bigint"},
		{"charge <= 50 AND\n weather", "2:2: AND takes boolean; got string"},
		{"charge + weather", "1:1: + cannot take (bigint, string); it takes (bigint, bigint), (double, double), (timestamp, interval), (interval, timestamp), (interval, interval), (date, bigint), (decimal, decimal)"},
		{"net div 2", "1:1: div cannot take (double, bigint); it takes (bigint, bigint), (decimal, decimal)"},
		{"NOT charge", "1:1: not cannot take (bigint); it takes (boolean)"},
		{"uper(weather)", `1:1: unknown function "uper"; did you mean "upper"?`},
		{"length(charge)", "1:1: length cannot take (bigint); it takes (string)"},
		{"substring(weather)", "1:1: substring cannot take (string); it takes (string, bigint), (string, bigint, bigint)"},
		{"coalesce()", "1:1: coalesce takes coalesce(a, b, ...); got 0 arguments"},
		{"sum(net) > 1", "1:1: aggregate not allowed here: sum belongs in a reduce"},
		{"count(*)", "1:1: aggregate not allowed here: count belongs in a reduce"},
		{"rand() < 0.5", "1:1: rand is refused: a batch that is run again must give the same rows; derive the value from columns or now()"},
		{"ts > 'soon'", "1:6: 'soon' is not a timestamp like '2026-01-31 12:30:00'"},
		{"day = '2026-01-01 10:00:00'", "1:7: '2026-01-01 10:00:00' is not a date like '2026-01-31'"},
		{"CAST(charge AS timestamp)", "1:1: cannot cast bigint to timestamp; use timestamp_seconds, timestamp_millis or timestamp_micros"},
		{"ts::int", "1:1: cannot cast timestamp to bigint; use unix_seconds, unix_millis or unix_micros"},
		{"CASE WHEN charge THEN 1 END", "1:11: WHEN takes boolean; got bigint"},
		{"CASE WHEN ok THEN 1 ELSE 'x' END", "1:26: CASE cannot take string together with bigint"},
		{"CASE WHEN ok THEN NULL END", "1:19: CASE cannot tell its type: there are only values of type null; cast one"},
		{"NULL", "1:1: a value of type null cannot be a result; cast it"},
		{"weather LIKE 'a' ESCAPE 'xy'", "1:25: ESCAPE takes one constant character, or '' for none"},
		{"regexp_like(weather, '(')", "1:22: bad pattern: error parsing regexp: missing closing ): `(`"},
		{"date_trunc('parsec', ts)", `1:12: unknown unit of time "parsec"`},
		{"date_trunc(weather, ts)", "1:12: the unit of date_trunc must be a constant"},
		{"charge IN (1, 'x')", "1:15: IN cannot take string together with bigint"},
		{"charge LIKE '1%'", "1:1: LIKE takes string; got bigint"},
		{"ok IS TRUE AND charge IS TRUE", "1:16: IS TRUE takes boolean; got bigint"},
	} {
		_, err := checkText(c.src)
		var at *Error
		if err == nil || err.Error() != c.want || !errors.As(err, &at) || fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v\nwant %s", c.src, err, c.want)
		}
	}
}

// TestProgram proves what a program tells of itself.
func TestProgram(t *testing.T) {
	p, err := checkText("strict(net / charge) > 1 OR ok")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Strict() || !slices.Equal(p.Columns(), []int{0, 1, 5}) {
		t.Errorf("strict %v, columns %v", p.Strict(), p.Columns())
	}
	if p, _ = checkText("1 = 1"); p.Strict() || len(p.Columns()) != 0 {
		t.Errorf("constant: strict %v, columns %v", p.Strict(), p.Columns())
	}
}

// TestFold proves that constants are computed once, but never so that a
// failure or now() is lost.
func TestFold(t *testing.T) {
	for src, want := range map[string]bool{
		"1 + 2 * 3": true, "upper('a') || 'b'": true, "1 / 0": false, "now()": false, "charge": false,
		"CASE WHEN 1 = 1 THEN 'x' END": true, "strict(1 / 0)": false, "CAST(NULL AS string)": true, "DATE '2026-01-01' < now()": false,
		"coalesce(NULL, 2.5)": true, "TRUE AND 1 < 2": true, "greatest(DATE '2026-01-01', '2026-01-02')": true,
	} {
		p, err := checkText(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if _, konst := p.root.(*constOp); konst != want {
			t.Errorf("%s: folded %v, want %v", src, konst, want)
		}
	}
}

// TestDidYouMean proves that suggestions are near and do not depend on order.
func TestDidYouMean(t *testing.T) {
	for _, c := range [...]struct{ name, want string }{
		{"chrage", `; did you mean "charge"?`}, {"weathr", `; did you mean "weather"?`}, {"xyz", ""}, {"a", `; did you mean "ab"?`},
	} {
		known := []string{"weather", "charge", "ax", "ab"}
		if got := didYouMean(c.name, known); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		slices.Reverse(known)
		if got := didYouMean(c.name, known); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func ExampleCheck() {
	n, _ := Parse("chrage <= 50")
	_, err := Check(n, arrow.NewSchema([]arrow.Field{{Name: "charge", Type: arrow.PrimitiveTypes.Int64}}, nil))
	fmt.Println(err)
	// Output: 1:1: unknown column "chrage"; did you mean "charge"?
}
