package physical_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
)

func columns(names ...string) *arrow.Schema {
	var fields []arrow.Field
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func compiled(t *testing.T, src string, s *arrow.Schema) *expr.Program {
	t.Helper()
	n, err := expr.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := expr.Check(n, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestProvenAndBehind: what a node proves of its rows, and what is known of those
// that leave it.
func TestProvenAndBehind(t *testing.T) {
	in := columns("a", "b")
	b := expr.Bounds{"a": {Min: int64(1), Max: int64(3)}, "b": {Min: int64(5), Max: int64(7), Nulls: true}}
	set := func(mask physical.Mask, out *arrow.Schema, from []int, src string, at int) physical.Compute {
		c := physical.Compute{Change: physical.Change{Mask: mask, From: from}, Programs: []*expr.Program{compiled(t, src, in)}, Program: []int{-1, -1, -1}[:out.NumFields()]}
		c.Program[at] = 0
		return c
	}
	three := columns("a", "b", "c")
	for name, c := range map[string]struct {
		n      physical.Node
		proven bypass.Reason
		behind expr.Bounds
	}{
		"a filter that keeps all":    {physical.Node{Action: physical.Keep{Change: physical.Change{From: []int{0, 1}}, Where: compiled(t, "a < 4", in)}, Out: in}, bypass.Identity, b},
		"a filter that keeps none":   {physical.Node{Action: physical.Keep{Change: physical.Change{From: []int{0, 1}}, Where: compiled(t, "b < 4", in)}, Out: in}, bypass.Empty, b},
		"a filter for some labels":   {physical.Node{Action: physical.Keep{Change: physical.Change{Mask: physical.Blended, From: []int{0, 1}}, Where: compiled(t, "a < 4", in)}, Out: in}, "", b},
		"a map that changes nothing": {physical.Node{Action: set(physical.Whole, in, []int{0, 1}, "coalesce(a, 0)", 0), Out: in}, bypass.Identity, b},
		"a map that changes": {physical.Node{Action: set(physical.Whole, in, []int{0, 1}, "a + 1", 0), Out: in}, "",
			expr.Bounds{"a": {Min: int64(2), Max: int64(4)}, "b": b["b"]}},
		"a map of a new column": {physical.Node{Action: set(physical.Whole, three, []int{0, 1, physical.FromNull}, "a * 2", 2), Out: three}, "",
			expr.Bounds{"a": b["a"], "b": b["b"], "c": {Min: int64(2), Max: int64(6)}}},
		"a column as another":   {physical.Node{Action: set(physical.Whole, in, []int{0, 1}, "b", 0), Out: in}, "", expr.Bounds{"a": b["b"], "b": b["b"]}},
		"a map for some labels": {physical.Node{Action: set(physical.Blended, in, []int{0, 1}, "a + 1", 0), Out: in}, "", expr.Bounds{"b": b["b"]}},
		"a column that is lacking": {physical.Node{Action: physical.Only{Change: physical.Change{From: []int{0, 1, physical.FromNull}}}, Out: three}, "",
			expr.Bounds{"a": b["a"], "b": b["b"], "c": {Nulls: true, AllNull: true}}},
		"two elements": {physical.Node{Action: physical.Expand{Change: physical.Change{From: []int{0, 1}}, Rows: []physical.Compute{
			set(physical.Whole, in, []int{0, 1}, "7", 0), set(physical.Whole, in, []int{0, 1}, "a", 0)}}, Out: in}, "",
			expr.Bounds{"a": {Min: int64(1), Max: int64(7)}, "b": b["b"]}},
		"a window": {physical.Node{Action: physical.Assignment{Change: physical.Change{From: []int{0, 1}}, Start: 1}, Out: columns("a", "window_start")}, "",
			expr.Bounds{"a": b["a"]}},
		"a function":       {physical.Node{Action: physical.Apply{Change: physical.Change{From: []int{0, 1}}, Writes: []int{1}}, Out: in}, "", expr.Bounds{"a": b["a"]}},
		"a result":         {physical.Node{Action: physical.Apply{Change: physical.Change{From: []int{0, 1}}, Writes: []int{1}, Last: true}, Out: in}, "", expr.Bounds{"a": b["a"]}},
		"a result, unread": {physical.Node{Action: physical.Apply{Change: physical.Change{From: []int{0, 1}}, Writes: []int{-1}, Last: true}, Out: in}, "", b},
		"a result anew":    {physical.Node{Action: physical.Apply{Change: physical.Change{From: []int{0, 1, physical.FromNull}}, Writes: []int{2}, Last: true}, Out: three}, "", b},
		"items":            {physical.Node{Action: physical.Explode{Change: physical.Change{From: []int{0, 1}}, Items: []int{1}, Position: -1}, Out: in}, "", expr.Bounds{"a": b["a"]}},
	} {
		c.n.In = in
		if got := c.n.Proven(b); got != c.proven {
			t.Errorf("%s: proven %q", name, got)
		}
		got := c.n.Behind(b)
		for _, f := range c.n.Out.Fields() {
			r, known := got[f.Name]
			if want, ok := c.behind[f.Name]; r != want || known != ok {
				t.Errorf("%s: column %s is within %+v (%v), want %+v", name, f.Name, r, known, want)
			}
		}
	}
}

// TestSilent: what may make a dead letter, or ends a branch, has to see its rows.
func TestSilent(t *testing.T) {
	in := columns("a")
	strict, plain := compiled(t, "strict(a + 1)", in), compiled(t, "a + 1", in)
	for name, c := range map[string]struct {
		act  physical.Action
		want bool
	}{
		"map":           {physical.Compute{Programs: []*expr.Program{plain}}, true},
		"strict map":    {physical.Compute{Programs: []*expr.Program{plain, strict}}, false},
		"filter":        {physical.Keep{Where: compiled(t, "a > 1", in)}, true},
		"strict filter": {physical.Keep{Where: compiled(t, "strict(a > 1)", in)}, false},
		"flatmap":       {physical.Expand{Rows: []physical.Compute{{Programs: []*expr.Program{plain}}}}, true},
		"strict in it":  {physical.Expand{Rows: []physical.Compute{{}, {Programs: []*expr.Program{strict}}}}, false},
		"window":        {physical.Assignment{}, false},
		"sink":          {physical.Outlet{}, false},
		"sample":        {physical.Draw{}, true},
	} {
		n := physical.Node{Action: c.act}
		if got := n.Silent(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	keep := physical.Node{In: in, Action: physical.Keep{Where: compiled(t, "a > 1 AND upper('x') = 'X'", in)}}
	if got := keep.Provable(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a filter wants the bounds of %v", got)
	}
}
