package planner

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// join ends a flow on the sides of a join that its labels are on. The flow may be
// on both.
func (b *builder) join(c *node, inlet int, f flow) {
	for side, s := range c.join.sides {
		if labels := f.labels & s.labels; s.inlet == inlet && labels != 0 {
			b.joinSide(c, side, f, labels)
		}
	}
}

func (b *builder) joinSide(c *node, side int, f flow, labels rdd.LabelSet) {
	if c.stage < 0 {
		b.matching(c)
	}
	if labels != f.labels {
		need := map[int]map[string]bool{}
		for _, l := range labels.Each() {
			need[l] = c.sideNeeds(side)
		}
		f = b.only(c, f, labels, b.schema(labels, need, c.join.sides[side].schemas))
	}
	op, _ := c.op.(rdd.Join)
	sent := c.sideSchema(side)
	to := physical.Side{Stage: c.stage, Input: side, Schema: sent, From: columnsFrom(f.at.Out, sent),
		Keys: c.sideKeys(side), Matched: matchedOnly(op.How, side)}
	b.outlet(f, c.ID, labels, to)
}

// matchedOnly reports whether rows of a side only count if they have a partner.
func matchedOnly(how rdd.JoinKind, side int) bool {
	switch how {
	case rdd.JoinLeft, rdd.JoinAnti:
		return side == right
	case rdd.JoinRight:
		return side == left
	case rdd.JoinFull, rdd.JoinDiff:
		return false
	default:
		return true
	}
}

// sideSchema is the columns of a side that somebody reads.
func (n *node) sideSchema(side int) *arrow.Schema {
	need := n.sideNeeds(side)
	var fields []arrow.Field
	for _, f := range n.join.sides[side].schema.Fields() {
		if need[f.Name] {
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// sideKeys are the keys of a side as columns of its schema.
func (n *node) sideKeys(side int) []int {
	var out []int
	for _, k := range n.join.keys {
		out = append(out, indexOf(n.sideSchema(side), []string{k.Left, k.Right}[side]))
	}
	return out
}

// matching makes the stage behind a join.
func (b *builder) matching(c *node) {
	op, _ := c.op.(rdd.Join)
	j, as := c.join, op.As.First()
	act := physical.Join{How: op.How, Windowed: j.windowed, Size: j.size.Microseconds(),
		Lateness: b.job.Settings.Lateness.Microseconds(), Label: as}
	if op.How == "" {
		act.How = rdd.JoinInner
	}
	for side := range act.Sides {
		s := c.sideSchema(side)
		act.Sides[side] = physical.JoinSide{Schema: s, Keys: c.sideKeys(side), Time: -1, Window: -1}
		if w := op.Within; w != nil {
			act.Sides[side].Time = indexOf(s, []string{w.Left, w.Right}[side])
			act.Before, act.After = w.Before.Microseconds(), w.After.Microseconds()
		}
		if j.windowed {
			act.Sides[side].Window = indexOf(s, rdd.WindowStart)
		}
	}
	if e := c.exprs["where"]; e != nil {
		act.Where = b.program(e, b.livePair(c))
	}
	out := b.schema(op.As, c.need, c.Schemas)
	for _, f := range out.Fields() {
		act.From = append(act.From, c.joinColumn(f.Name))
	}
	root := &physical.Node{Op: c.ID, Labels: op.As, Action: act, Out: out}
	c.stage = b.newStage(Stage{Source: -1, Stateful: true, Root: root})
	b.follow(c, flow{labels: op.As, at: root, stage: c.stage})
}

// livePair is pairSchema without the columns that nobody reads.
func (b *builder) livePair(c *node) *arrow.Schema {
	var fields []arrow.Field
	pair, at := c.join.pairSchema(), 0
	for side, s := range c.join.sides {
		need := c.sideNeeds(side)
		for _, f := range s.schema.Fields() {
			if need[f.Name] {
				fields = append(fields, pair.Field(at))
			}
			at++
		}
	}
	return arrow.NewSchema(fields, nil)
}

// joinColumn says where a column of the result comes from.
func (n *node) joinColumn(name string) physical.JoinColumn {
	out := physical.JoinColumn{Left: -1, Right: -1}
	for _, c := range n.join.columns {
		if c.name != name {
			continue
		}
		for side, to := range []*int{&out.Left, &out.Right} {
			if c.from[side] >= 0 {
				*to = indexOf(n.sideSchema(side), n.join.sides[side].schema.Field(c.from[side]).Name)
			}
		}
	}
	return out
}

// joinText is a join on one line.
func (a *analysis) joinText(op rdd.Join) string {
	var s strings.Builder
	s.WriteString("join")
	if op.How != "" && op.How != rdd.JoinInner {
		s.WriteString(" " + string(op.How))
	}
	fmt.Fprintf(&s, "%s with%s on ", orAll(a.labels(op.From)), orAll(a.labels(op.With)))
	for i, k := range op.On {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(keyText(k))
	}
	if w := op.Within; w != nil {
		fmt.Fprintf(&s, " within %s", timeText(w))
	}
	if op.Where != "" {
		s.WriteString(" where " + op.Where)
	}
	return s.String() + " to" + a.labels(op.As)
}

func orAll(labels string) string {
	if labels == "" {
		return " [all]"
	}
	return labels
}

func keyText(k rdd.JoinKey) string {
	if k.Left == k.Right {
		return k.Left
	}
	return k.Left + " = " + k.Right
}

func timeText(w *rdd.JoinTime) string {
	parts := []string{keyText(rdd.JoinKey{Left: w.Left, Right: w.Right})}
	if w.Before != 0 {
		parts = append(parts, spell(w.Before)+" before")
	}
	if w.After != 0 {
		parts = append(parts, spell(w.After)+" after")
	}
	return strings.Join(parts, " ")
}

// sent names the keys of a side.
func sent(to physical.Side) string {
	names := make([]string, 0, len(to.Keys))
	for _, k := range to.Keys {
		names = append(names, to.Schema.Field(k).Name)
	}
	return strings.Join(names, ", ")
}

// joinParameters spells what decides the rows of a join.
func (b *builder) joinParameters(n *node, op rdd.Join) []string {
	s := []string{"from", b.names(op.From), "with", b.names(op.With), "as", b.names(op.As), "kind", string(op.How),
		"prefix", op.Prefix, "where", canonical(n.exprs["where"])}
	if op.How == "" {
		s[7] = string(rdd.JoinInner)
	}
	for _, k := range op.On {
		s = append(s, "on", list([]string{k.Left, k.Right}))
	}
	if w := op.Within; w != nil {
		s = append(s, "within", list([]string{w.Left, w.Right, w.Before.String(), w.After.String()}))
	}
	return s
}
