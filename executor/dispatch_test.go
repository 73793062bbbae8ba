package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// caught is an operator that keeps what it is lent, as text and as arrays.
type caught struct {
	schema *arrow.Schema
	chunks []*chunk
	seqs   [][]int64
}

func (o *caught) apply(_ context.Context, c *chunk, _ func(*chunk) error) error {
	kept := *c
	kept.cols, kept.masks = slices.Clone(c.cols), nil
	for _, a := range kept.cols {
		a.Retain()
	}
	var seqs []int64
	for i := range c.rows {
		seqs = append(seqs, c.origin.Seq(i))
	}
	o.chunks, o.seqs = append(o.chunks, &kept), append(o.seqs, seqs)
	return nil
}

// dispatch sends one frame of the rig's source through labelling, and returns
// what arrives at the end of each route.
func (r *rig) dispatch(frame *rdd.Frame) []*caught {
	r.t.Helper()
	run := newRun(r.x, r.scan(1, 0, 1))
	run.stage = &r.plan.Stages[0]
	root := run.stage.Root
	var routes []*step
	var ends []*caught
	for _, n := range root.Next {
		end := &caught{schema: n.Out}
		ends = append(ends, end)
		routes = append(routes, &step{node: n, op: pass{}, next: []*step{{node: n, op: end}}})
	}
	d := newDispatcher(run, root.Action.(physical.Scan), root, routes)
	if err := d.frame(r.t.Context(), frame); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range run.closers {
		f()
	}
	r.t.Cleanup(func() {
		for _, e := range ends {
			for _, c := range e.chunks {
				c.release()
			}
		}
	})
	return ends
}

// twoRoutes reads different columns of the two labels, so that they part.
func twoRoutes(ev *rdd.Dataset) *rdd.Job {
	return rdd.NewJob("j", labels(),
		ev.Write(rdd.Write{From: Err, Connector: "collect", Columns: []string{"code", "_seq"}}),
		ev.Write(rdd.Write{From: Info, Connector: "collect", Columns: []string{"meter", "_seq", "_partition", "_label"}}))
}

func mixed() []string {
	return []string{`"kind":"error","code":10,"meter":"a"`, `"kind":"info","code":11,"meter":"b"`, `"kind":"info","code":12`,
		`"kind":"error","meter":"d"`, `"kind":"info","code":14,"meter":"e"`}
}

// Rows of different routes part: each route gets its rows and columns, in
// order, and every row keeps its sequence.
func TestDispatchParts(t *testing.T) {
	r := newRig(t, planner.IDAG, "kind meter code", rdd.Tag{Column: "kind"}, twoRoutes, mixed())
	task := r.scan(1, 0, 1)
	task.Splits[0].First, task.Splits[0].Partition = 100, 3
	r.run(task)
	sameRows(t, "errors", r.out.take(), "error code=10 _seq=100", "error _seq=103")
	sameRows(t, "infos", r.x.Sinks[1].(*collector).take(), "info meter=b _seq=101 _partition=3 _label=info",
		"info _seq=102 _partition=3 _label=info", "info meter=e _seq=104 _partition=3 _label=info")
}

// A frame that goes down one route as a whole is not touched: its arrays are
// the source's, at their offset. A frame that parts is gathered.
func TestDispatchLeavesWholeFramesAlone(t *testing.T) {
	whole := []string{`"kind":"info","meter":"a"`, `"kind":"info","meter":"b"`, `"kind":"info"`}
	for name, rows := range map[string][]string{"whole": whole, "parts": append([]string{`"kind":"error"`}, whole...)} {
		r := newRig(t, planner.IDAG, "meter code kind", rdd.Tag{Column: "kind"}, twoRoutes, rows)
		b := r.src.batches[0]
		ends := r.dispatch(&rdd.Frame{Header: rdd.Header{Origin: rdd.Origin{First: 50}}, Batch: b})
		infos := ends[1]
		if len(infos.chunks) != 1 || infos.chunks[0].rows != 3 {
			t.Fatalf("%s: the route of infos got %+v", name, infos.chunks)
		}
		c, at := infos.chunks[0], infos.schema.FieldIndices("meter")[0]
		if same := c.cols[at] == b.Column(0); same != (name == "whole") {
			t.Errorf("%s: the column is the source's own: %t", name, same)
		}
		if c.cols[at].ValueStr(1) != "b" || !c.cols[at].IsNull(2) {
			t.Errorf("%s: the column is %v", name, c.cols[at])
		}
		want := []int64{50, 51, 52}
		if name == "parts" {
			want = []int64{51, 52, 53}
		} else if len(ends[0].chunks) != 0 {
			t.Errorf("the route of errors got %d chunks", len(ends[0].chunks))
		}
		if !slices.Equal(infos.seqs[0], want) {
			t.Errorf("%s: sequences %v, want %v", name, infos.seqs[0], want)
		}
	}
}

// A frame with dead letters in it is not whole, even if one route has the rest.
func TestDispatchWithDeadLetters(t *testing.T) {
	r := newRig(t, planner.IDAG, "meter code kind", rdd.Tag{Column: "kind"}, twoRoutes,
		[]string{`"kind":"info","meter":"a"`, `"kind":"what","meter":"b"`, `"kind":"info","meter":"c"`})
	infos := r.dispatch(&rdd.Frame{Batch: r.src.batches[0]})[1]
	if got := infos.seqs; len(got) != 1 || !slices.Equal(got[0], []int64{0, 2}) {
		t.Errorf("the sequences are %v", got)
	}
}

// The codes of _label are the job's labels, and the rows are counted by them.
func TestDispatchCountsLabels(t *testing.T) {
	r := newRig(t, planner.Masked, "kind meter code", rdd.Tag{Column: "kind"}, twoRoutes, mixed())
	end := r.dispatch(&rdd.Frame{Batch: r.src.batches[0]})[0]
	c := end.chunks[0]
	if !slices.Equal(c.codes(), []int32{0, 1, 1, 0, 1}) || !slices.Equal(c.counts, []int64{2, 3, 0}) {
		t.Errorf("labels %v, counted %v", c.codes(), c.counts)
	}
	got := r.run(r.scan(1, 0, 1))
	for l, want := range map[int]work.OpCount{0: {In: 2, Out: 2}, 1: {In: 3, Out: 3}} {
		if n := got.Tally.Ops[work.OpLabel{Op: 1, Label: l}]; n != want {
			t.Errorf("tag counted %+v of label %d, want %+v", n, l, want)
		}
	}
}

// A mask holds exactly the rows of its labels, at every length around a word,
// and is made once.
func TestMasks(t *testing.T) {
	mem := checked(t)
	for _, n := range []int{0, 1, 2, 63, 64, 65, 127, 128, 129, 200} {
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = int32(i*i+i/3) % 3
		}
		col := dictionary(mem, "error info sums", rows...)
		c := &chunk{cols: []arrow.Array{col}, rows: n, labels: Err | Info | Sums}
		for _, set := range []rdd.LabelSet{0, Err, Info, Sums, Err | Sums, Err | Info | Sums, 1 << 40} {
			m := c.mask(mem, set)
			if m.Len() != n || m.NullN() != 0 || m != c.mask(mem, set) {
				t.Fatalf("the mask of %d rows has %d, %d nulls", n, m.Len(), m.NullN())
			}
			var want []int32
			for i, l := range rows {
				if m.Value(i) != set.Has(int(l)) {
					t.Fatalf("row %d of %d, label %d: %t in the mask of %b", i, n, l, m.Value(i), set)
				}
				if set.Has(int(l)) {
					want = append(want, int32(i))
				}
			}
			if got := trueCount(m); got != len(want) {
				t.Errorf("%d of %d rows are counted in %b, want %d", got, n, set, len(want))
			}
			if got := c.rowsOf(nil, set); !slices.Equal(got, want) {
				t.Errorf("rows of %b are %v, want %v", set, got, want)
			}
		}
		c.release()
	}
}

// A mask knows all 64 labels apart.
func TestMaskOfManyLabels(t *testing.T) {
	mem := checked(t)
	rows, names := make([]int32, rdd.LabelSet(0).Most()), make([]string, rdd.LabelSet(0).Most())
	for i := range rows {
		rows[i], names[i] = int32(i), fmt.Sprint("l", i)
	}
	col := dictionary(mem, strings.Join(names, " "), rows...)
	c := &chunk{cols: []arrow.Array{col}, rows: len(rows), labels: ^rdd.LabelSet(0)}
	defer c.release()
	for i := range rows {
		m := c.mask(mem, 1<<uint(i))
		if got := trueRows(nil, m, nil); !slices.Equal(got, []int32{int32(i)}) {
			t.Errorf("the mask of label %d holds rows %v", i, got)
		}
	}
}

// Whatever the offset of an array, operators see its rows: every plan of one
// job gives the rows that its text says.
func TestOffsetsThroughAllOperators(t *testing.T) {
	build := func(ev *rdd.Dataset) *rdd.Job {
		return written(ev.Map(Err, "code", "code + 1", "both", "meter || '!'").Map(0, "n", "code * 2").
			Filter(Info, "code > 11").FlatMap(rdd.FlatMap{For: Info, Rows: [][]rdd.Assign{{{Column: "part", Expr: "1"}}, {{Column: "part", Expr: "2"}}}}).
			Drop(0, "kind"))
	}
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		r := newRig(t, mode, "kind meter code", rdd.Tag{Column: "kind"}, build, mixed())
		runAll(r, r.scan(1, 0, 1))
		sameRows(t, fmt.Sprint("the ", mode, " plan"), r.out.take(), "error meter=a code=11 both=a! n=22", "error meter=d both=d!",
			"info code=12 n=24 part=1", "info code=12 n=24 part=2", "info meter=e code=14 n=28 part=1", "info meter=e code=14 n=28 part=2")
	}
}
