package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/idag/idag/internal/files"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

const fuzzDDL = "a bigint, b double, c string, d array<bigint>, e struct<f: boolean, g: string>, h map<string, double>, i decimal(20,3), j timestamp, k interval, l binary, m date"

func seeds() []string {
	return []string{
		`{"a":1,"b":2.5,"c":"x","d":[1,2],"e":{"f":true,"g":"y"},"h":{"p":1e3},"i":1.5,"j":"2026-01-02T03:04:05.6Z","k":"PT1S","l":"AAE=","m":"2026-01-02"}`,
		`{"a":-0,"b":-0.0,"c":"\u00e9\ud83d\ude00\n","d":[],"e":null,"h":{},"i":"12.340","zz":[{"x":[1,{}]}]}`,
		`{"m":"0001-01-01","l":"","k":"-P1DT0.5S","j":"1969-12-31 23:59+02:00","a":9223372036854775807,"b":1e-320}`,
		`{"a":1.0e2,"b":NaN,"c":{"d":[null]},"d":null} `, `{"c":"\\","a":1,"a":2,"e":{"f":1}}`, `{"a":12345678901234567890}`,
		"\t{ } \r", `[]`, `{"b":"Infinity","c":-1.5E+7,"d":[1,]}`, `{"b":123456789012345678901234567890,"i":0.0005}`, `{"h":{"p":1,"p":2}}`,
	}
}

// FuzzLine compares what a line is taken for with encoding/json and big
// numbers. They differ on purpose: we take NaN and Infinity for doubles, and
// refuse lone surrogates, broken UTF-8 and deep nesting, which encoding/json
// repairs or takes.
func FuzzLine(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.ReplaceAll(line, []byte("\n"), []byte(" "))
		if bytes.HasPrefix(line, []byte(byteOrder)) || len(bytes.Trim(line, " \t\r")) == 0 {
			return
		}
		strange := !utf8.Valid(line) || bytes.Contains(line, []byte(`\u`)) || strings.Count(string(line), "[")+strings.Count(string(line), "{") > 500
		special := regexp.MustCompile("NaN|Infinity").Match(line)
		got := one(t, nil, "zz bigint", string(line))
		var std map[string]stdjson.RawMessage
		err := stdjson.Unmarshal(line, &std)
		object := err == nil && std != nil // null is no object
		_, has := std["zz"]
		switch {
		case strings.HasPrefix(got, "zz=") && !object && !special:
			t.Fatalf("taken, but encoding/json says %v", err)
		case strings.HasPrefix(got, "bad") && object && !strange && !has:
			t.Fatalf("refused: %s", got)
		}
		if object && !strange {
			for _, name := range []string{"a", "b", "c", "i"} {
				compare(t, name, std[name], string(line))
			}
		}
	})
}

// compare checks the value of a column against the standard library's numbers.
func compare(t *testing.T, name string, raw stdjson.RawMessage, line string) {
	t.Helper()
	ddl := map[string]string{"a": "a bigint", "b": "b double", "c": "c string", "i": "i decimal(20,3)"}[name]
	got, _ := strings.CutPrefix(one(t, nil, ddl, line), name+"=")
	if strings.HasPrefix(got, "bad") {
		got = "bad"
	}
	if strings.Count(line, `"`+name+`"`) > 1 && got == "bad" {
		return // each of several has to fit
	}
	if want := twin(name, raw); got != want {
		t.Fatalf("column %s of %s: got %s, want %s", name, line, got, want)
	}
}

func twin(name string, raw stdjson.RawMessage) string {
	if raw == nil || string(raw) == "null" {
		return "~"
	}
	var text string
	isText := stdjson.Unmarshal(raw, &text) == nil
	if name == "c" {
		if !isText {
			text = string(raw)
		}
		return fmt.Sprintf("%q", text)
	}
	if name == "b" && isText {
		if f, ok := special(text); ok {
			return fmt.Sprintf("%vf", f)
		}
	}
	number := string(raw)
	if name == "i" && isText {
		number = text
	}
	if !stdjson.Valid([]byte(number)) || strings.Trim(number, "-+.eE0123456789") != "" {
		return "bad"
	}
	if name == "b" {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return "bad"
		}
		return fmt.Sprintf("%vf", v)
	}
	if _, exp, _ := strings.Cut(strings.ToLower(number), "e"); len(exp) > 4 {
		if strings.Trim(number[:strings.IndexAny(number, "eE")], "-0.") != "" {
			return "bad"
		}
		number = "0"
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return "bad"
	}
	if name == "a" {
		if !r.IsInt() || !r.Num().IsInt64() {
			return "bad"
		}
		return r.Num().String()
	}
	r.Mul(r, big.NewRat(1000, 1))
	if !r.IsInt() || len(new(big.Int).Abs(r.Num()).String()) > 20 {
		return "bad"
	}
	return r.Quo(r, big.NewRat(1000, 1)).FloatString(3) + "m"
}

// FuzzLines reads any bytes: whatever is wanted of them, however they come, the
// same lines are bad for the same reasons, the same rows have the same values,
// and every line is one or the other.
func FuzzLines(f *testing.F) {
	f.Add([]byte(strings.Join(seeds(), "\n")), uint8(1))
	f.Add([]byte(byteOrder+strings.Join(seeds(), "\r\n\r\n")), uint8(40))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) { independent(t, data, int(n)) })
}

func independent(t fataler, data []byte, n int) {
	t.Helper()
	s := schemaOf(t, fuzzDDL)
	o := options(t, rdd.Options{"max_line": 300})
	whole := readAll(t, newFormat(o), files.Input{R: bytes.NewReader(data)}, s, rdd.Projection{Raw: true})
	count := 0
	for off := 0; off < len(data); { // line by line
		line, _, _ := bytes.Cut(data[off:], []byte("\n"))
		text := bytes.TrimRight(line, "\r")
		if off == 0 {
			text = bytes.TrimPrefix(text, []byte(byteOrder))
		}
		if len(bytes.Trim(text, " \t\r")) > 0 {
			count++
		}
		off += len(line) + 1
	}
	if count != len(whole.rows)+len(whole.bad) || count != len(whole.raw) {
		t.Fatalf("%d lines, %d rows and %d bad", count, len(whole.rows), len(whole.bad))
	}
	for seq, raw := range whole.raw {
		if !bytes.HasPrefix(data[seq:], []byte(raw)) {
			t.Fatalf("the bytes of row %d are not its own", seq)
		}
	}
	// By any column alone, in frames of any size, byte by byte.
	for i, name := range append(names(s), "") {
		want := rdd.Projection{Columns: []string{name}, Rows: 1 + n%7}
		if name == "" {
			want.Columns = []string{}
		}
		var r io.Reader = bytes.NewReader(data)
		if i%3 == 0 {
			r = iotest.OneByteReader(r)
		}
		part := readAll(t, newFormat(o), files.Input{R: r}, s, want)
		if !maps.Equal(part.bad, whole.bad) || len(part.rows) != len(whole.rows) {
			t.Fatalf("with column %q alone\n%v are bad, with all\n%v", name, part.bad, whole.bad)
		}
		for seq, row := range part.rows {
			if name != "" && !strings.Contains(" "+whole.rows[seq]+" ", " "+row+" ") {
				t.Fatalf("row %d with column %q alone: %s, of %s", seq, name, row, whole.rows[seq])
			}
		}
	}
	// Cut in two.
	cut := n * len(data) / 256
	if i := bytes.IndexByte(data[cut:], '\n'); i >= 0 {
		cut += i + 1
	} else {
		cut = len(data)
	}
	for i, piece := range [][]byte{data[:cut], data[cut:]} {
		part := readAll(t, newFormat(o), files.Input{R: bytes.NewReader(piece), At: int64(i * cut)}, s, rdd.Projection{})
		for seq, row := range part.rows {
			if whole.rows[seq] != row {
				t.Fatalf("cut at %d, row %d: %s, want %s", cut, seq, row, whole.rows[seq])
			}
			delete(whole.rows, seq)
		}
		for seq, text := range part.bad {
			if whole.bad[seq] != text {
				t.Fatalf("cut at %d, bad row %d: %s, want %s", cut, seq, text, whole.bad[seq])
			}
			delete(whole.bad, seq)
		}
	}
	if len(whole.rows)+len(whole.bad) > 0 {
		t.Fatalf("cut at %d: lost %v %v", cut, whole.rows, whole.bad)
	}
}

// The same over lines that are nearly right, which mutation seldom finds.
func TestIndependence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			line := []byte(rapid.SampledFrom(seeds()).Draw(t, "line"))
			if rapid.Bool().Draw(t, "dirty") {
				at := rapid.IntRange(0, len(line)-1).Draw(t, "at")
				line[at] = rapid.SampledFrom([]byte("{}[]\",:\\0-.eENtf \r\x00\xff\xc3")).Draw(t, "byte")
			}
			data = append(append(data, line...), rapid.SampledFrom([]string{"\n", "\r\n", "\n\n", "\n \t\n"}).Draw(t, "end")...)
		}
		if rapid.Bool().Draw(t, "truncated") {
			data = data[:rapid.IntRange(0, len(data)).Draw(t, "to")]
		}
		independent(t, data, rapid.IntRange(0, 255).Draw(t, "n"))
	})
}
