package planner

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// TestBoundsThatAPlanWants: those of the source's columns that a filter or a map that
// may change nothing stands on, however they are derived, and of no others; none in
// the linear plan.
func TestBoundsThatAPlanWants(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "kind", Type: arrow.BinaryTypes.String}, {Name: "wh", Type: arrow.PrimitiveTypes.Float64}, {Name: "back", Type: arrow.PrimitiveTypes.Float64},
		{Name: "code", Type: arrow.PrimitiveTypes.Int64}, {Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
	}, nil)
	for name, c := range map[string]struct {
		build func(*rdd.Dataset) *rdd.Dataset
		want  []string
	}{
		"nothing is proven":    {func(d *rdd.Dataset) *rdd.Dataset { return d.Map(0, "x", "wh * 2") }, nil},
		"a filter":             {func(d *rdd.Dataset) *rdd.Dataset { return d.Filter(0, "code > 3") }, []string{"code"}},
		"of what was computed": {func(d *rdd.Dataset) *rdd.Dataset { return d.Map(0, "net", "wh - back").Filter(0, "net > 3") }, []string{"back", "wh"}},
		"of what a column was": {func(d *rdd.Dataset) *rdd.Dataset { return d.Map(0, "wh", "back").Filter(0, "wh > 3") }, []string{"back"}},
		"a default":            {func(d *rdd.Dataset) *rdd.Dataset { return d.Map(0, "code", "coalesce(code, 0)") }, []string{"code"}},
		"two, of which one changes": {func(d *rdd.Dataset) *rdd.Dataset {
			return d.Map(0, "code", "coalesce(code, 0)", "wh", "back * 2")
		}, nil},
		"nothing to go by": {func(d *rdd.Dataset) *rdd.Dataset { return d.Filter(0, "upper(kind) = 'X'") }, nil},
		"strict":           {func(d *rdd.Dataset) *rdd.Dataset { return d.Filter(0, "strict(code > 3)") }, nil},
		"the event time":   {func(d *rdd.Dataset) *rdd.Dataset { return d.Filter(0, "_time > TIMESTAMP '2024-01-01'") }, []string{"ts"}},
		"behind a window": {func(d *rdd.Dataset) *rdd.Dataset {
			return d.Window(rdd.Tumbling("ts", 60_000_000_000)).Filter(0, "code > 3 AND window_start IS NOT NULL")
		}, []string{"code"}},
		"of every element": {func(d *rdd.Dataset) *rdd.Dataset {
			return d.FlatMap(rdd.FlatMap{Rows: [][]rdd.Assign{{{Column: "x", Expr: "wh"}}, {{Column: "x", Expr: "back"}}}}).Filter(0, "x > 3")
		}, []string{"back", "wh"}},
	} {
		read := rdd.Extend(rdd.Read{Connector: "table", Schema: schema}, rdd.Pos{}, nil)
		job := rdd.NewJob("j", []string{"a", "b"}, c.build(read.Tag(rdd.Tag{Column: "kind", Time: "ts"})).Write(rdd.Write{Connector: "console"}))
		for _, mode := range []Mode{IDAG, Masked} {
			p, err := Compile(job, mode)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if mode == Masked {
				want = nil
			}
			if act, ok := p.Stages[0].Root.Action.(physical.Scan); !ok || !slices.Equal(act.Bounds, want) {
				t.Errorf("%s: the %s plan wants the bounds of %v, not %v", name, mode, act.Bounds, want)
			}
		}
	}
}
