package connectors_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func named(name string) connectors.Kind { return connectors.Kind{Name: name} }

// TestRegistryIsAValue proves that no method changes its receiver.
func TestRegistryIsAValue(t *testing.T) {
	empty := connectors.Registry{}
	two := connectors.NewRegistry(named("parquet"), named("console"))
	three := two.With(named("kafka"))
	one := three.Only("kafka", "nats")
	for _, c := range []struct {
		r    connectors.Registry
		want []string
	}{{empty, nil}, {two, []string{"console", "parquet"}}, {three, []string{"console", "kafka", "parquet"}}, {one, []string{"kafka"}}} {
		if got := c.r.Names(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("names %q, want %q", got, c.want)
		}
	}
	replaced := two.With(connectors.Kind{Name: "console", Doc: "new"})
	old, _ := two.Lookup("console")
	if k, err := replaced.Lookup("console"); err != nil || k.Doc != "new" || old.Doc != "" {
		t.Errorf("With: %q, %q, %v", k.Doc, old.Doc, err)
	}
}

func TestLookupSuggests(t *testing.T) {
	r := connectors.NewRegistry(named("parquet"), named("console"))
	for name, want := range map[string]string{
		"parqet": `unknown connector "parqet"; did you mean "parquet"?`,
		"kafka":  `unknown connector "kafka"; there is console, parquet`,
	} {
		if _, err := r.Lookup(name); err == nil || err.Error() != want || fault.Of(err) != fault.Invalid {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := (connectors.Registry{}).Lookup("x"); err == nil || err.Error() != `unknown connector "x"` {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"path", "compression", "rows", "seed", "batch_rows"}
	for name, want := range map[string]string{
		"pth": "path", "paht": "path", "PATH": "path", "comprssion": "compression", "row": "rows", "rwos": "rows", "batchrows": "batch_rows",
		"": "", "x": "", "seeds": "seed", "completely else": "", strings.Repeat("path", 1000): "",
	} {
		if got := connectors.Nearest(name, names); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", name, got, want)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, c := range []struct {
		to   connectors.FieldType
		v    any
		want any // nil: an error
	}{
		{connectors.String, "a", "a"}, {connectors.String, 1, "1"}, {connectors.String, true, "true"}, {connectors.String, []any{"a"}, nil}, {connectors.String, nil, nil},
		{connectors.Strings, "a", []string{"a"}}, {connectors.Strings, []any{"a", 1}, []string{"a", "1"}}, {connectors.Strings, []any{[]any{}}, nil}, {connectors.Strings, []string{}, []string{}},
		{connectors.Int, 1, int64(1)}, {connectors.Int, "2,000,000", int64(2000000)}, {connectors.Int, "1_000", int64(1000)}, {connectors.Int, 2.0, int64(2)},
		{connectors.Int, 1.5, nil}, {connectors.Int, "x", nil}, {connectors.Int, uint64(1 << 63), nil}, {connectors.Int, "-9223372036854775808", int64(-1 << 63)}, {connectors.Int, 1e300, nil},
		{connectors.Float, 1, 1.0}, {connectors.Float, "1e3", 1000.0}, {connectors.Float, "NaN", nil}, {connectors.Float, true, nil},
		{connectors.Bool, "true", true}, {connectors.Bool, false, false}, {connectors.Bool, "yes", nil}, {connectors.Bool, 1, nil},
		{connectors.Duration, "10 minutes", 10 * time.Minute}, {connectors.Duration, "1 day", 24 * time.Hour}, {connectors.Duration, "1h30m", 90 * time.Minute},
		{connectors.Duration, "500ms", 500 * time.Millisecond}, {connectors.Duration, "1.5 hours", 90 * time.Minute}, {connectors.Duration, "1 week, 2 days", 9 * 24 * time.Hour},
		{connectors.Duration, "2540400h10m10.000000001s", 2540400*time.Hour + 10*time.Minute + 10*time.Second + 1}, {connectors.Duration, "-1m", -time.Minute},
		{connectors.Duration, "3µs", 3 * time.Microsecond}, {connectors.Duration, time.Second, time.Second}, {connectors.Duration, 0, time.Duration(0)}, {connectors.Duration, "0", time.Duration(0)},
		{connectors.Duration, "", nil}, {connectors.Duration, "-", nil}, {connectors.Duration, "5", nil}, {connectors.Duration, 5, nil}, {connectors.Duration, "m", nil}, {connectors.Duration, "1 fortnight", nil},
		{connectors.Duration, "1000000 days", nil}, {connectors.Duration, "99999999999999999999s", nil}, {connectors.Duration, "1.2.3s", nil}, {connectors.Duration, "200000 days 200000 days", nil},
		{connectors.FieldType("odd"), 1, nil},
	} {
		got, err := c.to.Convert(c.v)
		if (err == nil) != (c.want != nil) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s.Convert(%#v) = %#v, %v; want %#v", c.to, c.v, got, err, c.want)
		}
	}
}

// FuzzDuration proves that durations spell back and that nothing panics.
func FuzzDuration(f *testing.F) {
	f.Add("1h30m", int64(1))
	f.Add("10 minutes", int64(1<<62))
	f.Fuzz(func(t *testing.T, text string, n int64) {
		_, _ = connectors.Duration.Convert(text)
		if d := time.Duration(n); n > -1<<63 {
			if got, err := connectors.Duration.Convert(d.String()); err != nil || got != d {
				t.Errorf("%s is read as %v, %v", d, got, err)
			}
		}
	})
}

func files() connectors.Kind {
	return connectors.Kind{
		Name: "files", Doc: "Files. In a folder.",
		Fields: []connectors.Field{
			{Name: "path", Type: connectors.Strings, Required: true, Main: true, Doc: "Where."},
			{Name: "mode", Type: connectors.String, Default: "error", Enum: []string{"error", "append"}, For: connectors.Writing, Doc: "What if | it is there."},
			{Name: "poll", Type: connectors.Duration, Default: "1 second", For: connectors.Reading},
			{Name: "rows", Type: connectors.Int, Default: 5},
		},
		Source: func(_ context.Context, o rdd.Options, _ connectors.Env) (connectors.Source, error) {
			if o["rows"] == int64(0) {
				return nil, &connectors.OptionError{Kind: "files", Option: "rows", Text: "expected more"}
			}
			if o["rows"] == int64(1) {
				return nil, fault.New(fault.Invalid, "no such file")
			}
			if o["rows"] == int64(2) {
				return nil, fault.New(fault.Retry, "busy")
			}
			return nil, nil
		},
		Sink: func(context.Context, rdd.Options, connectors.Env) (connectors.Sink, error) { return nil, nil },
	}
}

func TestCheck(t *testing.T) {
	k := files()
	got, err := k.Check(connectors.Reading, rdd.Options{"path": "a", "rows": "7"})
	if want := (rdd.Options{"path": []string{"a"}, "rows": int64(7), "poll": time.Second}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	got, err = k.Check(connectors.Writing, rdd.Options{"path": []string{"a"}})
	if want := (rdd.Options{"path": []string{"a"}, "rows": int64(5), "mode": "error"}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct {
		use  connectors.Use
		o    rdd.Options
		want string
	}{
		{connectors.Reading, rdd.Options{"pth": "a"}, "option \"pth\" of files: is unknown; did you mean \"path\"?\noption \"path\" of files: is required (strings)"},
		{connectors.Reading, rdd.Options{"path": "a", "zzz": 1}, `option "zzz" of files: is unknown; there is path, poll, rows`},
		{connectors.Reading, rdd.Options{"path": "a", "mode": "error"}, `option "mode" of files: is for a write, not for a read`},
		{connectors.Writing, rdd.Options{"path": "a", "mode": "apend"}, `option "mode" of files: "apend" is not one of error, append; did you mean "append"?`},
		{connectors.Writing, rdd.Options{"path": "a", "rows": "x"}, `option "rows" of files: expected a whole number, got "x"`},
	} {
		_, err := k.Check(c.use, c.o)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v: %v\nwant %s", c.o, err, c.want)
		}
		if oe := (*connectors.OptionError)(nil); !errors.As(err, &oe) || oe.Kind != "files" {
			t.Errorf("%T", err)
		}
	}
	if _, err := (connectors.Kind{Name: "x"}).Check(connectors.Reading, nil); err == nil || err.Error() != "x cannot be read, only written" {
		t.Error(err)
	}
}

// TestOpenLocates proves that mistakes found while opening stand at the
// author's line, and that those which are nobody's keep their kind.
func TestOpenLocates(t *testing.T) {
	r := connectors.NewRegistry(files())
	marks := rdd.Marks{"connector": {File: "f", Line: 1, Column: 2}, "options.rows": {File: "f", Line: 3, Column: 4}}
	for _, c := range []struct {
		connector string
		o         rdd.Options
		want      string
		kind      fault.Kind
	}{
		{"files", rdd.Options{"path": "a", "rows": 0}, `f:3:4: option "rows" of files: expected more`, fault.Invalid},
		{"files", rdd.Options{"path": "a", "rows": "x"}, `f:3:4: option "rows" of files: expected a whole number, got "x"`, fault.Invalid},
		{"files", rdd.Options{"path": "a", "rows": 1}, "f:1:2: no such file", fault.Invalid},
		{"files", rdd.Options{"path": "a", "rows": 2}, "busy", fault.Retry},
		{"fils", nil, `f:1:2: unknown connector "fils"; did you mean "files"?`, fault.Invalid},
		{"files", rdd.Options{"rows": "x"}, "f:3:4: option \"rows\" of files: expected a whole number, got \"x\"\n?: option \"path\" of files: is required (strings)", fault.Invalid},
	} {
		d := rdd.Extend(rdd.Read{Connector: c.connector, Options: c.o}, rdd.Pos{File: "?"}, marks)
		_, err := r.Source(context.Background(), d, connectors.Env{})
		if err == nil || err.Error() != c.want || fault.Of(err) != c.kind {
			t.Errorf("%v (%s)\nwant %s", err, fault.Of(err), c.want)
		}
	}
	read := rdd.From("files", rdd.Options{"path": "a"})
	if _, err := r.Source(context.Background(), read, connectors.Env{}); err != nil {
		t.Error(err)
	}
	if _, err := r.Sink(context.Background(), read.Write(rdd.Write{Connector: "files", Options: rdd.Options{"path": "a"}}), connectors.Env{}); err != nil {
		t.Error(err)
	}
	if _, err := r.Sink(context.Background(), read, connectors.Env{}); fault.Of(err) != fault.Bug || err == nil {
		t.Errorf("a read opened as a sink: %v", err)
	}
}

// TestTrustOfWhatHasNoHeaders: a read that says whether to trust headers is refused, at
// that place, where its kind never has any; others are opened.
func TestTrustOfWhatHasNoHeaders(t *testing.T) {
	source := func(context.Context, rdd.Options, connectors.Env) (connectors.Source, error) {
		return nil, errors.New("opened")
	}
	r := connectors.NewRegistry(connectors.Kind{Name: "lines", Source: source}, connectors.Kind{Name: "parquet", Source: source, Listed: true})
	at := rdd.Pos{File: "f", Line: 3, Column: 7}
	for kind, want := range map[string]string{"lines": "f:3:7: read: what lines reads bears no headers", "parquet": "opened"} {
		d := rdd.Extend(rdd.Read{Connector: kind, Trust: "none"}, rdd.Pos{}, rdd.Marks{"trust": at})
		if _, err := r.Source(t.Context(), d, connectors.Env{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", kind, err, want)
		}
	}
}
