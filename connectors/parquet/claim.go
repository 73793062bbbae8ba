package parquet

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/internal/kernel/spell"
)

// claim is what the statistics of a row group say of a column that is decoded. Rows
// may have been decided by them, so that the values are held against them.
type claim struct {
	expr.Range
	dict    arrow.ArrayData // the dictionary that was looked at last; lent by the column
	outside []bool          // by its codes: the value lies outside; nil if none does
}

// claims returns, by column that is read, what was said of it; nil where nothing
// was that could be wrong.
func (r *reader) claims() []*claim {
	var out []*claim
	for i, name := range r.want.Columns {
		known, ok := r.bounds[name]
		if _, isConstant := r.columns[i].(*constantColumn); !ok || isConstant {
			continue
		}
		if out == nil {
			out = make([]*claim, len(r.want.Columns))
		}
		out[i] = &claim{Range: known}
	}
	return out
}

// check finds a value of a that the statistics deny.
func (c *claim) check(a arrow.Array) error {
	switch {
	case !c.Nulls && a.NullN() > 0:
		return c.wrong("no nulls", "a null")
	case c.AllNull && a.NullN() < a.Len():
		return c.wrong("only nulls", "a value")
	case c.AllNull:
		return nil
	}
	at := -1
	switch a := a.(type) {
	case *array.Int64:
		lo, hi, ok := limits[int64](c)
		at = firstOutside(a.Int64Values(), a, lo, hi, ok)
	case *array.Timestamp:
		lo, hi, ok := limits[arrow.Timestamp](c)
		at = firstOutside(a.TimestampValues(), a, lo, hi, ok)
	case *array.Date32:
		lo, hi, ok := limits[arrow.Date32](c)
		at = firstOutside(a.Date32Values(), a, lo, hi, ok)
	case *array.Float64:
		at = c.floats(a)
	case *array.String:
		at = c.strings(a)
	case *array.Dictionary:
		at = c.codes(a)
	case *array.Boolean:
		at = c.booleans(a)
	}
	if at < 0 {
		return nil
	}
	value := string(spell.JSON(nil, a, at))
	if f, ok := a.(*array.Float64); ok && f.Value(at) != f.Value(at) {
		return c.wrong("no NaN", "a NaN")
	}
	return c.wrong("values from "+spellLimit(c.Min)+" to "+spellLimit(c.Max), value)
}

func (c *claim) wrong(said, found string) error {
	return fmt.Errorf("its statistics are wrong: they say that it holds %s, and it holds %s", said, found)
}

// spellLimit spells a bound as values are spelled, in JSON.
func spellLimit(v any) string {
	switch v := v.(type) {
	case string:
		return string(spell.Text(nil, v))
	case arrow.Timestamp:
		return v.ToTime(arrow.Microsecond).Format(`"2006-01-02T15:04:05.999999Z"`)
	case arrow.Date32:
		return v.ToTime().Format(`"2006-01-02"`)
	case float64:
		if math.IsInf(v, 0) {
			return fmt.Sprintf("%q", fmt.Sprint(v))
		}
	}
	return fmt.Sprint(v)
}

func limits[T any](c *claim) (lo, hi T, ok bool) {
	lo, okLo := c.Min.(T)
	hi, okHi := c.Max.(T)
	return lo, hi, okLo && okHi
}

// firstOutside returns the first row that is not null and not within lo and hi, or -1.
func firstOutside[T ~int64 | ~int32](vs []T, a arrow.Array, lo, hi T, ok bool) int {
	if !ok {
		return -1
	}
	for i, v := range vs {
		if v >= lo && v <= hi {
			continue
		}
		if a.IsValid(i) {
			return i
		}
	}
	return -1
}

func (c *claim) floats(a *array.Float64) int {
	lo, hi, ok := limits[float64](c)
	if !ok {
		lo, hi = math.Inf(-1), math.Inf(1)
	}
	for i, v := range a.Float64Values() {
		if v >= lo && v <= hi || v != v && c.NaN {
			continue
		}
		if a.IsValid(i) {
			return i
		}
	}
	return -1
}

func (c *claim) strings(a *array.String) int {
	lo, hi, ok := limits[string](c)
	if !ok {
		return -1
	}
	for i := range a.Len() {
		if v := a.Value(i); (v < lo || v > hi) && a.IsValid(i) {
			return i
		}
	}
	return -1
}

// codes looks at the values of a dictionary once, and at rows only if one of the
// values lies outside: a dictionary may hold values that no row bears.
func (c *claim) codes(a *array.Dictionary) int {
	lo, hi, ok := limits[string](c)
	values, isText := a.Dictionary().(*array.String)
	if !ok || !isText {
		return -1
	}
	if c.dict != values.Data() {
		c.dict, c.outside = values.Data(), nil
		for i := range values.Len() {
			if v := values.Value(i); v < lo || v > hi {
				if c.outside == nil {
					c.outside = make([]bool, values.Len())
				}
				c.outside[i] = true
			}
		}
	}
	if c.outside == nil {
		return -1
	}
	for i := range a.Len() {
		if a.IsValid(i) && c.outside[a.GetValueIndex(i)] {
			return i
		}
	}
	return -1
}

func (c *claim) booleans(a *array.Boolean) int {
	lo, hi, ok := limits[bool](c)
	if !ok || lo != hi {
		return -1
	}
	for i := range a.Len() {
		if a.IsValid(i) && a.Value(i) != lo {
			return i
		}
	}
	return -1
}
