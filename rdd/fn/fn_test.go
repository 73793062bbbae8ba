package fn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd/fn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type nothing struct{}

func (nothing) Update([]arrow.Array, []int32) error { return nil }
func (nothing) Merge([]byte) error                  { return nil }
func (nothing) AppendState(b []byte) []byte         { return b }
func (nothing) Result(b array.Builder)              { b.AppendNull() }
func (nothing) Size() int64                         { return 0 }

func double(name string) fn.Column {
	return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Float64}
}

func function() fn.Func {
	return fn.Func{Name: "f", Version: "1", Rows: fn.Keeps, Reads: []fn.Column{double("a")}, Writes: []fn.Column{double("b")},
		Run: func(context.Context, fn.Input) (fn.Output, error) { return fn.Output{}, errors.New("not called") }}
}

func aggregate() fn.Aggregate {
	return fn.Aggregate{Name: "a", Version: "1", Args: []fn.Column{double("x")}, Result: arrow.PrimitiveTypes.Float64,
		Init: func() fn.State { return nothing{} }}
}

// TestDeclarations: what a declaration lacks is told, and a whole one is good.
func TestDeclarations(t *testing.T) {
	if err := errors.Join(function().Check(), aggregate().Check()); err != nil {
		t.Errorf("good declarations: %v", err)
	}
	f := func(change func(*fn.Func)) error {
		g := function()
		change(&g)
		return g.Check()
	}
	a := func(change func(*fn.Aggregate)) error {
		g := aggregate()
		change(&g)
		return g.Check()
	}
	for want, err := range map[string]error{
		"function without a name":                  f(func(f *fn.Func) { f.Name = "" }),
		"function f is not declared":               f(func(f *fn.Func) { f.Version = "" }),
		"not carried out by anything":              f(func(f *fn.Func) { f.Run = nil }),
		`Rows is "keeps", "drops" or "multiplies"`: f(func(f *fn.Func) { f.Rows = "sometimes" }),
		"writes no column":                         f(func(f *fn.Func) { f.Writes = nil }),
		`"b" that it writes has no type`:           f(func(f *fn.Func) { f.Writes[0].Type = nil }),
		`column "b" is declared twice`:             f(func(f *fn.Func) { f.Writes = append(f.Writes, double("b")) }),
		`column "" is declared twice, or has no`:   f(func(f *fn.Func) { f.Reads = []fn.Column{double("")} }),
		"aggregate without a name":                 a(func(a *fn.Aggregate) { a.Name = "" }),
		"it has no version":                        a(func(a *fn.Aggregate) { a.Version = "" }),
		"a is not declared":                        a(func(a *fn.Aggregate) { a.Init = nil }),
		"it takes no argument":                     a(func(a *fn.Aggregate) { a.Args = nil }),
		"Result has no type":                       a(func(a *fn.Aggregate) { a.Result = nil }),
		`"x" is declared twice`:                    a(func(a *fn.Aggregate) { a.Args = append(a.Args, double("x")) }),
	} {
		if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	drops := function()
	if drops.Rows, drops.Writes = fn.Drops, nil; drops.Check() != nil {
		t.Error("a function may drop rows and write nothing")
	}
}

// TestSets: a set is a value; what is not in it is told with what is.
func TestSets(t *testing.T) {
	other := function()
	other.Name = "g"
	both := fn.NewSet(function(), other, aggregate())
	names := func(s fn.Set) string {
		var out []string
		for _, i := range s.Items() {
			switch i := i.(type) {
			case fn.Func:
				out = append(out, i.Name+i.Version)
			case fn.Aggregate:
				out = append(out, i.Name+i.Version)
			}
		}
		return fmt.Sprint(out)
	}
	newer := function()
	newer.Version = "2"
	for want, got := range map[string]string{
		"[f1 g1 a1]": names(both), "[f1 a1]": names(both.Only("f", "a", "x")), "[]": names(fn.Set{}.Only("f")),
		"[f2 g1 a1]": names(both.With(newer)),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if names(both) != "[f1 g1 a1]" {
		t.Error("With has changed the set it was asked of")
	}
	for want, err := range map[string]error{
		`no function is called "h"; there are f, g`:                   second(both.Func("h")),
		`no aggregate is called "f"; there are a`:                     second(both.Aggregate("f")),
		`no function is called "f": the program has none of its own`:  second(fn.Set{}.Func("f")),
		`no aggregate is called "a": the program has none of its own`: second(both.Only("f").Aggregate("a")),
		"": second(both.Aggregate("a")),
	} {
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
