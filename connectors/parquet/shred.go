package parquet

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/kernel/types"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// part is a part of a column to write: a leaf, or a list, map or struct of others.
type part struct {
	field arrow.Field
	kids  []*part
	leaf  *chunkWriter
}

// entries are the levels of a part's slots, and which row of its array each is,
// -1 where a part above it is null or empty.
type entries struct {
	reps, defs []uint8
	rows       []int32
}

// newPart makes the writers of a field, which are appended to w's columns.
func (w *Writer) newPart(f arrow.Field, path []string, rep, def int) (*part, error) {
	p := &part{field: f}
	path = append(path[:len(path):len(path)], f.Name)
	if f.Nullable {
		def++
	}
	add := func(f arrow.Field, path []string, rep, def int) error {
		kid, err := w.newPart(f, path, rep, def)
		p.kids = append(p.kids, kid)
		return err
	}
	switch dt := f.Type.(type) {
	case *arrow.StructType:
		for _, kid := range dt.Fields() {
			if err := add(kid, path, rep, def); err != nil {
				return nil, err
			}
		}
		return p, nil
	case *arrow.MapType:
		in := append(path, "key_value")
		key := arrow.Field{Name: "key", Type: dt.KeyType()}
		value := arrow.Field{Name: "value", Type: dt.ItemType(), Nullable: true}
		if err := add(key, in, rep+1, def+1); err != nil {
			return nil, err
		}
		return p, add(value, in, rep+1, def+1)
	case *arrow.ListType:
		return p, add(arrow.Field{Name: "element", Type: dt.Elem(), Nullable: true}, append(path, "list"), rep+1, def+1)
	}
	e, err := newEncoder(f.Type)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	p.leaf = &chunkWriter{encoder: e, optional: f.Nullable, pressed: w.pressed, path: path, typ: f.Type, maxRep: rep, maxDef: def, nested: len(path) > 1}
	w.columns = append(w.columns, p.leaf)
	return p, nil
}

// write adds rows of a. A flat column goes as a whole, a nested one in steps, so
// that pages end between rows.
func (p *part) write(a arrow.Array, from, n int) error {
	if p.leaf != nil {
		return p.leaf.add(a, from, n)
	}
	if !types.Same(a.DataType(), p.field.Type) {
		return wrongType(a, p.field.Type)
	}
	const step = 1 << 10
	for n > 0 {
		k := min(n, step)
		e := entries{reps: make([]uint8, k), defs: make([]uint8, k), rows: make([]int32, k)}
		for i := range k {
			e.rows[i] = int32(from + i)
		}
		if err := p.shred(a, e, 0, k); err != nil {
			return err
		}
		from += k
		n -= k
	}
	return nil
}

// shred takes apart the rows of a that entries say, of as many rows of the column.
func (p *part) shred(a arrow.Array, e entries, rep uint8, rows int) error {
	switch x := a.(type) {
	case *array.Struct:
		p.define(x, &e)
		for i, k := range p.kids {
			in := entries{reps: e.reps, defs: append([]uint8(nil), e.defs...), rows: append([]int32(nil), e.rows...)}
			if err := k.shred(x.Field(i), in, rep, rows); err != nil {
				return err
			}
		}
		return nil
	case *array.Map:
		in := p.items(x, e, rep+1)
		kv, ok := x.ListValues().(*array.Struct)
		if !ok {
			return wrongType(a, p.field.Type)
		}
		other := entries{reps: in.reps, defs: append([]uint8(nil), in.defs...), rows: append([]int32(nil), in.rows...)}
		if err := p.kids[0].shred(kv.Field(0), in, rep+1, rows); err != nil {
			return err
		}
		return p.kids[1].shred(kv.Field(1), other, rep+1, rows)
	case *array.List:
		return p.kids[0].shred(x.ListValues(), p.items(x, e, rep+1), rep+1, rows)
	}
	p.define(a, &e)
	return p.leaf.addNested(a, &e, rows)
}

// define ends the entries that are null and raises the others, if the part may be
// null.
func (p *part) define(a arrow.Array, e *entries) {
	if !p.field.Nullable {
		return
	}
	for i, r := range e.rows {
		if r < 0 {
			continue
		}
		if a.IsNull(int(r)) {
			e.rows[i] = -1
		} else {
			e.defs[i]++
		}
	}
}

// items are the entries of a list's items: each of them, or one for no list and
// for an empty one.
func (p *part) items(a array.ListLike, e entries, rep uint8) entries {
	p.define(a, &e)
	out := entries{}
	for i, r := range e.rows {
		var from, to int64
		if r >= 0 {
			from, to = a.ValueOffsets(int(r))
		}
		if from == to {
			out.reps, out.defs, out.rows = append(out.reps, e.reps[i]), append(out.defs, e.defs[i]), append(out.rows, -1)
			continue
		}
		for k := from; k < to; k++ {
			level := rep
			if k == from {
				level = e.reps[i]
			}
			out.reps, out.defs, out.rows = append(out.reps, level), append(out.defs, e.defs[i]+1), append(out.rows, int32(k))
		}
	}
	return out
}

// addNested adds the entries of some rows of the column: levels, and the values
// of a that they name, in runs.
func (c *chunkWriter) addNested(a arrow.Array, e *entries, rows int) error {
	c.reps, c.defs = append(c.reps, e.reps...), append(c.defs, e.defs...)
	c.rows += rows
	off := a.Data().Offset()
	for i := 0; i < len(e.rows); {
		from, k := e.rows[i], i+1
		if from < 0 {
			c.nulls++
			i++
			continue
		}
		for k < len(e.rows) && e.rows[k] == from+int32(k-i) {
			k++
		}
		if err := c.encoder.add(a, int(from), k-i, nil, off); err != nil {
			return err
		}
		i = k
	}
	if size, _ := c.size(); size+len(c.defs) >= pageBytes || c.rows >= pageRows {
		return c.endPage()
	}
	return nil
}

// elements appends the schema of the part, depth first.
func (p *part) elements(out []format.SchemaElement) []format.SchemaElement {
	group := func(name string, repeat format.FieldRepetitionType, children int) format.SchemaElement {
		return format.SchemaElement{Name: name, RepetitionType: thrift.New(repeat), NumChildren: thrift.New(int32(children))}
	}
	repeat := format.Required
	if p.field.Nullable {
		repeat = format.Optional
	}
	switch p.field.Type.(type) {
	case *arrow.StructType:
		out = append(out, group(p.field.Name, repeat, len(p.kids)))
	case *arrow.MapType:
		e := group(p.field.Name, repeat, 1)
		e.ConvertedType, e.LogicalType.Value = thrift.New(deprecated.Map), new(format.MapType)
		out = append(out, e, group("key_value", format.Repeated, 2))
	case *arrow.ListType:
		e := group(p.field.Name, repeat, 1)
		e.ConvertedType, e.LogicalType.Value = thrift.New(deprecated.List), new(format.ListType)
		out = append(out, e, group("list", format.Repeated, 1))
	default:
		return append(out, schemaElement(p.field))
	}
	for _, k := range p.kids {
		out = k.elements(out)
	}
	return out
}
