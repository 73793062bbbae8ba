package twin

import (
	"cmp"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// approximate is an aggregate that the engine may take from a sketch. Of as few values
// as are drawn here those are exact: what they are to come near to. A sample is that of
// the definition: the values of the rows with the smallest ranks.
func (r *run) approximate(call *expr.Call, items []item) (value any, ok bool) {
	if call.Name == "own_spread" {
		return ownAggregate(items), true
	}
	items = slices.DeleteFunc(slices.Clone(items), func(it item) bool { return it.value == nil })
	switch call.Name {
	case "approx_distinct":
		return int64(len(tally(items))), true
	case "approx_count":
		lit, _ := call.Args[1].(*expr.Literal)
		return tally(items)[text(lit.Value)], true
	case "approx_moment2":
		sum := 0.0
		for _, n := range tally(items) {
			sum += float64(n * n)
		}
		return sum, true
	case "approx_top":
		return r.top(literalInt(call.Args[1]), items), true
	case "sample":
		return r.sample(literalInt(call.Args[1]), items), true
	}
	return nil, false
}

func literalInt(n expr.Node) int {
	lit, _ := n.(*expr.Literal)
	k, _ := lit.Value.(int64)
	return int(k)
}

// tally is how often each value is there, by its text.
func tally(items []item) map[string]int64 {
	out := map[string]int64{}
	for _, it := range items {
		out[text(it.value)]++
	}
	return out
}

// top is the values that most rows have, of bigints or strings; equal ones by hash.
func (r *run) top(k int, items []item) any {
	if len(items) == 0 {
		return nil
	}
	count := tally(items)
	hash := func(v any) uint64 {
		if _, ok := v.(string); ok {
			return r.hash([]arrow.DataType{arrow.BinaryTypes.String}, []any{v})
		}
		return r.hash([]arrow.DataType{arrow.PrimitiveTypes.Int64}, []any{v})
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(count[text(b.value)], count[text(a.value)]), cmp.Compare(hash(a.value), hash(b.value)))
	})
	items = slices.CompactFunc(items, func(a, b item) bool { return a.value == b.value })
	out := []any{}
	for _, it := range items[:min(k, len(items))] {
		out = append(out, map[string]any{"value": it.value, "count": count[text(it.value)]})
	}
	return out
}

func (r *run) sample(k int, items []item) any {
	if len(items) == 0 {
		return nil
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Compare(rankOf(r.placeHash(0, a.row)), rankOf(r.placeHash(0, b.row)))
	})
	out := []any{}
	for _, it := range items[:min(k, len(items))] {
		out = append(out, it.value)
	}
	return out
}

// rankOf is by what a sample draws: the finalizer of splitmix64 of the place's hash,
// with the seed of all samples.
func rankOf(place uint64) uint64 {
	x := place + 0x7efa6b6d79a552b3 // 0x1da6+1 times 2^64 over the golden ratio
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
