package json

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
)

// What columns the first rows tell of.
func TestInfer(t *testing.T) {
	many := `{"m":{`
	for i := range mapFields + 1 {
		many += fmt.Sprintf(`"k%d":%d,`, i, i)
	}
	many = many[:len(many)-1] + `}}`
	for _, c := range []struct {
		lines, want string
		o           rdd.Options
	}{
		{lines: `{"b":1,"a":2}`, want: "b bigint, a bigint"},
		{lines: `{"a":1} {"a":2.5}`, want: "a double"},
		{lines: `{"a":9223372036854775808}`, want: "a double"},
		{lines: `{"a":1} {"b":true} {"a":null}`, want: "a bigint, b boolean"},
		{lines: `{"a":1.0}`, want: "a double"},
		{lines: `{"a":NaN}`, want: "a double"},
		{lines: `{"a":"NaN"} {"a":1}`, want: "a double"},
		{lines: `{"a":"NaN"}`, want: "a string"},
		{lines: `{"a":null}`, want: "a string"},
		{lines: `{"a":"x"} {"a":1}`, want: "a string"},
		{lines: `{"a":true} {"a":1}`, want: "a string"},
		{lines: `{"a":{"b":1}} {"a":[1]}`, want: "a string"},
		{lines: `{"a":"2026-01-02"}`, want: "a date"},
		{lines: `{"a":"2026-01-02"} {"a":"2026-01-02T03:04:05Z"}`, want: "a timestamp"},
		{lines: `{"a":"2026-01-02"} {"a":"soon"}`, want: "a string"},
		{lines: `{"a":"20260102"}`, want: "a string"},
		{lines: `{"a":"02.01.2026 10:00"}`, want: "a timestamp", o: rdd.Options{"timestamp_format": "dd.MM.yyyy HH:mm"}},
		{lines: `{"a":1767323045,"b":1}`, want: "a timestamp, b bigint", o: rdd.Options{"epoch": "a=s"}},
		{lines: `{"a":{"x":1,"y":"z"}} {"a":{"w":null,"x":2.5}}`, want: "a struct<x: double, y: string, w: string>"},
		{lines: `{"a":[]} {"a":[1,null]} {"a":[2.5]}`, want: "a array<double>"},
		{lines: `{"a":[]}`, want: "a array<string>"},
		{lines: `{"a":[{"x":1},{"y":[true]}]}`, want: "a array<struct<x: bigint, y: array<boolean>>>"},
		{lines: `{"a":{}}`, want: "a string"},
		{lines: many, want: "m map<string, bigint>"},
		{lines: `{"\u0061":1}`, want: "a bigint"},
		{lines: `broken {"a":1} [2]`, want: "a bigint"},
		{lines: `{"a":` + strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40) + `}`, want: "a " + strings.Repeat("array<", 32) + "string" + strings.Repeat(">", 32)},
	} {
		data := byteOrder + strings.ReplaceAll(c.lines, "} ", "}\r\n\n")
		data = strings.ReplaceAll(data, "broken ", "broken\n")
		got, err := newFormat(options(t, c.o)).Infer(t.Context(), []files.Head{{Path: "a", Data: []byte(data)}})
		if err != nil {
			t.Errorf("%s: %v", c.lines, err)
			continue
		}
		if want := schemaOf(t, c.want); !arrow.TypeEqual(arrow.StructOf(got.Fields()...), arrow.StructOf(want.Fields()...)) {
			t.Errorf("%s:\n got %s\nwant %s", c.lines, got, want)
		}
	}
}

// Several files share the sample, and columns of all of them are found.
func TestInferFiles(t *testing.T) {
	heads := []files.Head{{Path: "a", Data: []byte(strings.Repeat("{\"a\":1}\n", sampleRows*2))}, {Path: "b", Data: []byte(`{"b":1}`)}, {Path: "c"}}
	s, err := newFormat(options(t, nil)).Infer(t.Context(), heads)
	if err != nil || fmt.Sprint(names(s)) != "[a b]" {
		t.Errorf("%v, %v", s, err)
	}
}

// Files that have no rows are a mistake that is said with its place.
func TestInferNothing(t *testing.T) {
	for data, want := range map[string]string{
		"":                    "f.jsonl: no row to tell the columns from: give them in option schema",
		" \n\n":               "f.jsonl: no row to tell the columns from: give them in option schema",
		"\n\n [1]\n":          "f.jsonl:3:2: want an object, got array: no line is a JSON object of its own",
		"{\n  \"a\": 1\n}\n":  "f.jsonl:1:2: the line ends early: no line is a JSON object of its own",
		"a,b\n1,2\n":          "f.jsonl:1:1: want an object, got something that is not JSON: no line is a JSON object of its own",
		"\uFEFF{\"a\":tru}\n": "f.jsonl:1:9: not JSON: unexpected \"t\": no line is a JSON object of its own",
		"{}\n":                "json: the rows are empty objects: give the columns in option schema",
	} {
		_, err := newFormat(options(t, nil)).Infer(t.Context(), []files.Head{{Path: "f.jsonl", Data: []byte(data)}})
		if err == nil || err.Error() != want || fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v, want %s", data, err, want)
		}
	}
}

// What was inferred from rows reads them: none of them is bad, but for numbers
// that no double holds and strings that are not text, which do not make a column
// one of strings.
func FuzzInfer(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s + "\n" + seeds()[0]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fm := newFormat(options(t, nil))
		s, err := fm.Infer(t.Context(), []files.Head{{Path: "f", Data: data}})
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatal(err)
			}
			return
		}
		none := schemaOf(t, "no_such_column_at_all bigint")
		all := readAll(t, fm, files.Input{R: strings.NewReader(string(data))}, none, rdd.Projection{})
		got := readAll(t, fm, files.Input{R: strings.NewReader(string(data))}, s, rdd.Projection{})
		for seq, text := range got.bad {
			if all.bad[seq] == "" && !strings.Contains(text, "want double") && !strings.Contains(text, "a string") && !strings.Contains(text, "twice") {
				t.Fatalf("%s is of its schema %s, but %s", got.raw[seq], s, text)
			}
		}
	})
}
