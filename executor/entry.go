package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// entry is where rows enter that operations were applied to.
type entry struct {
	*step
	act     physical.Route
	columns []string // that are read of such rows
}

// entries are those of a stage. They are made for the first rows that bring a list of what
// was done: most never do, and there is one for each operation of each label.
type entries struct {
	run   *run
	nodes []*physical.Node
	list  []entry
}

// of is entryFor among them.
func (e *entries) of(done []string) (*entry, []string) {
	if len(done) > 0 && e.list == nil {
		e.list = e.run.entriesOf(e.nodes)
	}
	return entryFor(e.list, done)
}

// entriesOf makes the steps behind which rows may enter. Where the job does not trust
// what such rows come with, none leads anywhere.
func (r *run) entriesOf(nodes []*physical.Node) []entry {
	out := make([]entry, 0, len(nodes))
	for _, n := range nodes {
		act, _ := n.Action.(physical.Route)
		e := entry{step: r.build(n), act: act}
		if n.In != nil {
			for _, f := range n.In.Fields() {
				e.columns = append(e.columns, f.Name)
			}
		}
		out = append(out, e)
	}
	return out
}

// entryFor finds where rows with a done-list enter, and which columns they have lost. It
// is nil if other operations were applied to the rows than this job's, or none.
func entryFor(list []entry, done []string) (*entry, []string) {
	if len(done) == 0 {
		return nil, nil
	}
	for i := range list {
		if lost, ok := bypass.Applied(done, list[i].act.Done); ok {
			return &list[i], lost
		}
	}
	return nil, nil
}

// enter answers a source that asks what to read of rows with a header.
func (d *dispatcher) enter(h *rdd.Header) []string {
	e, _ := d.entries.of(h.Done)
	if e == nil {
		return nil
	}
	return slices.DeleteFunc(append([]string{}, e.columns...), func(c string) bool { return lacks(h, c) })
}

// lacks reports whether rows do not have a column.
func lacks(h *rdd.Header, column string) bool {
	return h.Columns != nil && !slices.Contains(h.Columns, column)
}

// admit refuses rows that may not enter where their list says.
func (d *dispatcher) admit(e *entry, f *rdd.Frame, lost []string) error {
	wrong, advice := e.act.Wrong, ""
	for _, c := range lost {
		if wrong == "" && slices.Contains(e.columns, c) {
			wrong = fmt.Sprintf("the job needs their column %q from there on, and it was left out when they were written", c)
		}
	}
	switch {
	case wrong != "":
		wrong, advice = "; they cannot be taken up there: "+wrong, "write trust: none, to apply these operations anew, or keep the column where the rows are written"
	case !d.trusted:
		advice = "write trust: done, to take these operations for applied, or trust: none, to apply them anew (--trust says it for a run)"
	default:
		return nil
	}
	kinds := make([]string, 0, len(e.act.Done))
	for _, digest := range e.act.Done {
		kind, _, _ := strings.Cut(digest, ":")
		kinds = append(kinds, kind)
	}
	return fault.Wrap(fault.Invalid, &rdd.Error{At: d.run.x.Plan.Ops[d.root.Op].Dataset.At("trust"),
		Text: fmt.Sprintf("read: %s: its header says that %s of this job were applied to its rows of label %s%s: %s",
			f.Header.Origin.Split.Name, strings.Join(kinds, ", "), d.run.x.Plan.Job.Labels[e.act.Label], wrong, advice)})
}

// columns are those of a frame that an entry reads; those that its rows never had
// are null. The chunk releases them.
func (d *dispatcher) columns(e *entry, f *rdd.Frame) (*chunk, error) {
	in := &chunk{rows: int(f.Batch.NumRows()), origin: f.Header.Origin, label: -1}
	next := 0
	for i, c := range e.columns {
		switch {
		case lacks(&f.Header, c):
			in.cols = append(in.cols, kernel.Nulls(d.run.mem, e.node.In.Field(i).Type, in.rows))
		case next < int(f.Batch.NumCols()) && f.Batch.ColumnName(next) == c:
			f.Batch.Column(next).Retain()
			in.cols = append(in.cols, f.Batch.Column(next))
			next++
		default:
			in.release()
			return nil, fault.New(fault.Bug, "%s: rows that enter have the columns %v, not %v", f.Header.Origin.Split.Name, f.Batch.Schema(), e.columns)
		}
	}
	return in, nil
}

// entered takes a frame of rows that operations were applied to on behind them.
func (d *dispatcher) entered(ctx context.Context, f *rdd.Frame, e *entry, lost []string) error {
	if f.Batch == nil || f.Batch.NumRows() == 0 {
		return nil
	}
	if err := d.admit(e, f, lost); err != nil {
		return err
	}
	in, err := d.columns(e, f)
	if err != nil {
		return err
	}
	defer in.release()
	times, err := d.entryTimes(in, e)
	if err != nil {
		return err
	}
	if times != nil {
		defer times.Release()
	}
	out := &chunk{rows: in.rows, labels: e.node.Labels, label: labelColumn(e.node.Out, e.node.Labels), origin: in.origin}
	if out.labels.Len() > 1 {
		out.counts = make([]int64, d.run.labels())
		out.counts[e.act.Label] = int64(in.rows)
	}
	defer out.release()
	if d.run.rec != nil {
		d.run.rec.giveUp() // they may enter behind where rows are cached
	}
	d.run.tally.Tagged += int64(in.rows)
	d.prove(e.step, e.act.Time, f.Header.Bounds)
	if v := d.run.verdicts; v != nil && v[e.id] == hollow {
		d.run.vanish(e.step, out)
		return nil
	}
	for i, from := range e.act.From {
		out.cols = append(out.cols, d.entryColumn(in, e, from, times, e.node.Out.Field(i).Type))
	}
	d.run.tally.skipped(e.node.Skipped, out)
	begin := time.Now()
	for _, next := range e.next {
		if err := d.run.push(ctx, next, out); err != nil {
			return err
		}
	}
	d.run.tally.arrive(e.act.Label, in.rows, time.Since(begin), len(e.act.Done))
	return ctx.Err()
}

// entryTimes evaluates the event time of rows that enter, and moves the partition's
// largest.
func (d *dispatcher) entryTimes(c *chunk, e *entry) (*array.Timestamp, error) {
	if e.act.Time == nil {
		return nil, nil
	}
	var failed []int32
	v, err := d.run.evalRaw(e.act.Time, c.cols, c.rows, &failed)
	if err != nil {
		return nil, err
	}
	d.run.tally.nulled(d.tagger.tag.Op, e.act.Label, int64(len(failed)))
	ts, ok := v.(*array.Timestamp)
	if !ok {
		v.Release()
		return nil, fault.New(fault.Bug, "the event time is %s", v.DataType())
	}
	d.timed(c.origin, ts)
	return ts, nil
}

// entryColumn is one column of rows that enter: of those read, or of the system's.
func (d *dispatcher) entryColumn(c *chunk, e *entry, from int, times *array.Timestamp, dt arrow.DataType) arrow.Array {
	mem := d.run.mem
	switch from {
	case physical.FromNull:
		return kernel.Nulls(mem, dt, c.rows)
	case physical.FromTime:
		times.Retain()
		return times
	case physical.FromLabel:
		return d.run.sameLabel(e.act.Label, c.rows)
	case physical.FromHash:
		cols := make([]arrow.Array, 0, len(e.act.Identity))
		for _, i := range e.act.Identity {
			cols = append(cols, c.cols[i])
		}
		hashes := kernel.HashRows(cols, make([]uint64, c.rows))
		return int64s(mem, c.rows, func(i int) int64 { return int64(hashes[i]) })
	case physical.FromSeq:
		return int64s(mem, c.rows, c.origin.Seq)
	case physical.FromPart:
		return int64s(mem, c.rows, func(int) int64 { return int64(c.origin.Partition) })
	}
	c.cols[from].Retain()
	return c.cols[from]
}
