package spell

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestJSON reads a column as Arrow's own JSON and spells its rows.
func TestJSON(t *testing.T) {
	f := func(name string, dt arrow.DataType) arrow.Field {
		return arrow.Field{Name: name, Type: dt, Nullable: true}
	}
	i64, str := arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String
	for _, c := range []struct {
		dt   arrow.DataType
		in   string
		want string
	}{
		{arrow.FixedWidthTypes.Boolean, `[true,false,null]`, `true false null`},
		{i64, `[-9223372036854775808]`, `-9223372036854775808`},
		{arrow.PrimitiveTypes.Float64, `[0.1,1e15,-1e-7,100000]`, `0.1 1e+15 -1e-07 100000`},
		{&arrow.Decimal128Type{Precision: 38, Scale: 3}, `["-0.005","12345678901234567890123456789012345.600","0"]`, `-0.005 12345678901234567890123456789012345.600 0.000`},
		{str, `["a\"b\\\n\t\r\u0001é<&>"]`, `"a\"b\\\n\t\r\u0001é<&>"`},
		{&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, `["2026-01-31T12:30:00Z","1969-12-31T23:59:59.999999Z"]`, `"2026-01-31T12:30:00Z" "1969-12-31T23:59:59.999999Z"`},
		{arrow.FixedWidthTypes.Date32, `["1969-12-31"]`, `"1969-12-31"`},
		{arrow.FixedWidthTypes.Duration_us, `["93784500000us","-1us","60000000us"]`, `"INTERVAL '1 02:03:04.5' DAY TO SECOND" "INTERVAL '-0 00:00:00.000001' DAY TO SECOND" "INTERVAL '0 00:01:00' DAY TO SECOND"`},
		{arrow.BinaryTypes.Binary, `["AP8="]`, `"AP8="`},
		{arrow.ListOf(arrow.ListOf(i64)), `[[[1,null],[],null]]`, `[[1,null],[],null]`},
		{arrow.StructOf(f("a", i64), f("b\"", str)), `[{"a":null,"b\"":"x"},{"a":1,"b\"":null}]`, `{"b\"":"x"} {"a":1}`},
		{arrow.MapOf(i64, arrow.ListOf(str)), `[[{"key":1,"value":["a"]},{"key":1,"value":null}],[]]`, `{"1":["a"],"1":null} {}`},
		{arrow.MapOf(str, i64), `[[{"key":"k","value":1}]]`, `{"k":1}`},
	} {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		a, _, err := array.FromJSON(mem, c.dt, strings.NewReader(c.in))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range a.Len() {
			v := JSON(nil, a, i)
			if !json.Valid(v) {
				t.Errorf("%s is not JSON", v)
			}
			got = append(got, string(v))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got %s, want %s", c.dt, text, c.want)
		}
		a.Release()
		mem.AssertSize(t, 0)
	}
}

func TestNotNumbers(t *testing.T) {
	b := array.NewFloat64Builder(memory.NewGoAllocator())
	b.AppendValues([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}, nil)
	a := b.NewArray()
	for i, want := range []string{`"NaN"`, `"+Inf"`, `"-Inf"`} {
		if got := string(JSON(nil, a, i)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzText: any bytes become JSON that reads back as they were, but for what is
// not UTF-8.
func FuzzText(f *testing.F) {
	f.Add("a\x00\"\\\xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(Text(nil, s), &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && back != s {
			t.Errorf("%q became %q", s, back)
		}
	})
}
