package json

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/rdd"
)

// scanAll reads a source as a run does: cut by cut, split by split.
func scanAll(t *testing.T, o rdd.Options, wish rdd.Size) table {
	t.Helper()
	o, err := Kind().Check(connectors.Reading, o)
	if err != nil {
		t.Fatal(err)
	}
	src, err := Kind().Source(t.Context(), o, connectors.Env{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := src.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := table{rows: map[int64]string{}, raw: map[int64]string{}, bad: map[int64]string{}}
	var from rdd.Offset
	for end := false; !end; {
		splits, next, err := src.Cut(t.Context(), from, wish)
		if end = errors.Is(err, io.EOF); err != nil && !end {
			t.Fatal(err)
		}
		for _, split := range splits {
			want := rdd.Projection{Columns: names(s), Rows: 100, Mem: checked(t), Raw: true}
			for fr, err := range src.Read(t.Context(), split, want) {
				if err != nil {
					t.Fatal(err)
				}
				out.add(t, fr)
			}
		}
		from = next
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// Files that are cut anywhere, or packed, have the same rows with the same
// sequences, and the same bad rows.
func TestCuts(t *testing.T) {
	var data []byte
	for i, line := range bytes.SplitAfter(events(2000), []byte("\n")) {
		if i%97 == 5 {
			line = bytes.Replace(line, []byte(`"mv":`), []byte(`"mv":"`), 1)
		}
		data = append(data, line...)
	}
	dir := t.TempDir()
	plain, packed := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "a.jsonl.gz")
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	_, err := z.Write(data)
	if err = errors.Join(err, z.Close(), os.WriteFile(plain, data, 0o644), os.WriteFile(packed, gz.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	whole := scanAll(t, rdd.Options{"path": plain}, rdd.Size{})
	if len(whole.rows)+len(whole.bad) != 2000 || len(whole.bad) != 21 {
		t.Fatalf("%d rows, %d bad", len(whole.rows), len(whole.bad))
	}
	for _, got := range []table{
		scanAll(t, rdd.Options{"path": packed}, rdd.Size{}),
		scanAll(t, rdd.Options{"path": plain}, rdd.Size{Bytes: 1000}),
		scanAll(t, rdd.Options{"path": plain}, rdd.Size{Bytes: 54321}),
		scanAll(t, rdd.Options{"path": plain}, rdd.Size{Rows: 7}),
	} {
		if !maps.Equal(got.rows, whole.rows) || !maps.Equal(got.bad, whole.bad) || !maps.Equal(got.raw, whole.raw) {
			t.Errorf("%d rows, %d bad: not those of the whole file", len(got.rows), len(got.bad))
		}
	}
}

// Strings that repeat share a dictionary from frame to frame; those that do not
// become plain, for later reads at once.
func TestDictionaries(t *testing.T) {
	var data bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&data, `{"few":"label %d","many":"id %d","long":"a value of more than sixteen bytes, %d","late":"%d"}`+"\n", i%3, i, i%5, max(0, i-1000))
		if i%7 == 0 {
			data.WriteString("{\"few\":null}\n")
		}
	}
	f := newFormat(options(t, nil))
	s := schemaOf(t, "few string, many string, long string, late string")
	read := func() (kinds []string, dicts map[arrow.ArrayData]bool) {
		dicts = map[arrow.ArrayData]bool{}
		i := 0
		for fr, err := range f.Read(t.Context(), files.Input{R: bytes.NewReader(data.Bytes())}, s, rdd.Projection{Columns: names(s), Rows: 1000, Mem: checked(t)}) {
			if err != nil {
				t.Fatal(err)
			}
			kind := ""
			for c, col := range fr.Batch.Columns() {
				d, ok := col.(*array.Dictionary)
				kind += map[bool]string{true: "d", false: "p"}[ok]
				if ok && c == 0 {
					dicts[d.Dictionary().Data()] = true
				}
			}
			kinds = append(kinds, kind)
			for r := range int(fr.Batch.NumRows()) {
				if got := valueText(fr.Batch.Column(1), r); got != "~" {
					if want := fmt.Sprintf("%q", fmt.Sprintf("id %d", i)); got != want {
						t.Fatalf("row %d: %s, want %s", r, got, want)
					}
					i++
				}
			}
		}
		return kinds, dicts
	}
	kinds, dicts := read()
	if got := fmt.Sprint(kinds); got != "[dpdd dpdd dpdp dpdp dpdp]" || len(dicts) != 1 {
		t.Errorf("columns %s, %d dictionaries", got, len(dicts))
	}
	if kinds, _ := read(); fmt.Sprint(kinds[0]) != "dpdp" {
		t.Errorf("a later read begins with %s", kinds[0])
	}
	if !arrow.TypeEqual(kernel.StringDict(), &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}) {
		t.Error("the dictionary is not the engine's")
	}
}

// Mistakes in options name the option.
func TestOptionErrors(t *testing.T) {
	for _, c := range []struct {
		option string
		value  any
		want   string
	}{
		{"max_line", 0, `option "max_line" of json: is bytes, 1 to 1073741824`},
		{"epoch", "ts=h", `option "epoch" of json: is a unit of s, ms, us, ns, or column=unit, not "ts=h"`},
		{"timezone", "Berlin", `option "timezone" of json: "Berlin" is no time zone such as Europe/Berlin`},
		{"timestamp_format", "QQQQQ", `option "timestamp_format" of json: `},
		{"schema", "a map<array<string>, bigint>", `option "schema" of json: json: column a: keys of a map cannot be of type array`},
		{"unknown", "no", `option "unknown" of json: "no" is not one of ignore, bad`},
	} {
		_, err := readSettings(rdd.Options{"path": "x", c.option: c.value}, connectors.Reading)
		if err == nil || len(err.Error()) < len(c.want) || err.Error()[:len(c.want)] != c.want {
			t.Errorf("%s: %v: got %v, want %s", c.option, c.value, err, c.want)
		}
	}
}
