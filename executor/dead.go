package executor

import (
	"bytes"
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/spell"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// letter is one row that could not be processed.
type letter struct {
	reason, note string
	op           int
	source       int // -1 for a group
	partition    int32
	seq          int64
	child        int64
	original     []byte
	known        bool       // the original needs not be read from the split
	split        *rdd.Split // nil for a group
}

// deadLetters collects the dead letters of a task. The original of an event is
// read again from its split at the end, whole: plans read different columns, the
// letter is the same. That of a group is what the plan has of it at that point.
type deadLetters struct {
	run  *run
	list []letter
}

// add makes a dead letter of row i of a chunk with the given columns.
func (d *deadLetters) add(c *chunk, s *arrow.Schema, i, op int, reason, note string) {
	l := letter{reason: reason, note: note, op: op, source: c.origin.Source, split: c.origin.Split}
	l.partition, l.seq, l.child = seqOf(&c.origin, i)
	if l.source < 0 && d.run.x.Dead != nil {
		l.original = original(s, c.cols, i)
	}
	d.list = append(d.list, l)
	d.run.tally.DeadLetters++
	d.run.tally.Dead[work.Death{Op: op, Reason: reason}]++
}

// bad makes dead letters of the rows that a source could not parse, with their
// bytes as they came.
func (d *deadLetters) bad(op int, f *rdd.Frame) {
	for _, b := range f.Header.Bad {
		o := &f.Header.Origin
		l := letter{reason: work.ImproperIngest, note: b.Text, op: op, source: o.Source, partition: o.Partition, seq: b.Seq,
			original: bytes.Clone(b.Raw), known: true, split: o.Split}
		d.list = append(d.list, l)
		d.run.tally.DeadLetters++
		d.run.tally.Dead[work.Death{Op: op, Reason: work.ImproperIngest}]++
	}
}

// close fetches the originals and stages the letters. Those of a quiet task have
// been published.
func (d *deadLetters) close(ctx context.Context, r *work.Receipt) error {
	if len(d.list) == 0 || d.run.task.Quiet {
		return nil
	}
	d.checksum()
	if d.run.x.Dead == nil {
		return nil
	}
	if err := d.fetch(ctx); err != nil {
		return err
	}
	batch := d.batch()
	defer batch.Release()
	at := d.run.block(work.DeadLetters, d.run.task.Index)
	f := &rdd.Frame{Header: rdd.Header{Labels: 1, Origin: rdd.Origin{Source: -1}}, Batch: batch}
	st, err := d.run.x.Dead.Stage(ctx, at, func(yield func(*rdd.Frame, error) bool) { yield(f, nil) })
	if err != nil {
		return err
	}
	st.Sink, st.Rows = work.DeadLetters, int64(len(d.list))
	r.Staged = append(r.Staged, st)
	return nil
}

// fetch reads the splits that have dead letters again, with all columns, and
// takes the bytes of each row as they came where the source knows them.
func (d *deadLetters) fetch(ctx context.Context) error {
	wanted := map[*rdd.Split]map[int64][]int{} // by split and sequence: letters
	var order []*rdd.Split
	for i, l := range d.list {
		if l.split == nil || l.known {
			continue
		}
		if wanted[l.split] == nil {
			wanted[l.split] = map[int64][]int{}
			order = append(order, l.split)
		}
		wanted[l.split][l.seq] = append(wanted[l.split][l.seq], i)
	}
	for _, s := range order {
		if err := d.fetchSplit(ctx, s, wanted[s]); err != nil {
			return err
		}
	}
	return nil
}

func (d *deadLetters) fetchSplit(ctx context.Context, s *rdd.Split, wanted map[int64][]int) error {
	src := d.run.x.Sources[s.Source]
	schema, err := src.Schema(ctx)
	if err != nil {
		return err
	}
	want := rdd.Projection{Rows: d.run.x.Plan.Job.Settings.FrameRows, Mem: d.run.mem, Raw: true}
	for _, f := range schema.Fields() {
		want.Columns = append(want.Columns, f.Name)
	}
	for f, err := range src.Read(ctx, *s, want) {
		if err != nil {
			return err
		}
		if f.Batch == nil {
			continue
		}
		for i := range int(f.Batch.NumRows()) {
			for _, at := range wanted[f.Header.Origin.Seq(i)] {
				if f.Header.Raw != nil {
					d.list[at].original = bytes.Clone(f.Header.Raw[i])
					continue
				}
				d.list[at].original = original(f.Batch.Schema(), f.Batch.Columns(), i)
			}
		}
	}
	return nil
}

// original spells a row as a JSON object of its columns that are not null.
func original(s *arrow.Schema, cols []arrow.Array, row int) []byte {
	out := []byte{'{'}
	for c, col := range cols {
		if col.IsNull(row) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = spell.JSON(append(spell.Text(out, s.Field(c).Name), ':'), col, row)
	}
	return append(out, '}')
}
