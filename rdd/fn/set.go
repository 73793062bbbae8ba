package fn

import (
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
)

// Item is what a [Set] holds: a [Func] or an [Aggregate].
//
//sumtype:decl
type Item interface{ item() }

func (Func) item()      {}
func (Aggregate) item() {}

// Set is functions and aggregates by name. It is a value: a copy is independent, the
// zero Set is empty, and no method changes its receiver.
type Set struct {
	funcs map[string]Func // never written after they are made
	aggs  map[string]Aggregate
}

// NewSet returns a set of items. Of several functions, or several aggregates, with one
// name the last counts.
func NewSet(items ...Item) Set { return Set{}.With(items...) }

// With returns a set that has items as well; they replace those of the same name.
func (s Set) With(items ...Item) Set {
	out := Set{funcs: map[string]Func{}, aggs: map[string]Aggregate{}}
	maps.Copy(out.funcs, s.funcs)
	maps.Copy(out.aggs, s.aggs)
	for _, i := range items {
		switch i := i.(type) {
		case Func:
			out.funcs[i.Name] = i
		case Aggregate:
			out.aggs[i.Name] = i
		}
	}
	return out
}

// Only returns a set that has of s only the functions and aggregates named. Names that
// s does not know are passed over.
func (s Set) Only(names ...string) Set {
	var items []Item
	for _, i := range s.Items() {
		switch i := i.(type) {
		case Func:
			if slices.Contains(names, i.Name) {
				items = append(items, i)
			}
		case Aggregate:
			if slices.Contains(names, i.Name) {
				items = append(items, i)
			}
		}
	}
	return NewSet(items...)
}

// Items returns the functions, then the aggregates, each in alphabetical order.
func (s Set) Items() []Item {
	var out []Item
	for _, n := range slices.Sorted(maps.Keys(s.funcs)) {
		out = append(out, s.funcs[n])
	}
	for _, n := range slices.Sorted(maps.Keys(s.aggs)) {
		out = append(out, s.aggs[n])
	}
	return out
}

// Func returns the function called name. The error lists those that there are.
func (s Set) Func(name string) (Func, error) { return find("function", s.funcs, name) }

// Aggregate returns the aggregate called name. The error lists those that there are.
func (s Set) Aggregate(name string) (Aggregate, error) { return find("aggregate", s.aggs, name) }

func find[T any](what string, in map[string]T, name string) (T, error) {
	found, ok := in[name]
	switch {
	case ok:
		return found, nil
	case len(in) == 0:
		return found, fault.New(fault.Invalid, "no %s is called %q: the program has none of its own", what, name)
	}
	return found, fault.New(fault.Invalid, "no %s is called %q; there are %s", what, name, strings.Join(slices.Sorted(maps.Keys(in)), ", "))
}
