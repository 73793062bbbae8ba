package fuse

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/kernel/scalar"
)

// Value is a column on its way through a Fusion: what a Builder made or, where it is
// negative, a column that is null or that is as it came.
type Value int

// null is a column that is null.
const null Value = -1

// column is a column as it comes.
func column(i int) Value { return Value(-2 - i) }

// Builder makes the values of a Fusion.
type Builder struct {
	types  []arrow.DataType // of the columns as they come
	values []value
	known  map[value]Value // by what they are made of
	counts []int
	masks  int
}

// add returns the value that is made in this way, of operands that are values.
func (b *Builder) add(v value, dt arrow.DataType) Value {
	v.kind, v.slot, v.out = dt.ID(), -1, -1
	if at, ok := b.known[v]; ok {
		return at
	}
	key := v
	for _, from := range [...]int{v.a, v.b} {
		v.fails = v.fails || from >= 0 && b.values[from].fails
	}
	v.fails = v.fails && v.op != settled || v.op == integer || v.op == divide
	v.dt = dt
	b.values = append(b.values, v)
	at := Value(len(b.values) - 1)
	b.known[key] = at
	return at
}

// of adds what is made of one or two values.
func (b *Builder) of(v value, dt arrow.DataType, operands ...Value) Value {
	v.a, v.b = int(operands[0]), -1
	if len(operands) > 1 {
		v.b = int(operands[1])
	}
	return b.add(v, dt)
}

// Load makes a value of a column. It is false for a null one, and for types that have
// no values here.
func (b *Builder) Load(c Value) (Value, bool) {
	switch {
	case c >= 0:
		return c, true
	case c == null:
		return c, false
	}
	at := int(column(int(c)))
	if !known(b.types[at]) {
		return c, false
	}
	return b.add(value{op: input, a: -1, b: -1, at: at}, b.types[at]), true
}

// Constant is a value that is the same in all rows: the 64 bits of a number or, of
// a boolean, 0 or 1.
func (b *Builder) Constant(dt arrow.DataType, word uint64) (Value, bool) {
	if !known(dt) {
		return null, false
	}
	return b.add(value{op: konst, a: -1, b: -1, word: [1]uint64{word}}, dt), true
}

// Type is that of a value.
func (b *Builder) Type(v Value) arrow.DataType { return b.values[v].dt }

// Fails tells whether a value may have failed in some rows.
func (b *Builder) Fails(v Value) bool { return b.values[v].fails }

// constant tells whether a value is the same in all rows.
func (b *Builder) constant(v Value) bool { return b.values[v].op == konst }

// Arithmetic is x sym y, with sym one of + - * / of two numbers of 64 bits. The result is
// of type dt. It is false for two constants: whoever has these computes what does not
// fail, and what fails is rare.
func (b *Builder) Arithmetic(sym byte, dt arrow.DataType, x, y Value) (Value, bool) {
	if b.constant(x) && b.constant(y) || !known(dt) {
		return null, false
	}
	isFloat := dt.ID() == arrow.FLOAT64
	for _, v := range [...]Value{x, y} {
		if k := b.Type(v).ID(); k == arrow.BOOL || (k == arrow.FLOAT64) != isFloat {
			return null, false
		}
	}
	switch {
	case sym == '/' && isFloat:
		return b.of(value{op: divide}, dt, x, y), true
	case sym == '/' || dt.ID() == arrow.BOOL:
		return null, false
	case isFloat:
		return b.of(value{op: float, sym: sym}, dt, x, y), true
	}
	return b.of(value{op: integer, sym: sym}, dt, x, y), true
}

// Compare is x cmp y of two floats, or two other numbers of 64 bits. It is false
// for two constants.
func (b *Builder) Compare(cmp scalar.Cmp, x, y Value) (Value, bool) {
	k, other := b.Type(x).ID(), b.Type(y).ID()
	if b.constant(x) && b.constant(y) || k == arrow.BOOL || k != other {
		return null, false
	}
	op := ints
	if k == arrow.FLOAT64 {
		op = floats
	}
	return b.of(value{op: op, cmp: cmp}, arrow.FixedWidthTypes.Boolean, x, y), true
}

// Logic is x AND y or, with either, x OR y in Kleene's logic. It is false for values that may
// have failed: which of these count depends on the row.
func (b *Builder) Logic(either bool, x, y Value) (Value, bool) {
	if b.Fails(x) || b.Fails(y) || b.Type(x).ID() != arrow.BOOL || b.Type(y).ID() != arrow.BOOL {
		return null, false
	}
	op := and
	if either {
		op = or
	}
	return b.of(value{op: op}, arrow.FixedWidthTypes.Boolean, x, y), true
}

// Not is NOT x of a boolean.
func (b *Builder) Not(x Value) (Value, bool) {
	if b.Type(x).ID() != arrow.BOOL {
		return null, false
	}
	return b.of(value{op: not}, arrow.FixedWidthTypes.Boolean, x), true
}

// IsNull is x IS NULL. It is false for a value that may have failed.
func (b *Builder) IsNull(x Value) (Value, bool) {
	if b.Fails(x) {
		return null, false
	}
	return b.of(value{op: isNull}, arrow.FixedWidthTypes.Boolean, x), true
}

// Negate is -x of a float.
func (b *Builder) Negate(x Value) (Value, bool) {
	if b.constant(x) || b.Type(x).ID() != arrow.FLOAT64 {
		return null, false
	}
	return b.of(value{op: negate}, arrow.PrimitiveTypes.Float64, x), true
}

// ToFloat is the float next to the integer x.
func (b *Builder) ToFloat(x Value) (Value, bool) {
	if b.constant(x) || b.Type(x).ID() != arrow.INT64 {
		return null, false
	}
	return b.of(value{op: toFloat}, arrow.PrimitiveTypes.Float64, x), true
}
