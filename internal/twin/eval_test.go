package twin

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

func testScope() *scope {
	return &scope{
		now: arrow.Timestamp(base),
		types: schema{
			"i": arrow.INT64, "no": arrow.INT64, "f": arrow.FLOAT64, "nan": arrow.FLOAT64, "s": arrow.STRING,
			"sn": arrow.STRING, "b": arrow.BOOL, "bn": arrow.BOOL, "t": arrow.TIMESTAMP, "d": arrow.DATE32,
			"most": arrow.INT64, "least": arrow.INT64,
		},
		row: map[string]any{
			"i": int64(7), "f": 2.5, "nan": math.NaN(), "s": "né", "b": true,
			"t": arrow.Timestamp(-1), "d": arrow.Date32(-1), "most": int64(math.MaxInt64), "least": int64(math.MinInt64),
		},
	}
}

// TestEval states what each construct means by a known answer. A "!" behind the
// answer says that within strict() the row would fail.
func TestEval(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		// Arithmetic: / is of floats, everything else keeps integers.
		{"i + 1", "8"}, {"i - f", "4.5"}, {"i * 2", "14"}, {"i / 2", "3.5"}, {"i div 2", "3"}, {"(-i) div 2", "-3"},
		{"i % 4", "3"}, {"(-i) % 4", "-3"}, {"f % 2", "0.5"}, {"-i", "-7"}, {"abs(-i)", "7"}, {"i + no", "null"},
		{"most + 1", "null!"}, {"least - 1", "null!"}, {"-least", "null!"}, {"abs(least)", "null!"}, {"most * 2", "null!"},
		{"least div -1", "null!"}, {"least % -1", "0"}, {"i / 0", "null!"}, {"i % 0", "null!"}, {"i div 0", "null!"},
		{"f / 0", "null!"}, {"f % 0", "null!"}, {"nan / 0", "null!"}, {"no / 0", "null"}, {"1e300 * 1e300", "+Inf"},
		{"sqrt(6.25)", "2.5"}, {"sqrt(-1.0)", "NaN"},
		// Comparison: one NaN, above all else; -0 is 0; integers coerce.
		{"nan = nan", "true"}, {"nan > 1e308", "true"}, {"nan <> f", "true"}, {"0.0 = -0.0", "true"}, {"i = 7.0", "true"},
		{"no = no", "null"}, {"no <=> NULL", "true"}, {"no <=> i", "false"}, {"i IS DISTINCT FROM no", "true"},
		{"d < t", "true"}, {"d <= t", "true"}, {"s >= 'n'", "true"}, {"s != 'né'", "false"}, {"b > FALSE", "true"},
		// Three-valued logic.
		{"bn AND FALSE", "false"}, {"bn AND TRUE", "null"}, {"FALSE AND bn", "false"}, {"bn OR TRUE", "true"},
		{"bn OR FALSE", "null"}, {"NOT bn", "null"}, {"NOT b", "false"}, {"bn IS NULL", "true"}, {"bn IS TRUE", "false"},
		{"bn IS NOT FALSE", "true"}, {"b IS TRUE", "true"},
		{"i IN (1, 7)", "true"}, {"i IN (1, NULL)", "null"}, {"i IN (7, NULL)", "true"}, {"i NOT IN (1, 2)", "true"},
		{"no IN (1)", "null"}, {"i BETWEEN 7 AND 8", "true"}, {"i BETWEEN no AND 6", "false"}, {"i BETWEEN no AND 8", "null"},
		{"i NOT BETWEEN 8 AND 9", "true"},
		// Choices take the common type of their branches.
		{"coalesce(no, i)", "7"}, {"coalesce(no, NULL)", "null"}, {"coalesce(i, f)", "7.0"}, {"if(bn, 1, 2)", "2"},
		{"if(b, 1, 2.5)", "1.0"}, {"if(b, d, t)", "1969-12-31T00:00:00Z"}, {"nullif(i, 7)", "null"}, {"nullif(i, no)", "7"},
		{"greatest(i, no, 9)", "9"}, {"least(f, nan)", "2.5"}, {"greatest(f, nan)", "NaN"}, {"greatest(no, NULL)", "null"},
		{"CASE WHEN bn THEN 1 WHEN b THEN 2 ELSE 3 END", "2"}, {"CASE i WHEN 7 THEN 'x' END", `"x"`},
		{"CASE no WHEN NULL THEN 1 ELSE 2 END", "2"}, {"CASE WHEN FALSE THEN 1 END", "null"},
		{"CASE WHEN b THEN 1 ELSE f END", "1.0"},
		// What is not reached does not fail.
		{"FALSE AND i / 0 > 1", "false"}, {"TRUE OR i / 0 > 1", "true"}, {"bn AND i / 0 > 1", "null!"}, {"i / 0 > 1 AND FALSE", "false!"},
		{"coalesce(i, i div 0)", "7"}, {"coalesce(i div 0, 1)", "1!"}, {"if(b, 1, i div 0)", "1"},
		{"CASE WHEN b THEN 1 WHEN i / 0 > 1 THEN 2 END", "1"}, {"CASE WHEN i / 0 > 1 THEN 1 ELSE 2 END", "2!"},
		// Casts: towards zero, null where the type does not have the value.
		{"CAST(f AS bigint)", "2"}, {"CAST(-2.9 AS bigint)", "-2"}, {"CAST(nan AS bigint)", "null!"}, {"CAST(9223372036854775808.0 AS bigint)", "null!"},
		{"CAST(-9223372036854775808.0 AS bigint)", "-9223372036854775808"}, {"CAST(b AS bigint)", "1"}, {"CAST(i AS boolean)", "true"},
		{"CAST('12' AS bigint)", "12"}, {"CAST('x' AS bigint)", "null!"}, {"TRY_CAST('x' AS bigint)", "null"}, {"CAST('' AS double)", "null!"},
		{"CAST('1.5' AS double)", "1.5"}, {"CAST(i AS string)", `"7"`}, {"CAST(t AS date)", "1969-12-31"}, {"CAST(d AS timestamp)", "1969-12-31T00:00:00Z"},
		{"i::double", "7.0"},
		// Strings count no characters.
		{"length(s)", "2"}, {"upper(s)", `"NÉ"`}, {"lower('AB')", `"ab"`}, {"trim('  a ')", `"a"`}, {"s || '!'", `"né!"`}, {"concat(s, sn)", "null"},
		{"substring('abcd', 2, 2)", `"bc"`}, {"substring('abcd', 4, 9)", `"d"`}, {"substring('abcd', 9, 1)", `""`}, {"substring(s, 2, 1)", `"é"`},
		{"starts_with(s, 'n')", "true"}, {"contains(s, 'x')", "false"}, {"s LIKE 'n_'", "true"}, {"s LIKE '%n'", "false"}, {"s LIKE ''", "false"},
		{`'a%b' LIKE 'a\%b'`, "true"}, {`'axb' LIKE 'a\%b'`, "false"}, {"'abcb' LIKE '%b'", "true"}, {"sn LIKE '%'", "null"},
		// Time goes on before 1970.
		{"t + INTERVAL '1 hour'", "1970-01-01T00:59:59.999999Z"}, {"t - INTERVAL '1 day'", "1969-12-30T23:59:59.999999Z"},
		{"date_trunc('hour', t)", "1969-12-31T23:00:00Z"}, {"date_trunc('day', t)", "1969-12-31T00:00:00Z"}, {"date_trunc('month', t)", "1969-12-01T00:00:00Z"},
		{"year(t)", "1969"}, {"hour(t)", "23"}, {"dayofweek(DATE '2024-01-07')", "1"}, {"unix_micros(t)", "-1"}, {"date_add(d, 2)", "1970-01-02"},
		{"now()", "2024-01-01T00:00:00Z"},
	} {
		n, err := expr.Parse("strict(" + c.expr + ")")
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		s := testScope()
		got := text(s.eval(n))
		if s.failed {
			got += "!"
		}
		if s.err != nil || got != c.want {
			t.Errorf("%s = %s, want %s (%v)", c.expr, got, c.want, s.err)
		}
	}
}

// TestFailureOutsideStrict proves that without strict() a failure is a null
// and no more.
func TestFailureOutsideStrict(t *testing.T) {
	s := testScope()
	n, err := expr.Parse("i / 0 IS NULL AND coalesce(strict(i), 0) = 7")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.eval(n); got != true || s.failed || s.err != nil {
		t.Errorf("got %v, failed %v, error %v", got, s.failed, s.err)
	}
}

// TestUnknownIsAnError proves that what the twin does not know is an error and
// no panic.
func TestUnknownIsAnError(t *testing.T) {
	for _, src := range []string{"lpad(s, 3, 'x')", "nothere", "sin(f)", "date_trunc('week', t)", "soundex(s)"} {
		n, err := expr.Parse(src)
		if err != nil {
			t.Fatal(err)
		}
		s := testScope()
		if got := s.eval(n); got != nil || s.err == nil {
			t.Errorf("%s = %v, error %v", src, got, s.err)
		}
	}
}
