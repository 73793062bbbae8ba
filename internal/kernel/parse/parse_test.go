package parse_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/kernel/parse"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestFloat compares with the standard library, which is slow and right.
func TestFloat(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, s string) {
		want, err := strconv.ParseFloat(s, 64)
		wantOK := err == nil && !strings.ContainsAny(s, "xX_")
		got, ok := parse.Float([]byte(s))
		if ok != wantOK || ok && math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("%q: got %v %v, want %v %v", s, got, ok, want, wantOK)
		}
	}
	for _, s := range []string{"", "-", "+", ".", "1", "1.", ".5", "-.5", "1..2", "1e", "1e5", "1E-5", "1e+22", "1e23", "1e400", "-0", "0.0", "NaN", "inf",
		"-Infinity", "infinit", "0x10", "1_0", " 1", "1 ", "33.986153", "9007199254740993", "9007199254740992", "123456789012345678901234567890", "1e-400",
		"1.7976931348623157e308", "2.2250738585072011e-308", "179769313486231570000e290", "0000000000000000000000001.5", "1e00001", "1-2", "1e1e1"} {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, strconv.FormatFloat(rapid.Float64().Draw(t, "f"), byte(rapid.SampledFrom([]rune("efg")).Draw(t, "form")), rapid.IntRange(-1, 20).Draw(t, "precision"), 64))
		check(t, rapid.StringMatching(`[-+]?[0-9]{0,20}\.?[0-9]{0,20}([eE][-+]?[0-9]{0,4})?`).Draw(t, "s"))
	})
}

// TestInt compares with the standard library.
func TestInt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[-+]?[0-9]{0,20}x?`), rapid.Map(rapid.Int64(), func(v int64) string { return strconv.FormatInt(v, 10) })).Draw(t, "s")
		want, err := strconv.ParseInt(s, 10, 64)
		if got, ok := parse.Int([]byte(s)); ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: got %v %v, want %v %v", s, got, ok, want, err)
		}
	})
}

func TestBool(t *testing.T) {
	for s, want := range map[string]string{"true": "true", "TRUE": "true", "Y": "true", "1": "true", "f": "false", "No": "false", "0": "false",
		"": "", "2": "", "truest": "", "tru": "", "\x14rue": ""} {
		got := ""
		if v, ok := parse.Bool([]byte(s)); ok {
			got = strconv.FormatBool(v)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// TestDate tries every day from 1 to 9999.
func TestDate(t *testing.T) {
	at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() < 10000 {
		s := at.Format(time.DateOnly)
		if d, ok := parse.Date([]byte(s)); !ok || int64(d) != at.Unix()/86400-int64(b2i(at.Unix()%86400 < 0)) {
			t.Fatalf("%s: got %d %v", s, d, ok)
		}
		at = at.AddDate(0, 0, 13)
	}
	for _, s := range []string{"", "2024-2-30", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "0000-01-01", "2024/01/01", "2024-01-01 ", "20a4-01-01", "-024-01-01"} {
		if _, ok := parse.Date([]byte(s)); ok {
			t.Errorf("%q is taken for a date", s)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTimestamp(t *testing.T) {
	for s, want := range map[string]string{
		"2024-02-29":                       "2024-02-29T00:00:00Z",
		"2024-02-29 12:34":                 "2024-02-29T12:34:00Z",
		"2024-02-29T12:34:56":              "2024-02-29T12:34:56Z",
		"2024-02-29T12:34:56.123456789":    "2024-02-29T12:34:56.123456Z",
		"1969-12-31T23:59:59.5Z":           "1969-12-31T23:59:59.5Z zoned",
		"2024-02-29T12:34:56+02:00":        "2024-02-29T10:34:56Z zoned",
		"2024-02-29T12:34:56.1 -0130":      "2024-02-29T14:04:56.1Z zoned",
		"2024-02-29 12:34:56 UTC":          "2024-02-29T12:34:56Z zoned",
		"2024-02-29T12:34+05":              "2024-02-29T07:34:00Z zoned",
		"2024-02-29T24:00:00":              "",
		"2024-02-29T12:60:00":              "",
		"2024-02-29T12:34:60":              "",
		"2024-02-29T12:34:56.":             "",
		"2024-02-29T12:34:5":               "",
		"2024-02-29T12:34:56+19:00":        "",
		"2024-02-29T12:34:56+1":            "",
		"2024-02-29T12:34:56+01-00":        "",
		"2024-02-29x12:34:56":              "",
		"2024-02-29T1:34:56":               "",
		"":                                 "",
		"2024-02-29T12:34:56 Europe/Paris": "",
	} {
		us, zoned, ok := parse.Timestamp([]byte(s))
		if got := shown(us, zoned, ok); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

func shown(us int64, zoned, ok bool) string {
	if !ok {
		return ""
	}
	s := time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
	if zoned {
		s += " zoned"
	}
	return s
}

func TestLayout(t *testing.T) {
	for _, c := range []struct{ pattern, in, want string }{
		{"MM/dd/yyyy", "03/29/2021", "2021-03-29T00:00:00Z"},
		{"MM/dd/yyyy", "90/02/2032", ""},
		{"MM/dd/yyyy", "3/29/2021", ""},
		{"M/d/yyyy", "3/9/2021", "2021-03-09T00:00:00Z"},
		{"M/d/yyyy", "12/31/2021", "2021-12-31T00:00:00Z"},
		{"dd.MM.yy HH:mm:ss", "31.12.21 23:59:58", "2021-12-31T23:59:58Z"},
		{"yyyyMMddHHmmssSSS", "20240229123456789", "2024-02-29T12:34:56.789Z"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-02-29T12:34:56.7+02:00", "2024-02-29T10:34:56.7Z zoned"},
		{"yyyy-MM-dd'T'HH:mm:ssX", "2024-02-29T12:34:56Z", "2024-02-29T12:34:56Z zoned"},
		{"d MMM yyyy h:mm a", "1 feb 2024 12:05 AM", "2024-02-01T00:05:00Z"},
		{"d MMM yyyy h:mm a", "1 FEB 2024 12:05 pm", "2024-02-01T12:05:00Z"},
		{"d MMM yyyy h:mm a", "1 FEB 2024 13:05 pm", ""},
		{"EEEE, d MMMM yyyy", "Thursday, 29 February 2024", "2024-02-29T00:00:00Z"},
		{"EEE MMM d HH:mm:ss z yyyy", "Thu Feb 29 12:00:00 Z 2024", "2024-02-29T12:00:00Z zoned"},
		{"HH 'o''clock'", "07 o'clock", "1970-01-01T07:00:00Z"},
		{"yyyy''MM", "2024'05", "2024-05-01T00:00:00Z"},
		{"yyyy-MM-dd", "2023-02-29", ""},
		{"yyyy-MM-dd", "2023-02-2", ""},
		{"yyyy-MM-dd", "2023-02-201", ""},
		{"yyyy-MM-dd", "", ""},
	} {
		l, err := parse.NewLayout(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		us, zoned, ok := l.Parse([]byte(c.in))
		if got := shown(us, zoned, ok); got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.pattern, c.in, got, c.want)
		}
	}
	for _, p := range []string{"", "yyy", "Q", "ddd", "'open", "[yyyy]", "%Y-%m-%d", "SSSSSSSSSS"} {
		if l, err := parse.NewLayout(p); err == nil {
			t.Errorf("%q is taken for a pattern: %v", p, l)
		}
	}
}

// FuzzLayout proves that no pattern and no value break the parser.
func FuzzLayout(f *testing.F) {
	f.Add("MM/dd/yyyy", "03/29/2021")
	f.Add("EEE MMM d h:mm:ss.SSS a z yyyy", "x")
	f.Fuzz(func(_ *testing.T, pattern, value string) {
		if l, err := parse.NewLayout(pattern); err == nil {
			l.Parse([]byte(value))
		}
		parse.Timestamp([]byte(value))
		parse.Float([]byte(value))
		parse.Bool([]byte(value))
	})
}

// TestNoAllocation proves that no value, unless it fails, costs an allocation.
func TestNoAllocation(t *testing.T) {
	l, err := parse.NewLayout("EEE MMM d h:mm:ss.SSS a z yyyy")
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		parse.Float([]byte("12.5"))
		parse.Float([]byte("12345678901234567890.5e-3"))
		parse.Timestamp([]byte("2024-02-29 12:34:56.5+02:00"))
		l.Parse([]byte("Thu Feb 29 1:00:00.5 PM Z 2024"))
		parse.Bool([]byte("TRUE"))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFloat(b *testing.B) {
	v := []byte("33.986153")
	for b.Loop() {
		parse.Float(v)
	}
}

func BenchmarkFloatStrconv(b *testing.B) {
	for b.Loop() {
		_, _ = strconv.ParseFloat("33.986153", 64)
	}
}

func BenchmarkTimestamp(b *testing.B) {
	v := []byte("2024-02-29 12:34:56")
	for b.Loop() {
		parse.Timestamp(v)
	}
}

func BenchmarkLayout(b *testing.B) {
	l, _ := parse.NewLayout("MM/dd/yyyy HH:mm:ss")
	v := []byte("02/29/2024 12:34:56")
	for b.Loop() {
		l.Parse(v)
	}
}
