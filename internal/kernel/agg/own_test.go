package agg

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd/fn"
)

// gathered keeps the texts of its rows, sorted: it shows which rows came to which group.
type gathered struct {
	rows  []string
	calls int
	wrong error
}

func (g *gathered) Update(in []arrow.Array, rows []int32) error {
	if g.calls++; g.wrong != nil {
		return g.wrong
	}
	if !slices.IsSorted(rows) || len(rows) == 0 || len(in) != 2 {
		return fmt.Errorf("rows %v of %d columns", rows, len(in))
	}
	for _, i := range rows {
		g.rows = append(g.rows, in[0].ValueStr(int(i))+"/"+in[1].ValueStr(int(i)))
	}
	slices.Sort(g.rows)
	return nil
}

func (g *gathered) Merge(state []byte) error {
	if len(state) > 0 && state[0] == '!' {
		return errors.New("this is no state")
	}
	for s := range strings.SplitSeq(string(state), ",") {
		if s != "" {
			g.rows = append(g.rows, s)
		}
	}
	slices.Sort(g.rows)
	return nil
}

func (g *gathered) AppendState(b []byte) []byte { return append(b, strings.Join(g.rows, ",")...) }
func (g *gathered) Size() int64                 { return int64(16 * len(g.rows)) }

func (g *gathered) Result(b array.Builder) {
	s, ok := b.(*array.StringBuilder)
	if !ok || len(g.rows) == 0 {
		b.AppendNull()
		return
	}
	s.Append(strings.Join(g.rows, ","))
}

// ownSpec is gathered as a program declares it.
func ownSpec(init func() fn.State) Spec {
	own := &fn.Aggregate{Name: "gathered", Version: "3", Args: []fn.Column{{Name: "x"}, {Name: "y"}}, Result: arrow.BinaryTypes.String, Init: init}
	return Spec{Func: own.Name, Own: own, Arg: arrow.StructOf(arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		arrow.Field{Name: "y", Type: arrow.BinaryTypes.String, Nullable: true})}
}

func fresh() fn.State { return &gathered{} }

// TestOwnGroups: every row comes to the state of its group once, whatever the chunks and
// the offsets of columns are; states of several tables merge to that of one; what a
// table is told to keep it keeps.
func TestOwnGroups(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		n, groups := rapid.IntRange(0, 3000).Draw(rt, "rows"), rapid.IntRange(1, 50).Draw(rt, "groups")
		r := rand.New(rand.NewPCG(uint64(rapid.Int().Draw(rt, "seed")), 1))
		spec := ownSpec(fresh)
		whole, merged := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, []Spec{spec}), NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, []Spec{spec})
		defer whole.Release()
		defer merged.Release()
		want := map[int64][]string{}
		for from := 0; from < n; {
			to := min(n, from+1+r.IntN(2000))
			var keys, xs, ys []any
			for range to - from {
				k, x, y := int64(r.IntN(groups)), any(int64(r.IntN(9))), any(fmt.Sprint("t", r.IntN(9)))
				if r.IntN(4) == 0 {
					x = nil
				}
				if r.IntN(4) == 0 {
					y = nil
				}
				keys, xs, ys = append(keys, k), append(xs, x), append(ys, y)
				want[k] = append(want[k], textOf(x)+"/"+textOf(y))
			}
			part := NewTable(mem, []arrow.DataType{arrow.PrimitiveTypes.Int64}, []Spec{spec})
			k := build(mem, r, arrow.PrimitiveTypes.Int64, keys)
			a := args(mem, r, spec, xs, ys)
			for _, table := range []*Table{whole, part} {
				if err := table.Update([]arrow.Array{k}, []arrow.Array{a}, Order{}, to-from); err != nil {
					rt.Fatal(err)
				}
			}
			k.Release()
			a.Release()
			pk, ps := part.Keys(nil), part.States(nil)
			if err := merged.Merge(pk, ps, part.Len()); err != nil {
				rt.Fatal(err)
			}
			release(pk)
			release(ps)
			part.Release()
			from = to
		}
		for name, table := range map[string]*Table{"one table": whole, "merged": merged} {
			compareOwn(rt, name, table, want)
			if table.Len() > 1 {
				table.Compact([]int32{int32(table.Len() - 1), 0})
				compareOwn(rt, name+", compacted", table, nil)
			}
		}
	})
}

// args is the struct of two columns, a slice of a longer one.
func args(mem memory.Allocator, r *rand.Rand, spec Spec, xs, ys []any) arrow.Array {
	before := r.IntN(4)
	pad := func(v any, rows []any) []any {
		return slices.Concat(slices.Repeat([]any{v}, before), rows, []any{v})
	}
	x := buildWhole(mem, arrow.PrimitiveTypes.Int64, pad(int64(77), xs))
	defer x.Release()
	y := buildWhole(mem, arrow.BinaryTypes.String, pad("padding", ys))
	defer y.Release()
	fields, _ := spec.Arg.(*arrow.StructType)
	whole, err := array.NewStructArrayWithFields([]arrow.Array{x, y}, fields.Fields())
	if err != nil {
		panic(err)
	}
	defer whole.Release()
	return array.NewSlice(whole, int64(before), int64(before+len(xs)))
}

func textOf(v any) string {
	if v == nil {
		return "(null)"
	}
	return fmt.Sprint(v)
}

// compareOwn compares the results with the rows of each group; nil: with the states.
func compareOwn(t *rapid.T, name string, table *Table, want map[int64][]string) {
	keys, states, results := table.Keys(nil), table.States(nil), table.Results(nil)
	defer release(keys)
	defer release(states)
	defer release(results)
	k, _ := keys[0].(*array.Int64)
	blob, _ := states[0].(*array.Binary)
	text, _ := results[0].(*array.String)
	if want != nil && table.Len() != len(want) {
		t.Fatalf("%s: %d groups, want %d", name, table.Len(), len(want))
	}
	for i := range table.Len() {
		if string(blob.Value(i)) != text.Value(i) {
			t.Fatalf("%s: state %s, result %s", name, blob.Value(i), text.Value(i))
		}
		if want == nil {
			continue
		}
		rows := slices.Sorted(slices.Values(want[k.Value(i)]))
		if got := strings.Join(rows, ","); got != text.Value(i) {
			t.Fatalf("%s: group %d has\n%s, want\n%s", name, k.Value(i), text.Value(i), got)
		}
	}
}

// TestOwnFaults: an error of an aggregate is the author's and names it; a state that cannot
// be read is invalid; other arguments, and more values than one for a group, are bugs.
func TestOwnFaults(t *testing.T) {
	mem := checked(t)
	r := rand.New(rand.NewPCG(1, 1))
	table := func(init func() fn.State) (*Table, arrow.Array) {
		spec := ownSpec(init)
		tab := NewTable(mem, nil, []Spec{spec})
		t.Cleanup(tab.Release)
		return tab, args(mem, r, spec, []any{int64(1), int64(2)}, []any{"a", nil})
	}
	tab, in := table(func() fn.State { return &gathered{wrong: errors.New("no model")} })
	err := tab.Update(nil, []arrow.Array{in}, Order{}, 2)
	if fault.Of(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), "the aggregate gathered 3: no model") {
		t.Errorf("an error of an update is a %s: %v", fault.Of(err), err)
	}
	tab, other := table(fresh)
	defer other.Release()
	defer in.Release()
	if err := tab.Update(nil, []arrow.Array{in}, Order{}, 2); err != nil {
		t.Error(err)
	}
	number := build(mem, r, arrow.PrimitiveTypes.Int64, []any{int64(1)})
	defer number.Release()
	for _, bad := range []arrow.Array{number, nil} {
		if err := tab.Update(nil, []arrow.Array{bad}, Order{}, 1); fault.Of(err) != fault.Bug {
			t.Errorf("an argument of another type is a %s: %v", fault.Of(err), err)
		}
	}
	state := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
	defer state.Release()
	state.Append([]byte("!"))
	blob := state.NewArray()
	defer blob.Release()
	if err := tab.Merge(nil, []arrow.Array{blob}, 1); fault.Of(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), "the aggregate gathered 3: this is no state") {
		t.Errorf("a state that is none is a %s: %v", fault.Of(err), err)
	}
	tab, in2 := table(func() fn.State { return &twice{} })
	defer in2.Release()
	defer func() {
		if p := recover(); !strings.Contains(fmt.Sprint(p), "gathered 3 has appended 2 values") {
			t.Errorf("two values for a group: %v", p)
		}
	}()
	tab.Results(nil)
}

// twice appends two values.
type twice struct{ gathered }

func (*twice) Result(b array.Builder) { b.AppendNull(); b.AppendNull() }
