package parquet

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/parquet-go/parquet-go/format"
)

// bounds returns what the statistics of a row group prove about its columns;
// where they are missing or malformed, next to nothing.
func bounds(f *footer, g *group, columns []leaf, fixed []constant) expr.Bounds {
	out := make(expr.Bounds, len(columns)+len(fixed))
	for i := range columns {
		l := &columns[i]
		if l.rule == unsupported {
			continue
		}
		out[l.name] = rangeOf(f, &g.chunks[l.index], l, g.rows)
	}
	for i := range fixed {
		out[fixed[i].Name] = fixed[i].bounds()
	}
	return out
}

// rangeOf bounds the values of a chunk. That there is no NaN is believed of our own
// count, bound to the rows: Parquet's statistics leave NaN out without a word.
func rangeOf(f *footer, k *chunk, l *leaf, rows int64) expr.Range {
	if l.tree != nil {
		return expr.Range{Nulls: true}
	}
	r := expr.Range{Nulls: l.optional}
	if n := k.stats.nulls; n >= 0 && n <= rows && l.optional && f.countsNulls() {
		r.Nulls, r.AllNull = n > 0, n == rows && rows > 0
	}
	if isFloat(l) {
		r.NaN = f.bound == nil || k.nans != 0
	}
	if r.AllNull {
		r.NaN = false
		return r
	}
	lo, hi := k.limits(f, l)
	minimum, okMin := value(l, lo)
	maximum, okMax := value(l, hi)
	if okMin && okMax {
		r.Min, r.Max = inOrder(minimum, maximum)
	}
	return r
}

// countsNulls reports whether the counts of nulls can be believed. xitongsys/parquet-go,
// which signs as below, gives 0 for columns with a dictionary, and forgets some of the others.
func (f *footer) countsNulls() bool { return !strings.HasPrefix(f.createdBy, "parquet-go version") }

// limits returns the statistics of a chunk that are in the order of the engine, or
// nil. Without a column order those of strings and of unsigned numbers may be in any.
func (k *chunk) limits(f *footer, l *leaf) (lo, hi []byte) {
	ordered := l.index < len(f.ordered) && f.ordered[l.index]
	switch {
	case k.stats.min != nil || k.stats.max != nil:
		if ordered || signedOrder(l.rule) || l.rule == bools {
			return k.stats.min, k.stats.max
		}
	case signedOrder(l.rule):
		return k.stats.oldMin, k.stats.oldMax
	}
	return nil, nil
}

// inOrder drops bounds that are out of order, as those of writers are that compare
// in another one.
func inOrder(lo, hi any) (any, any) {
	ok := false
	switch a := lo.(type) {
	case int64:
		ok = a <= hi.(int64)
	case arrow.Timestamp:
		ok = a <= hi.(arrow.Timestamp)
	case arrow.Date32:
		ok = a <= hi.(arrow.Date32)
	case string:
		ok = a <= hi.(string)
	case bool:
		ok = !a || hi.(bool)
	case float64:
		return floatBounds(a, hi.(float64))
	}
	if !ok {
		return nil, nil
	}
	return lo, hi
}

func isFloat(l *leaf) bool { return l.typ != nil && l.typ.ID() == arrow.FLOAT64 }

// signedOrder reports whether the statistics of old writers, who compared
// bytes as signed numbers, are right for the type.
func signedOrder(r rule) bool {
	switch r {
	case same64, same32, signed32, float32s, millis32, millis, nanos:
		return true
	case unsupported, unsigned32, unsigned64, int96s, bools, texts:
	}
	return false
}

// floatBounds drops bounds that are NaN, or out of order, and does not trust
// the sign of a zero.
func floatBounds(lo, hi float64) (any, any) {
	if !(lo <= hi) {
		return nil, nil
	}
	if lo == 0 {
		lo = math.Copysign(0, -1)
	}
	if hi == 0 {
		hi = 0
	}
	return lo, hi
}

// value reads a bound.
func value(l *leaf, b []byte) (any, bool) {
	if l.form != asRead || l.typ.ID() == arrow.DURATION {
		return nil, false
	}
	if l.rule == texts {
		return string(b), b != nil
	}
	if l.rule == bools {
		return len(b) == 1 && b[0] != 0, len(b) == 1
	}
	if width := l.rule.physicalWidth(); len(b) != width || width == 12 {
		return nil, false
	}
	if l.rule == same32 {
		return arrow.Date32(binary.LittleEndian.Uint32(b)), true
	}
	v, ok := bits64(l.rule, b)
	if !ok {
		return nil, false
	}
	switch l.typ.ID() {
	case arrow.TIMESTAMP:
		return arrow.Timestamp(v), true
	case arrow.FLOAT64:
		return math.Float64frombits(uint64(v)), true
	}
	return v, true
}

// bits64 converts a physical value of 4 or 8 bytes.
func bits64(r rule, b []byte) (int64, bool) {
	switch r {
	case nanos:
		return floorDiv(int64(binary.LittleEndian.Uint64(b)), 1000), true // as the values are
	case millis:
		return microsOfMillis(int64(binary.LittleEndian.Uint64(b)))
	case unsigned64:
		v := int64(binary.LittleEndian.Uint64(b))
		return v, v >= 0
	case same64, signed32, unsigned32, float32s:
		var out [1]uint64
		err := convert64(r, out[:], b)
		return int64(out[0]), err == nil
	case unsupported, same32, int96s, bools, texts, millis32:
	}
	return 0, false
}

// timeRange returns the exact range of the event time in a row group, where
// the statistics give it.
func timeRange(g *group, l *leaf) (lo, hi int64, ok bool) {
	if l == nil || l.rule == unsupported || l.typ.ID() != arrow.TIMESTAMP && l.typ.ID() != arrow.INT64 {
		return 0, 0, false
	}
	k := &g.chunks[l.index]
	if k.physical != format.Int64 && k.physical != format.Int32 || k.stats.min == nil || k.stats.max == nil {
		return 0, 0, false
	}
	if len(k.stats.min) != l.rule.physicalWidth() || len(k.stats.max) != l.rule.physicalWidth() {
		return 0, 0, false
	}
	lo, okLo := bits64(l.rule, k.stats.min)
	hi, okHi := bits64(l.rule, k.stats.max)
	return lo, hi, okLo && okHi && lo <= hi
}
