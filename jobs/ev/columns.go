package ev

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd/fn"
)

func bigint(name string) fn.Column {
	return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Int64}
}
func double(name string) fn.Column {
	return fn.Column{Name: name, Type: arrow.PrimitiveTypes.Float64}
}
func text(name string) fn.Column   { return fn.Column{Name: name, Type: arrow.BinaryTypes.String} }
func binary(name string) fn.Column { return fn.Column{Name: name, Type: arrow.BinaryTypes.Binary} }

func instant(name string) fn.Column {
	return fn.Column{Name: name, Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}
}

// coded is a column of text that is given as codes and values, for a model beside
// many rows is one value.
func coded(name string) fn.Column {
	return fn.Column{Name: name, Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}}
}

// texts reads a column of text, coded or plain.
type texts struct {
	codes  *array.Dictionary
	values *array.String
}

func textsOf(a arrow.Array) (texts, error) {
	switch a := a.(type) {
	case *array.String:
		return texts{values: a}, nil
	case *array.Dictionary:
		if v, ok := a.Dictionary().(*array.String); ok {
			return texts{codes: a, values: v}, nil
		}
	}
	return texts{}, fault.New(fault.Invalid, "a column of text is %s", a.DataType())
}

// at returns the text of row i, "" where it is null; it is lent.
func (t texts) at(i int) string {
	if t.codes != nil {
		if t.codes.IsNull(i) {
			return ""
		}
		i = t.codes.GetValueIndex(i)
	}
	if t.values.IsNull(i) {
		return ""
	}
	return t.values.Value(i)
}

// last keeps what was made of the last two texts: rows that follow one another mostly
// have the same, so a model is decoded once for all of them.
type last[T any] struct {
	how, state string
	value      T
	made       bool
}

func (l *last[T]) get(how, state string, fresh func(how, state string) (T, error)) (T, error) {
	if l.made && l.how == how && l.state == state {
		return l.value, nil
	}
	v, err := fresh(how, state)
	if err != nil {
		return v, err
	}
	*l = last[T]{how: how, state: state, value: v, made: true}
	return v, nil
}

// out are the builders of the columns that a function returns.
type out []array.Builder

func builders(in fn.Input, columns []fn.Column) out {
	o := make(out, len(columns))
	for i, c := range columns {
		o[i] = array.NewBuilder(in.Mem, c.Type)
	}
	return o
}

func (o out) release() {
	for _, b := range o {
		b.Release()
	}
}

// done makes the columns.
func (o out) done() fn.Output {
	cols := make([]arrow.Array, len(o))
	for i, b := range o {
		cols[i] = b.NewArray()
	}
	return fn.Output{Columns: cols}
}

// set appends a value to column i. Those of another type than the column's, and nil, are
// null.
func (o out) set(i int, v any) {
	switch b := o[i].(type) {
	case *array.Int64Builder:
		if v, ok := v.(int64); ok {
			b.Append(v)
			return
		}
	case *array.Float64Builder:
		if v, ok := v.(float64); ok {
			b.Append(v)
			return
		}
	case *array.StringBuilder:
		if v, ok := v.(string); ok {
			b.Append(v)
			return
		}
	case *array.BinaryBuilder:
		if v, ok := v.([]byte); ok && len(v) > 0 {
			b.Append(v)
			return
		}
	case *array.TimestampBuilder:
		if v, ok := v.(int64); ok {
			b.Append(arrow.Timestamp(v))
			return
		}
	}
	o[i].AppendNull()
}

// column asserts the type of a column.
func column[T arrow.Array](a arrow.Array) (T, error) {
	c, ok := a.(T)
	if !ok {
		return c, fault.New(fault.Invalid, "a column is %s", a.DataType())
	}
	return c, nil
}
