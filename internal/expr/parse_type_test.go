package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
)

// TestParseType proves how types are written and what they are in the engine:
// each text prints as the one beside it, which gives the same type.
func TestParseType(t *testing.T) {
	for _, c := range [...]struct{ src, want string }{
		{"bigint", ""}, {"INT", "bigint"}, {"tinyint", "bigint"}, {"smallint", "bigint"},
		{"float", "double"}, {"boolean", ""}, {"string", ""}, {"varchar(20)", "string"}, {"char(3)", "string"},
		{"binary", ""}, {"timestamp", ""}, {"timestamp_ntz", "timestamp"}, {"date", ""},
		{"interval", ""}, {"interval day to second", "interval"},
		{"decimal", "decimal(10,0)"}, {"numeric(5)", "decimal(5,0)"}, {"DECIMAL(38, 18)", "decimal(38,18)"},
		{"array<int>", "array<bigint>"}, {"array<array<array<string>>>", ""},
		{"map<string,array<double>>", "map<string, array<double>>"},
		{"struct<>", ""}, {"struct<a:bigint,b:array<string>>", "struct<a: bigint, b: array<string>>"},
		{"struct<a bigint, `b c` : struct<`from`:date not null comment 'x'>>", `struct<a: bigint, "b c": struct<"from": date>>`},
		{"array<struct<k:map<date,decimal(3,1)>>>", "array<struct<k: map<date, decimal(3,1)>>>"},
	} {
		dt, err := ParseType(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		want := c.want
		if want == "" {
			want = c.src
		}
		if got := typeText(dt); got != want {
			t.Errorf("%s prints as %s, want %s", c.src, got, want)
		}
		if again, err := ParseType(want); err != nil || typeText(again) != want {
			t.Errorf("%s prints as %v (%v)", want, again, err)
		}
	}
}

// TestParseTypeErrors proves that mistakes in types are told with their place.
func TestParseTypeErrors(t *testing.T) {
	for _, c := range [...]struct{ src, want string }{
		{"", "1:1: unexpected the end; expected a type"},
		{"money", `1:1: unknown type "money"; there are`},
		{"bigint x", `1:8: unexpected "x"; expected the end`},
		{"decimal(39,2)", "1:8: decimal(39,2) has to have a precision from 1 to 38 and a scale up to it"},
		{"decimal(3,4)", "1:8: decimal(3,4) has to have"},
		{"decimal(0)", "1:8: decimal(0,0) has to have"},
		{"decimal(1.5)", `1:9: unexpected "1.5"; expected a precision`},
		{"array<int", `1:10: unexpected the end; expected ">"`},
		{"array", `1:6: unexpected the end; expected "<"`},
		{"map<int>", `1:8: unexpected ">"; expected ","`},
		{"map<map<int,int>,int>", "1:5: the keys of a map cannot be maps"},
		{"struct<a:int,a:int>", `1:14: there are two fields of the name "a"`},
		{"struct<5:int>", `1:8: unexpected "5"; expected a name`},
		{"array<int>>", `1:11: unexpected ">"; expected the end`},
		{"interval day", `1:13: unexpected the end; expected "TO"`},
		{strings.Repeat("array<", 500), "nested too deeply"},
		{"a\xff", "1:1: type is not valid UTF-8"},
	} {
		dt, err := ParseType(c.src)
		var at *Error
		if !errors.As(err, &at) || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40s gives %v and %v, want %s", c.src, dt, err, c.want)
		}
	}
}

// TestParseSchema proves that columns are read as in CREATE TABLE.
func TestParseSchema(t *testing.T) {
	for _, src := range [...]string{
		"a bigint, b decimal(10,2), `c d` array<string>",
		"a: bigint, b: decimal(10,2) NOT NULL, `c d`: array<string> COMMENT 'all'",
		"struct<a: int, b: decimal(10, 2), \"c d\": array<string>>",
	} {
		s, err := ParseSchema(src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		var got []string
		for _, f := range s.Fields() {
			got = append(got, f.Name+"="+typeText(f.Type))
		}
		if text := strings.Join(got, " "); text != "a=bigint b=decimal(10,2) c d=array<string>" {
			t.Errorf("%s gives %s", src, text)
		}
	}
	if s, err := ParseSchema("struct bigint, a struct<b: int>"); err != nil || s.NumFields() != 2 {
		t.Errorf("a column of the name struct: %v, %v", s, err)
	}
	for src, want := range map[string]string{
		"":               "1:1: unexpected the end; expected a name",
		"a bigint b int": `1:10: unexpected "b"; expected "," or the end`,
		"a int, a int":   `1:8: there are two fields of the name "a"`,
		"a int,":         "1:7: unexpected the end; expected a name",
	} {
		if s, err := ParseSchema(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v and %v, want %s", src, s, err, want)
		}
	}
}

// FuzzParseType proves that no text makes the parser of types panic, and that
// what it reads prints to the same type.
func FuzzParseType(f *testing.F) {
	for _, s := range [...]string{"bigint", "decimal(10,2)", "map<string,array<struct<a:int>>>", "struct<`a``b`:date>", "array<int>=", "interval day to second"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if dt, err := ParseType(src); err == nil {
			text := typeText(dt)
			again, err := ParseType(text)
			if err != nil || typeText(again) != text {
				t.Fatalf("%q prints as %q, which gives %v, %v", src, text, again, err)
			}
		}
		_, _ = ParseSchema(src)
	})
}
