package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// nets is a program whose function computes what a meter has used, less what it has
// given back, times a factor.
func nets(version string, factor float64) fn.Set {
	number := func(name string) fn.Column { return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Float64} }
	return fn.NewSet(fn.Func{Name: "net", Version: version, Rows: fn.Keeps,
		Reads: []fn.Column{number("used"), number("given")}, Writes: []fn.Column{number("net")},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			used, ok := in.Columns[0].(*array.Float64)
			given, is := in.Columns[1].(*array.Float64)
			if !ok || !is {
				return fn.Output{}, errors.New("other columns than declared")
			}
			b := array.NewFloat64Builder(in.Mem)
			defer b.Release()
			for i := range in.Rows {
				if used.IsNull(i) || given.IsNull(i) {
					b.AppendNull()
					continue
				}
				b.Append(factor * (used.Value(i) - given.Value(i)))
			}
			return fn.Output{Columns: []arrow.Array{b.NewArray()}}, nil
		}})
}

// calling has the map of the edge and the centre done by the function.
func calling(src string) string {
	return strings.Replace(src, "- map: {for: [backup, information], set: {net: wh - back}}",
		"- apply: {for: [backup, information], func: net, columns: {used: wh, given: back}}", 1)
}

// TestVersionsOfFunctions: what an edge has applied a function to is not applied to it again,
// and the result is that of raw input; another version of the function, or another
// declaration, is no proof, though its name is the same: the rows are taken as they are
// and the function of the centre is applied.
func TestVersionsOfFunctions(t *testing.T) {
	job := func(src string, functions fn.Set) *rdd.Job { return parsed(t, src, nil).Using(functions) }
	to := t.TempDir()
	if _, err := run(t, job(strings.ReplaceAll(calling(edgeJob), "TO", to), nets("1", 1)), engine.Config{Executors: 2}); err != nil {
		t.Fatal(err)
	}
	central := func(functions fn.Set, mode planner.Mode) engine.Summary {
		t.Helper()
		src := strings.Replace(calling(wholeJob), `{generate: {events: meter, rows: 20000, partitions: 3}}`, strings.TrimSuffix(readHalf, "}")+", trust: done}", 1)
		s, err := run(t, job(strings.NewReplacer("FROM", to, "TO", t.TempDir()).Replace(src), functions), engine.Config{Mode: mode, Executors: 2})
		if err != nil {
			t.Fatalf("%s plan: %v", mode, err)
		}
		return s
	}
	raw := func(functions fn.Set) engine.Summary {
		t.Helper()
		s, err := run(t, job(strings.ReplaceAll(calling(wholeJob), "TO", t.TempDir()), functions), engine.Config{Executors: 2})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		name      string
		functions fn.Set
		done      bool
	}{
		{"the same", nets("1", 1), true},
		{"another version", nets("2", 3), false},
	} {
		want := raw(c.functions)
		for _, mode := range modes() {
			got := central(c.functions, mode)
			if got.Checksum != want.Checksum || got.RowsOut != want.RowsOut {
				t.Errorf("%s, %s plan: %d rows with checksum %s, of raw input %d with %s", c.name, mode, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
			}
			if mode != planner.IDAG {
				continue
			}
			skipped, again := got.Bypassed["done"]["information"]["apply#2"], got.Operations["apply#2"]["information"].In
			if c.done != (skipped > 0) || c.done == (again > 0) {
				t.Errorf("%s: %d rows skipped the function, and it was applied to %d", c.name, skipped, again)
			}
		}
	}
	if raw(nets("1", 1)).Checksum == raw(nets("2", 3)).Checksum {
		t.Error("the two versions compute the same: this test proves nothing")
	}
}

// TestVersionsInTheCache: what a function made that has another version by now is not
// found in the cache.
func TestVersionsInTheCache(t *testing.T) {
	const src = `
job: cached
labels: [error, backup, information]
datasets:
  events:
    - read: {parquet: {path: FROM, union_by_name: true}, trust: none}
    - tag: {column: kind}
    - apply: {for: [backup, information], func: net, columns: {used: wh, given: back}}
    - cache: {}
    - write: {parquet: TO}
`
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	cache := executor.NewCache(1<<30, mem)
	defer cache.Close()
	from, sums := half(t, edgeJob), map[string]string{}
	for _, c := range []struct {
		version string
		factor  float64
		hit     bool
	}{{"1", 1, false}, {"1", 1, true}, {"2", 3, false}, {"2", 3, true}} {
		s, err := run(t, parsed(t, strings.NewReplacer("FROM", from, "TO", t.TempDir()).Replace(src), nil).Using(nets(c.version, c.factor)), engine.Config{Executors: 2, Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		if hit := cachedRows(s) > 0; hit != c.hit {
			t.Errorf("version %s: found in the cache: %t, want %t", c.version, hit, c.hit)
		}
		if old, ok := sums[c.version]; ok && old != s.Checksum {
			t.Errorf("version %s: checksum %s, and from the cache %s", c.version, old, s.Checksum)
		}
		sums[c.version] = s.Checksum
	}
	if sums["1"] == sums["2"] {
		t.Error("the two versions compute the same: this test proves nothing")
	}
}

// TestRunsKeepTheirVersions: a run that began with a function cannot be taken up again
// with another version of it.
func TestRunsKeepTheirVersions(t *testing.T) {
	src := strings.ReplaceAll(calling(wholeJob), "TO", t.TempDir())
	plan := func(version string) *planner.Plan {
		p, err := engine.Compile(t.Context(), parsed(t, src, nil).Using(nets(version, 1)), engine.Config{Kinds: kinds()})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, again, other := plan("1").JobDigest(), plan("1").JobDigest(), plan("2").JobDigest()
	if first != again || first == other {
		t.Error("the version of a function does not decide which job it is")
	}
}

// TestFunctionsThatFail: an error of a function stops the job as a mistake at the author's
// line, a panic as a bug with its stack.
func TestFunctionsThatFail(t *testing.T) {
	src := strings.ReplaceAll(calling(wholeJob), "TO", t.TempDir())
	failing := func(run func() (fn.Output, error)) fn.Set {
		f, err := nets("1", 1).Func("net")
		if err != nil {
			t.Fatal(err)
		}
		f.Run = func(context.Context, fn.Input) (fn.Output, error) { return run() }
		return fn.NewSet(f)
	}
	for _, mode := range modes() {
		_, err := run(t, parsed(t, src, nil).Using(failing(func() (fn.Output, error) { return fn.Output{}, errors.New("no model") })), engine.Config{Mode: mode, Executors: 2})
		var e *rdd.Error
		if !errors.As(err, &e) || fault.Of(err) != fault.Invalid || e.At.Line != 9 || !strings.Contains(err.Error(), "the function net 1: no model") {
			t.Errorf("%s plan: an error is a %s: %v", mode, fault.Of(err), err)
		}
		_, err = run(t, parsed(t, src, nil).Using(failing(func() (fn.Output, error) { panic("no model") })), engine.Config{Mode: mode, Executors: 2})
		if fault.Of(err) != fault.Bug || !strings.Contains(fault.Stack(err), "own_test.go") || !strings.Contains(err.Error(), "no model") {
			t.Errorf("%s plan: a panic is a %s: %v\n%s", mode, fault.Of(err), err, fault.Stack(err))
		}
	}
}
