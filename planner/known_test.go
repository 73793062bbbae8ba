package planner_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// asked is a function and an aggregate that read the column x, of any type, and write down what is known
// of it when a job is compiled.
func asked(wrong func(fn.Known) error) (functions fn.Set, told func() []string) {
	var list []string
	verify := func(k fn.Known) error {
		list = append(list, fmt.Sprint(k["x"]))
		if wrong == nil {
			return nil
		}
		return wrong(k)
	}
	f := fn.Func{Name: "ask", Version: "1", Rows: fn.Keeps, Reads: []fn.Column{{Name: "x"}, {Name: "y"}}, Writes: []fn.Column{{Name: "z", Type: arrow.PrimitiveTypes.Int64}}, Verify: verify,
		Run: func(context.Context, fn.Input) (fn.Output, error) { return fn.Output{}, errors.New("not called") }}
	a := fn.Aggregate{Name: "asks", Version: "1", Args: []fn.Column{{Name: "x"}, {Name: "y"}}, Result: arrow.PrimitiveTypes.Int64, Verify: verify, Init: func() fn.State { return none{} }}
	return fn.NewSet(f, a), func() []string { slices.Sort(list); return slices.Compact(list) }
}

// said is the source of the tests, whose schema tells what meters there are.
func said() *rdd.Dataset {
	m := arrow.NewMetadata([]string{"idag.values.meter", "idag.values.kind", "idag.values.nothing", "other"}, []string{`["m1","m2","m3"]`, `damaged`, `["x"]`, "x"})
	schema := arrow.NewSchema(eventSchema().Fields(), &m)
	op, _ := read().Op().(rdd.Read)
	op.Schema = schema
	return read().With(op).Tag(byKind())
}

// TestKnown: what is known of a column is what follows from constants and from what the
// source tells; of a column that anything else has a part in, nothing.
func TestKnown(t *testing.T) {
	ev := said()
	set := func(d *rdd.Dataset, pairs ...string) *rdd.Dataset { return d.Map(Err, pairs...) }
	x := set(ev, "x", "'a'", "y", "1")
	ask := func(d *rdd.Dataset) *rdd.Dataset { return d.Apply(rdd.Apply{For: Err, Func: "ask"}) }
	by := func(keys ...string) *rdd.Dataset {
		return x.Reduce(rdd.Reduce{From: Err, As: Sums, By: keys, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}})
	}
	sums := func(d *rdd.Dataset) *rdd.Dataset {
		return d.Map(Sums, "y", "1").Apply(rdd.Apply{For: Sums, Func: "ask"})
	}
	for _, c := range []struct {
		name string
		set  *rdd.Dataset
		want string
	}{
		{"a constant", ask(x), "[a]"},
		{"a number", ask(set(ev, "x", "2 + 1", "y", "1")), "[3]"},
		{"null", ask(set(ev, "x", "CAST(NULL AS string)", "y", "1")), "[<nil>]"},
		{"what the source tells", ask(set(ev, "x", "meter", "y", "1")), "[m1 m2 m3]"},
		{"what follows from it", ask(set(ev, "x", "CASE meter WHEN 'm1' THEN 1 ELSE 2 END", "y", "1")), "[1 2]"},
		{"what follows from a constant", ask(set(x, "x", "coalesce(x, 'b')")), "[a]"},
		{"that is set anew", ask(set(x, "x", "'b'")), "[b]"},
		{"that is set anew to what nobody knows", ask(set(x, "x", "wh")), "[]"},
		{"of another label", ask(x.Map(Info, "x", "'b'")), "[a]"},
		{"behind a filter, a window and a cache", ask(x.Filter(Err, "wh > 1").Cache()), "[a]"},
		{"a window's start", ask(set(x.Map(Err, rdd.WindowStart, "ts").Map(Err, rdd.WindowStart, "CAST(NULL AS timestamp)").Window(rdd.Tumbling("ts", time.Hour)), "x", rdd.WindowStart)), "[]"},
		{"volatile", ask(set(ev, "x", "now()", "y", "1")), "[]"},
		{"of a column of the source", ask(set(ev, "x", "wh", "y", "1")), "[]"},
		{"a damaged list", ask(set(ev, "x", "kind", "y", "1")), "[]"},
		{"of two that are not constant", ask(set(ev, "x", "concat(meter, kind)", "y", "1")), "[]"},
		{"written by a function", ask(x.Apply(rdd.Apply{For: Err, Func: "ask", Columns: map[string]string{"x": "wh", "y": "wh", "z": "x"}})), "[]"},
		{"a key", sums(by("meter", "x")), "[a]"},
		{"a key that the source tells of", sums(by("meter").Map(Sums, "x", "meter")), "[m1 m2 m3]"},
		{"no key", sums(by("meter").Map(Sums, "x", "n")), "[]"},
		{"together", ask(x.Union(set(ev, "x", "'b'", "y", "1"))), "[a b]"},
		{"together with rows that lack it", ask(set(ev, "x", "'b'", "y", "1").Union(rdd.Extend(rdd.Map{For: Err, Set: []rdd.Assign{{Column: "x", Expr: "'a'"}}, Drop: []string{"x"}}, rdd.Pos{}, nil, ev))), "[]"},
		{"together with what nobody knows", ask(x.Union(set(ev, "x", "kind", "y", "1"))), "[]"},
		{"behind a join, of which nothing is known", sums(x.Join(rdd.Join{From: Err, With: Info, As: Sums, On: []rdd.JoinKey{{Left: "meter", Right: "meter"}}, Prefix: "r_"}).Map(Sums, "x", "'c'")), "[c]"},
		{"of a constant, as an argument", ev.Reduce(rdd.Reduce{From: Err, As: Sums, Get: []rdd.Assign{{Column: "n", Expr: "asks(lower('A'), wh)"}}}), "[a]"},
		{"a literal as an argument", ev.Reduce(rdd.Reduce{From: Err, As: Sums, Get: []rdd.Assign{{Column: "n", Expr: "asks('A', wh)"}}}), "[A]"},
		{"a column as an argument", x.Reduce(rdd.Reduce{From: Err, As: Sums, Get: []rdd.Assign{{Column: "n", Expr: "asks(x, wh)"}}}), "[a]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			functions, told := asked(nil)
			if _, err := planner.Compile(jobOf(c.set).Using(functions), planner.IDAG); err != nil {
				t.Fatal(err)
			}
			got := told()
			if len(got) > 1 { // asked of the other column alone, too
				got = slices.DeleteFunc(got, func(s string) bool { return s == "[]" })
			}
			if text := strings.Join(got, " "); text != c.want && !(text == "" && c.want == "[]") {
				t.Errorf("%s is known, want %s", text, c.want)
			}
		})
	}
}

// TestKnownMistakes: what is wrong with a constant is told where it stands, once however
// many functions say so; what only goes wrong together, at the call; each of several
// mistakes by itself; and a job in which nothing of it is known is compiled.
func TestKnownMistakes(t *testing.T) {
	ev := said()
	wrong := func(k fn.Known) error {
		x, _ := k.One("x")
		y, both := k.One("y")
		switch {
		case x == "bad":
			return errors.Join(errors.New("x is bad"), errors.New("and worse"))
		case both && x == y:
			return errors.New("x is y")
		case len(k["x"]) == 3:
			return fmt.Errorf("x is one of %v", k["x"])
		}
		return nil
	}
	ask := rdd.Apply{For: Err, Func: "ask"}
	for _, c := range []struct {
		name string
		set  *rdd.Dataset
		want []string
	}{
		{"good", ev.Map(Err, "x", "'a'", "y", "'b'").Apply(ask), nil},
		{"a constant", ev.Map(Err, "x", "'bad'", "y", "'b'").Apply(ask).Apply(ask), []string{"x is bad", "and worse"}},
		{"two", ev.Map(Err, "x", "'a'", "y", "'a'").Apply(ask), []string{"apply: x is y"}},
		{"what the source tells", ev.Map(Err, "x", "meter", "y", "wh").Apply(ask), []string{"apply: x is one of [m1 m2 m3]"}},
		{"not known", ev.Map(Err, "x", "wh", "y", "wh").Apply(ask), nil},
		{"an argument", ev.Reduce(rdd.Reduce{From: Err, As: Sums, Get: []rdd.Assign{{Column: "n", Expr: "asks('bad', wh)"}}}), []string{"x is bad", "and worse"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			functions, _ := asked(wrong)
			var got []string
			for line := range strings.SplitSeq(mistakes(t, jobOf(c.set).Using(functions)), "\n") {
				if _, text, ok := strings.Cut(line, ": "); ok {
					got = append(got, text)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestKnownOfAnotherType: a function that says what types it reads is asked of nothing else:
// that a column is of another one is the mistake.
func TestKnownOfAnotherType(t *testing.T) {
	functions := fn.NewSet(fn.Func{Name: "ask", Version: "1", Rows: fn.Keeps, Reads: []fn.Column{{Name: "x", Type: arrow.BinaryTypes.String}}, Writes: []fn.Column{{Name: "z", Type: arrow.PrimitiveTypes.Int64}},
		Verify: func(k fn.Known) error {
			if v, ok := k.One("x"); ok && len(v.(string)) > 0 {
				return errors.New("x is not empty")
			}
			return nil
		},
		Run: func(context.Context, fn.Input) (fn.Output, error) { return fn.Output{}, errors.New("not called") }})
	got := mistakes(t, jobOf(said().Map(Err, "x", "5").Apply(rdd.Apply{For: Err, Func: "ask"})).Using(functions))
	if !strings.Contains(got, `reads the column "x" as string, and it is bigint`) || strings.Contains(got, "not empty") {
		t.Error(got)
	}
}

// TestNobodyAsks: that a program has functions which ask what is known costs a job nothing
// that calls none of them.
func TestNobodyAsks(t *testing.T) {
	d := said()
	for i := range 10 {
		d = d.Map(Err, fmt.Sprint("x", i), "'a'", fmt.Sprint("y", i), "concat(meter, 'b')")
	}
	d = d.Reduce(rdd.Reduce{From: Err, As: Sums, By: []string{"x1"}, Get: []rdd.Assign{{Column: "n", Expr: "count()"}}})
	functions, _ := asked(nil)
	cost := func(s fn.Set) float64 {
		job := jobOf(d).Using(s)
		return testing.AllocsPerRun(5, func() {
			if _, err := planner.Compile(job, planner.IDAG); err != nil {
				t.Error(err)
			}
		})
	}
	if without, with := cost(fn.NewSet()), cost(functions); with > 1.02*without {
		t.Errorf("%v allocations, %v where no function asks", with, without)
	}
}
