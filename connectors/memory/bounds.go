package memory

import (
	"cmp"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// boundsOf computes the exact bounds of every column of b.
func boundsOf(b arrow.RecordBatch) expr.Bounds {
	out := make(expr.Bounds, b.NumCols())
	for c, f := range b.Schema().Fields() {
		out[f.Name] = rangeOf(b.Column(c))
	}
	return out
}

func rangeOf(a arrow.Array) expr.Range {
	r := expr.Range{AllNull: true}
	for i := range a.Len() {
		include(&r, value(a, i))
	}
	return r
}

// include makes r hold v.
func include(r *expr.Range, v any) {
	if v == nil {
		r.Nulls = true
		return
	}
	r.AllNull = false
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) {
			r.NaN = true
			return
		}
		extend(r, v)
	case int64:
		extend(r, v)
	case string:
		extend(r, v)
	case arrow.Timestamp:
		extend(r, v)
	case arrow.Date32:
		extend(r, v)
	case bool:
		if r.Min == nil || !v {
			r.Min = v
		}
		if r.Max == nil || v {
			r.Max = v
		}
	}
}

func extend[T cmp.Ordered](r *expr.Range, v T) {
	if r.Min == nil || v < r.Min.(T) {
		r.Min = v
	}
	if r.Max == nil || v > r.Max.(T) {
		r.Max = v
	}
}
