package expr

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/kernel/scalar"
)

// compareNested compares arrays and structs from their first element on, a
// shorter array before a longer one; a null inside equals a null and is less
// than anything else.
func compareNested(c *call, want scalar.Cmp) error {
	var in [2]arrow.Array
	var mask [2]int
	for i := range in {
		v := &c.a[i]
		in[i], mask[i] = v.array(), -1
		defer in[i].Release()
		if v.konst {
			mask[i] = 0
		}
	}
	order := orderOf(in[0], in[1])
	if order == nil {
		return fault.New(fault.Bug, "%s and %s have no order", in[0].DataType(), in[1].DataType())
	}
	return c.bools(func(i int) bool { return !c.skip(i) && want.Holds(order(i&mask[0], i&mask[1])) })
}

// rowOrder compares row i of one array with row j of another: negative, 0 or
// positive.
type rowOrder func(i, j int) int

// orderOf is the order of the rows of two arrays of one type, nulls first. It
// is nil for maps, which have none.
func orderOf(a, b arrow.Array) rowOrder {
	inner := valueOrder(a, b)
	if inner == nil || a.NullN()+b.NullN() == 0 {
		return inner
	}
	return func(i, j int) int {
		switch an, bn := a.IsNull(i), b.IsNull(j); {
		case an && bn:
			return 0
		case an:
			return -1
		case bn:
			return 1
		}
		return inner(i, j)
	}
}

func valueOrder(a, b arrow.Array) rowOrder {
	switch a := a.(type) {
	case *array.Boolean:
		b, _ := b.(*array.Boolean)
		return func(i, j int) int { return boolInt(a.Value(i)) - boolInt(b.Value(j)) }
	case *array.Int64:
		b, _ := b.(*array.Int64)
		return func(i, j int) int { return cmp.Compare(a.Value(i), b.Value(j)) }
	case *array.Float64:
		b, _ := b.(*array.Float64)
		return func(i, j int) int { return scalar.Order(a.Value(i), b.Value(j)) }
	case *array.Timestamp:
		b, _ := b.(*array.Timestamp)
		return func(i, j int) int { return cmp.Compare(a.Value(i), b.Value(j)) }
	case *array.Duration:
		b, _ := b.(*array.Duration)
		return func(i, j int) int { return cmp.Compare(a.Value(i), b.Value(j)) }
	case *array.Date32:
		b, _ := b.(*array.Date32)
		return func(i, j int) int { return cmp.Compare(a.Value(i), b.Value(j)) }
	case *array.Decimal128:
		b, _ := b.(*array.Decimal128)
		return func(i, j int) int { return a.Value(i).Cmp(b.Value(j)) }
	case *array.Binary:
		b, _ := b.(*array.Binary)
		return func(i, j int) int { return bytes.Compare(a.Value(i), b.Value(j)) }
	case *array.Struct:
		b, _ := b.(*array.Struct)
		return structOrder(a, b)
	case *array.Map:
		return nil
	case *array.List:
		b, _ := b.(*array.List)
		return listOrder(a, b)
	}
	return textOrder(a, b)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// textOrder is the order of strings, plain or of a dictionary.
func textOrder(a, b arrow.Array) rowOrder {
	at, bt := textAt(a), textAt(b)
	if at == nil || bt == nil {
		return nil
	}
	return func(i, j int) int { return strings.Compare(at(i), bt(j)) }
}

func textAt(a arrow.Array) func(i int) string {
	switch a := a.(type) {
	case *array.String:
		return a.Value
	case *array.Dictionary:
		if values, ok := a.Dictionary().(*array.String); ok {
			return func(i int) string { return values.Value(a.GetValueIndex(i)) }
		}
	}
	return nil
}

func structOrder(a, b *array.Struct) rowOrder {
	fields := make([]rowOrder, a.NumField())
	for k := range fields {
		if fields[k] = orderOf(a.Field(k), b.Field(k)); fields[k] == nil {
			return nil
		}
	}
	return func(i, j int) int {
		for _, f := range fields {
			if c := f(i, j); c != 0 {
				return c
			}
		}
		return 0
	}
}

func listOrder(a, b *array.List) rowOrder {
	element := orderOf(a.ListValues(), b.ListValues())
	if element == nil {
		return nil
	}
	return func(i, j int) int {
		p, pEnd := a.ValueOffsets(i)
		q, qEnd := b.ValueOffsets(j)
		for ; p < pEnd && q < qEnd; p, q = p+1, q+1 {
			if c := element(int(p), int(q)); c != 0 {
				return c
			}
		}
		return cmp.Compare(pEnd-p, qEnd-q)
	}
}

// ordered tells the types that have an order, which maps do not.
func ordered(k kind) bool {
	if k.isMap() {
		return false
	}
	for _, e := range k.elements() {
		if !ordered(e) {
			return false
		}
	}
	return true
}
