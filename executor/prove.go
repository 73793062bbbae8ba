package executor

import (
	"context"
	"maps"
	"reflect"

	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// verdict is what the bounds of a row group prove of a step for its rows.
type verdict uint8

const (
	open   verdict = iota // nothing: rows go through it
	passed                // identity: it changes none of them
	ended                 // empty: it drops them all
	hollow                // empty: it does something, of which nothing comes behind it
)

// prover finds the verdicts on the steps behind a Scan. They are found once for a
// row group, whose frames share one Bounds, and hold while one of them is pushed.
type prover struct {
	verdicts []verdict   // by the ordinal of a step
	of       expr.Bounds // that they were found for
	at       *step       // behind which the rows come, nil for all routes
}

// prove makes the verdicts those for rows that come behind a step, or down all routes
// where it is nil. The bounds are of the columns as they were read, time computes
// the event time of these. Without bounds, or where the plan has no use for any, all
// is open.
func (d *dispatcher) prove(at *step, time *expr.Program, b expr.Bounds) {
	r := d.run
	r.verdicts = nil
	if len(d.bounds) == 0 || len(b) == 0 || r.rec != nil { // what is kept must not lack what is dropped only later
		return
	}
	p := &r.prover
	if p.at != at || !sameBounds(p.of, b) {
		p.begin(len(r.steps), b, at)
		in := maps.Clone(b)
		if delete(in, rdd.ColTime); time != nil { // a column of the source of that name is another
			in[rdd.ColTime] = time.Range(b)
		}
		if at != nil {
			p.judge(at, in)
		} else {
			for _, s := range d.routes {
				p.judge(s, in)
			}
		}
	}
	r.verdicts = p.verdicts
}

// begin forgets the verdicts.
func (p *prover) begin(steps int, b expr.Bounds, at *step) {
	if len(p.verdicts) != steps {
		p.verdicts = make([]verdict, steps)
	}
	clear(p.verdicts)
	p.of, p.at = b, at
}

// sameBounds reports whether two bounds are the same one, which nobody changes.
func sameBounds(a, b expr.Bounds) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}

// judge finds the verdict on a step that gets rows within the bounds, and on those
// behind it. It reports whether nothing comes of the rows.
func (p *prover) judge(s *step, b expr.Bounds) bool {
	reason := s.node.Proven(b)
	if reason == bypass.Empty {
		p.verdicts[s.id] = ended
		return true
	}
	behind := s.node.Behind(b)
	nothing := len(s.next) > 0
	for _, next := range s.next {
		nothing = p.judge(next, behind) && nothing
	}
	switch {
	case nothing && s.node.Silent():
		p.verdicts[s.id] = hollow
		return true
	case reason == bypass.Identity:
		p.verdicts[s.id] = passed
	}
	return false
}

// passBy takes a chunk on as a step would that changes none of its rows.
func (r *run) passBy(ctx context.Context, s *step, c *chunk) error {
	out := &chunk{rows: c.rows, labels: c.labels, counts: c.counts, origin: c.origin, label: labelColumn(s.node.Out, c.labels)}
	defer out.release()
	out.cols = c.project(r.mem, unchanged(s.node), s.node.Out)
	r.tally.bypassed(s.node.Op, bypass.Identity, c)
	return r.onward(ctx, s, out)
}

// unchanged says which In columns the Out columns of a node are that changes none.
func unchanged(n *physical.Node) []int {
	switch act := n.Action.(type) {
	case physical.Keep:
		return act.From
	case physical.Compute:
		return act.From
	default:
		return nil
	}
}

// vanish counts the rows of a chunk, of which only the counts need be there, that
// nothing comes of: by each operation up to that which would drop them.
func (r *run) vanish(s *step, c *chunk) {
	switch s.node.Action.(type) {
	case physical.Only, physical.Route:
	default:
		r.tally.bypassed(s.node.Op, bypass.Empty, c)
	}
	if r.verdicts[s.id] == ended {
		return
	}
	r.tally.skipped(s.node.Skipped, c)
	for _, next := range s.next {
		r.vanish(next, c)
	}
}
