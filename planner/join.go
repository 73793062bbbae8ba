package planner

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/bypass"
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
	to := c.side(side)
	to.From = columnsFrom(f.at.Out, to.Schema)
	var keys []string
	for _, k := range to.Keys {
		keys = append(keys, to.Schema.Field(k).Name)
	}
	to.InPlace = bypass.InPlace(f.by, b.partitioning(keys, to.Schema))
	b.outlet(f, c.ID, labels, to)
}

// side is a side of a join as its operators know it.
func (n *node) side(i int) physical.Side {
	op, _ := n.op.(rdd.Join)
	s := n.sideSchema(i)
	_, _, lone := emitted(op.How)
	out := physical.Side{Stage: n.stage, Input: i, Schema: s, Matched: !lone[i], Time: -1, Window: -1}
	for _, k := range n.join.keys {
		out.Keys = append(out.Keys, indexOf(s, []string{k.Left, k.Right}[i]))
	}
	if w := op.Within; w.Left != "" {
		out.Time = indexOf(s, []string{w.Left, w.Right}[i])
	}
	if n.join.windowed {
		out.Window = indexOf(s, rdd.WindowStart)
	}
	return out
}

// emitted says what a kind of join emits: pairs, and by side rows that have a
// partner or that have none.
func emitted(how rdd.JoinKind) (pairs bool, some, lone [2]bool) {
	switch how {
	case "left":
		return true, some, [2]bool{true, false}
	case "right":
		return true, some, [2]bool{false, true}
	case "full":
		return true, some, [2]bool{true, true}
	case "semi":
		return false, [2]bool{true, false}, lone
	case "anti":
		return false, some, [2]bool{true, false}
	case "diff":
		return false, some, [2]bool{true, true}
	default:
		return true, some, lone
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

// matching makes the stage behind a join.
func (b *builder) matching(c *node) {
	op, _ := c.op.(rdd.Join)
	j, as := c.join, op.As.First()
	act := physical.Join{Sides: [2]physical.Side{c.side(left), c.side(right)}, Windowed: j.windowed, Size: j.size.Microseconds(),
		Lateness: b.job.Settings.Lateness.Microseconds(), Label: as,
		Before: op.Within.Before.Microseconds(), After: op.Within.After.Microseconds()}
	act.Pairs, act.Some, act.Lone = emitted(op.How)
	if e := c.exprs["where"]; e != nil {
		act.Where = b.program(e, b.livePair(c))
	}
	out := b.schema(op.As, c.need, c.Schemas)
	for _, f := range out.Fields() {
		act.From = append(act.From, c.joinColumn(f.Name))
	}
	root := &physical.Node{Op: c.ID, Labels: op.As, Action: act, Out: out}
	c.stage = b.newStage(Stage{Source: -1, Stateful: true, Root: root})
	b.follow(c, flow{labels: op.As, at: root, stage: c.stage, by: b.joinedBy(c, op)})
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
func (n *node) joinColumn(name string) [2]int {
	out := [2]int{-1, -1}
	for _, c := range n.join.columns {
		for side, from := range c.from {
			if c.name == name && from >= 0 {
				out[side] = indexOf(n.sideSchema(side), n.join.sides[side].schema.Field(from).Name)
			}
		}
	}
	return out
}

// joinText is a join on one line.
func (a *analysis) joinText(op rdd.Join) string {
	var s strings.Builder
	s.WriteString("join")
	if op.How != "" && op.How != "inner" {
		s.WriteString(" " + string(op.How))
	}
	fmt.Fprintf(&s, "%s with%s on ", orAll(a.labels(op.From)), orAll(a.labels(op.With)))
	for i, k := range op.On {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(keyText(k))
	}
	if w := op.Within; w.Left != "" {
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

func timeText(w rdd.JoinTime) string {
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
func (a *analysis) joinParameters(n *node, op rdd.Join) []string {
	s := []string{"from", a.names(op.From), "with", a.names(op.With), "as", a.names(op.As), "kind", string(op.How),
		"prefix", op.Prefix, "where", canonical(n.exprs["where"])}
	if op.How == "" {
		s[7] = "inner"
	}
	for _, k := range op.On {
		s = append(s, "on", list([]string{k.Left, k.Right}))
	}
	if w := op.Within; w.Left != "" {
		s = append(s, "within", list([]string{w.Left, w.Right, w.Before.String(), w.After.String()}))
	}
	return s
}
