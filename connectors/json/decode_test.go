package json

import (
	"strings"
	"testing"

	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// Values of every type, as they are spelled and as they are not.
func TestValues(t *testing.T) {
	deep := strings.Repeat("[", 511) + strings.Repeat("]", 511)
	for _, c := range []struct{ ddl, line, want string }{
		{"a bigint", `{"a":0}`, "a=0"},
		{"a bigint", `{"a":-9223372036854775808}`, "a=-9223372036854775808"},
		{"a bigint", `{"a":9223372036854775807}`, "a=9223372036854775807"},
		{"a bigint", `{"a":9223372036854775808}`, "bad: offset 5, field a: want bigint, got 9223372036854775808"},
		{"a bigint", `{"a":999999999999999999}`, "a=999999999999999999"},
		{"a bigint", `{"a":3.0}`, "a=3"},
		{"a bigint", `{"a":-1.50e1}`, "a=-15"},
		{"a bigint", `{"a":3e2 }`, "a=300"},
		{"a bigint", `{"a":1.0000000000000000000000000}`, "a=1"},
		{"a bigint", `{"a":0.00000000000000000000000e9}`, "a=0"},
		{"a bigint", `{"a":3.5}`, "bad: offset 5, field a: want bigint, got 3.5"},
		{"a bigint", `{"a":1e19}`, "bad: offset 5, field a: want bigint, got 1e19"},
		{"a bigint", `{"a":01}`, "bad: offset 6, field a: not JSON: unexpected \"1\""},
		{"a bigint", `{"a":-}`, "bad: offset 6, field a: not JSON: unexpected \"}\""},
		{"a bigint", `{"a":"1"}`, "bad: offset 5, field a: want bigint, got string"},
		{"a bigint", `{"a":true}`, "bad: offset 5, field a: want bigint, got boolean"},
		{"a bigint", `{"a":{}}`, "bad: offset 5, field a: want bigint, got object"},
		{"a bigint", `{"a":nul}`, "bad: offset 5, field a: want bigint, got something that is not JSON"},
		{"a bigint", `{"a":+1}`, "bad: offset 5, field a: want bigint, got something that is not JSON"},
		{"a bigint", `{"a":null}`, "a=~"},
		{"a bigint", `{}`, "a=~"},
		{"a bigint", "\t {\t\"a\" :\r 7 } \r", "a=7"},
		{"a bigint", `{"a":1,"a":2}`, "a=2"},
		{"a bigint", `{"a":1,"a":null}`, "a=~"},
		{"a bigint", `{"\u0061":5}`, "a=5"},
		{"a bigint", `{"A":5}`, "a=~"},
		{"a bigint", `{"a":1`, "bad: offset 6: the line ends early"},
		{"a bigint", `{"a":1,}`, "bad: offset 7: not JSON: unexpected \"}\""},
		{"a bigint", `{"a":1}}`, "bad: offset 7: data after the object"},
		{"a bigint", `{"a":1} {"a":2}`, "bad: offset 8: data after the object"},
		{"a bigint", `[1]`, "bad: offset 0: want an object, got array"},
		{"a bigint", `null`, "bad: offset 0: want an object, got null"},
		{"a bigint", `{"b":[1,{"c":tru}]}`, "bad: offset 13: not JSON: unexpected \"t\""},
		{"a bigint", `{"b":` + deep + `}`, "a=~"},
		{"a bigint", `{"b":[` + deep + `]}`, "bad: offset 516: nested deeper than 512 levels"},
		{"a bigint", `{"x y":-1.5e-3,"b":"\ud83d\ude00","c":[],"d":{"e":{}},"a":1}`, "a=1"},
		{"a double", `{"a":1.5}`, "a=1.5f"},
		{"a double", `{"a":7}`, "a=7f"},
		{"a double", `{"a":-0.0}`, "a=-0f"},
		{"a double", `{"a":1e400}`, "bad: offset 5, field a: want double, got 1e400"},
		{"a double", `{"a":1e-400}`, "a=0f"},
		{"a double", `{"a":0.1234567890123456789}`, "a=0.12345678901234568f"},
		{"a double", `{"a":NaN}`, "a=NaNf"},
		{"a double", `{"a":-Infinity}`, "a=-Inff"},
		{"a double", `{"a":"Infinity"}`, "a=+Inff"},
		{"a double", `{"a":"x"}`, "bad: offset 5, field a: want double, got string"},
		{"a double", `{"a":.5}`, "bad: offset 5, field a: want double, got something that is not JSON"},
		{"a double", `{"a":1.}`, "bad: offset 7, field a: not JSON: unexpected \"}\""},
		{"a string", `{"a":"x\n\"\\\/\b\f\r\té\u00e9\ud83d\ude00"}`, `a="x\n\"\\/\b\f\r\téé😀"`},
		{"a string", `{"a":"\ud83d"}`, "bad: offset 5, field a: a string has an escape that JSON lacks, or a lone surrogate"},
		{"a string", `{"a":"\x"}`, "bad: offset 5, field a: a string has an escape that JSON lacks, or a lone surrogate"},
		{"a string", "{\"a\":\"\x01\"}", "bad: offset 6, field a: a string has a control character, 0x01"},
		{"a string", "{\"a\":\"\xff\"}", "bad: offset 7, field a: a string is not UTF-8"},
		{"a string", `{"a":"x`, "bad: offset 7, field a: the line ends in a string"},
		{"a string", `{"a":"x\`, "bad: offset 8, field a: the line ends in a string"},
		{"a string", `{"a":1.50}`, `a="1.50"`},
		{"a string", `{"a":{"b": [1, null]} }`, `a="{\"b\": [1, null]}"`},
		{"a string", `{"a":"0123456789abcdefghij"}`, `a="0123456789abcdefghij"`},
		{"a boolean", `{"a":true}`, "a=true"},
		{"a boolean", `{"a":"true"}`, "bad: offset 5, field a: want boolean, got string"},
		{"a decimal(10,2)", `{"a":1.5}`, "a=1.50m"},
		{"a decimal(10,2)", `{"a":"-12345678.90"}`, "a=-12345678.90m"},
		{"a decimal(10,2)", `{"a":1.005}`, "bad: offset 5, field a: want decimal(10,2), got 1.005"},
		{"a decimal(10,2)", `{"a":123456789}`, "bad: offset 5, field a: want decimal(10,2), got 123456789"},
		{"a decimal(38,0)", `{"a":99999999999999999999999999999999999999}`, "a=99999999999999999999999999999999999999m"},
		{"a timestamp", `{"a":"2026-01-02T03:04:05.123456Z"}`, "a=1767323045123456t"},
		{"a timestamp", `{"a":"2026-01-02 03:04:05+01:00"}`, "a=1767319445000000t"},
		{"a timestamp", `{"a":"1969-12-31T23:59:59.999999Z"}`, "a=-1t"},
		{"a timestamp", `{"a":"2026-02-30"}`, `bad: offset 5, field a: want timestamp, got "2026-02-30"`},
		{"a timestamp", `{"a":1767323045}`, "bad: offset 5, field a: want timestamp, got number"},
		{"a date", `{"a":"1970-01-02"}`, "a=1d"},
		{"a date", `{"a":"+12000-01-01"}`, "a=3663382d"},
		{"a interval", `{"a":"P1DT2H3M4.5S"}`, "a=93784500000s"},
		{"a interval", `{"a":"-PT0.000001S"}`, "a=-1s"},
		{"a interval", `{"a":"P1M"}`, `bad: offset 5, field a: want interval, got "P1M"`},
		{"a binary", `{"a":"AAEC/w=="}`, "a=000102ff"},
		{"a binary", `{"a":"AAE"}`, `bad: offset 5, field a: want binary, got "AAE"`},
		{"a array<bigint>", `{"a":[1,null,3]}`, "a=[1,~,3]"},
		{"a array<bigint>", `{"a":[]}`, "a=[]"},
		{"a array<bigint>", `{"a":[1,"x"]}`, "bad: offset 8, field a[]: want bigint, got string"},
		{"a array<bigint>", `{"a":[1 2]}`, "bad: offset 8, field a: not JSON: unexpected \"2\""},
		{"a array<array<string>>", `{"a":[["x"],[],null,["y","z"]]}`, `a=[["x"],[],~,["y","z"]]`},
		{"a struct<b: bigint, c: string>", `{"a":{"c":"x","d":[0]}}`, `a={~,"x"}`},
		{"a struct<b: bigint, c: string>", `{"a":null}`, "a=~"},
		{"a struct<b: bigint, c: string>", `{"a":{"b":1,"b":"x"}}`, "bad: offset 16, field a.b: want bigint, got string"},
		{"a struct<b: bigint>", `{"a":{"b":1},"a":{}}`, "a={~}"},
		{"a map<string,bigint>", `{"a":{"x":1,"y":null}}`, `a=<"x":1,"y":~>`},
		{"a map<string,bigint>", `{"a":{"x":1,"\u0078":2}}`, "bad: offset 5, field a: the map has a key twice"},
		{"a map<bigint,double>", `{"a":{"7":1,"-1":2}}`, "a=<7:1f,-1:2f>"},
		{"a map<bigint,double>", `{"a":{"x":1}}`, "bad: offset 6, field a key: want bigint, got \"x\""},
		{"a map<date,double>", `{"a":{"1970-01-01":1}}`, "a=<0d:1f>"},
	} {
		if got := one(t, nil, c.ddl, c.line); got != c.want {
			t.Errorf("%s of %s:\n got %s\nwant %s", c.line, c.ddl, got, c.want)
		}
	}
}

// What options change.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		o               rdd.Options
		ddl, line, want string
	}{
		{rdd.Options{"unknown": "bad"}, "a bigint", `{"a":1,"b":2}`, `bad: offset 7: unknown key "b"`},
		{rdd.Options{"unknown": "bad"}, "a struct<b: bigint>", `{"a":{"b":1,"c":2}}`, `bad: offset 12, field a: unknown key "c"`},
		{rdd.Options{"epoch": "a=ms"}, "a timestamp", `{"a":1700000000123}`, "a=1700000000123000t"},
		{rdd.Options{"epoch": "s"}, "a timestamp", `{"a":1700000000.1234567}`, "a=1700000000123456t"},
		{rdd.Options{"epoch": "a=ns"}, "a timestamp", `{"a":-1}`, "a=-1t"},
		{rdd.Options{"epoch": "a=s"}, "a timestamp", `{"a":1e300}`, "bad: offset 5, field a: want timestamp, got 1e300"},
		{rdd.Options{"epoch": "a=s"}, "a timestamp", `{"a":"1970-01-01"}`, "a=0t"},
		{rdd.Options{"epoch": "a=s"}, "a interval", `{"a":1.5}`, "a=1500000s"},
		{rdd.Options{"epoch": "a=s"}, "a date", `{"a":-1}`, "a=-1d"},
		{rdd.Options{"timezone": "Europe/Berlin"}, "a timestamp", `{"a":"1970-01-01 01:00"}`, "a=0t"},
		{rdd.Options{"timezone": "Europe/Berlin"}, "a timestamp", `{"a":"1970-01-01T01:00Z"}`, "a=3600000000t"},
		{rdd.Options{"timestamp_format": "dd.MM.yyyy HH:mm"}, "a timestamp", `{"a":"02.01.1970 00:00"}`, "a=86400000000t"},
		{rdd.Options{"date_format": "dd.MM.yyyy"}, "a date", `{"a":"02.01.1970"}`, "a=1d"},
		{rdd.Options{"max_line": 16}, "a bigint", `{"a":1, "b": 123}`, "bad: offset 0: the line is longer than max_line"},
	} {
		if got := one(t, c.o, c.ddl, c.line); got != c.want {
			t.Errorf("%s of %s with %v:\n got %s\nwant %s", c.line, c.ddl, c.o, got, c.want)
		}
	}
}

// No row costs an allocation, whatever is kept of it.
func TestNoAllocation(t *testing.T) {
	s := schemaOf(t, fuzzDDL)
	for _, columns := range [][]string{names(s), {}} {
		for _, line := range append(seeds()[:3], `{"b":1.2345678901234567890,"i":12345678901234567.123,"h":{"a":1,"b":-2.5e-7},"c":[1]}`) {
			r, err := newFormat(options(t, nil)).reader(files.Input{}, s, rdd.Projection{Columns: columns, Mem: checked(t)})
			if err != nil {
				t.Fatal(err)
			}
			b := append(append([]byte(line), '\n'), make([]byte, slack)...)[:len(line)+1]
			n := testing.AllocsPerRun(100, func() {
				if r.dec.rows = 0; !r.dec.row(b) {
					t.Fatal(r.dec.wrong.text(b, 0))
				}
			})
			if n > 0 {
				t.Errorf("%v allocations for %s of %v", n, line, columns)
			}
			r.close()
		}
	}
}
