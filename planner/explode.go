package planner

import (
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// deriveExplode derives the schemas behind a FlatMap over the items of a list or map.
func (a *analysis) deriveExplode(n *node, op rdd.FlatMap) {
	if len(op.Rows) > 0 {
		a.fail(n.Dataset.At("rows"), "flatmap: makes rows or explodes, not both")
		return
	}
	e := a.parse(n, "explode", op.Explode)
	for _, l := range ordered(n.input) {
		n.Schemas[l] = n.input[l]
		if !n.acts.Has(l) {
			continue
		}
		items := itemTypes(a.typeFor(n, "explode", op.Explode, e, l, n.input[l]))
		if e == nil || items == nil {
			if t := a.typeFor(n, "explode", op.Explode, e, l, n.input[l]); t != nil {
				a.fail(n.Dataset.At("explode"), "flatmap: %q is %s, and only arrays and maps have elements", op.Explode, typeName(t))
			}
			continue
		}
		if len(op.As) != 0 && len(op.As) != len(items) {
			a.fail(n.Dataset.At("as"), "flatmap: an array gives one column, a map two; %d are named", len(op.As))
			continue
		}
		if len(items) == 2 {
			n.maps |= one(l)
		}
		columns := op.Columns(len(items) == 2)
		if op.Position != "" {
			items = append(items, arrow.PrimitiveTypes.Int64)
		}
		for i, c := range columns {
			if c == "" || system(c) || slices.Contains(columns[:i], c) {
				a.fail(n.Dataset.At("as"), "flatmap: cannot set the column %q, or sets it twice", c)
				continue
			}
			if c == rdd.WindowStart {
				delete(n.windows, l)
			}
			n.Schemas[l] = withField(n.Schemas[l], c, items[i])
		}
	}
}

// itemTypes are the types of the elements of a list or of the keys and values of a
// map; nil for other types.
func itemTypes(t arrow.DataType) []arrow.DataType {
	switch t := t.(type) {
	case *arrow.MapType:
		return []arrow.DataType{t.KeyType(), t.ItemType()}
	case *arrow.ListType:
		return []arrow.DataType{t.Elem()}
	}
	return nil
}

// exploded attaches a FlatMap over the items of a list or map.
func (b *builder) exploded(c *node, op rdd.FlatMap, f flow, out *arrow.Schema) flow {
	p := b.program(c.exprs["explode"], f.at.Out)
	if p == nil {
		return f
	}
	act := physical.Explode{Change: b.change(c, f, out), List: p, Position: indexOf(out, op.Position), Outer: op.Outer}
	items := len(itemTypes(p.Type()))
	for _, col := range op.Columns(items == 2)[:items] {
		act.Items = append(act.Items, indexOf(out, col))
	}
	return b.attach(f, c.ID, act, out)
}

func exploded(op rdd.FlatMap) string {
	text := " explode " + op.Explode
	if op.Outer {
		text += " outer"
	}
	if len(op.As) > 0 {
		text += " as " + strings.Join(op.As, ", ")
	}
	if op.Position != "" {
		text += " at " + op.Position
	}
	return text
}
