package twin

import (
	"cmp"
	"math"
	"math/big"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

func aggregate(s *scope, name string, items []item) any {
	switch name {
	case "first", "last":
		return pick(name, items)
	}
	var vals []any
	for _, it := range items {
		if it.value != nil {
			vals = append(vals, it.value)
		}
	}
	switch name {
	case "count":
		return int64(len(vals))
	case "count_distinct":
		seen := map[string]bool{}
		for _, v := range vals {
			seen[text(v)] = true
		}
		return int64(len(seen))
	}
	if len(vals) == 0 {
		return nil
	}
	switch name {
	case "min":
		return slices.MinFunc(vals, compare)
	case "max":
		return slices.MaxFunc(vals, compare)
	case "sum", "avg":
		if t := typeOfValue(vals[0]); t == arrow.DECIMAL128 || t == arrow.DURATION {
			return total(name, vals)
		}
		if name == "avg" {
			return floatSum(vals) / float64(len(vals))
		}
		if _, ok := vals[0].(int64); ok {
			if sum, _ := sums(vals); sum.Num().IsInt64() {
				return sum.Num().Int64()
			}
			return nil
		}
		return floatSum(vals)
	case "stddev":
		return stddev(vals)
	}
	s.unsupported("aggregate %s", name)
	return nil
}

// pick is the value of the first or the last row by event time, source
// partition, sequence and child. Rows without event time come last for first
// and first for last: they win only among themselves.
func pick(name string, items []item) any {
	var best item
	for i, it := range items {
		untimed := cmp.Compare(b2i(it.row.time == nil), b2i(best.row.time == nil))
		c := cmp.Or(compareNull(it.row.time, best.row.time), cmp.Compare(it.row.partition, best.row.partition),
			cmp.Compare(it.row.seq, best.row.seq), cmp.Compare(it.row.child, best.row.child))
		if name == "last" {
			c = -c
		}
		if i == 0 || cmp.Or(untimed, c) < 0 {
			best = it
		}
	}
	return best.value
}

// sums is the exact sum of numbers and of their squares; non-finite ones are
// left out.
func sums(vals []any) (sum, squares *big.Rat) {
	sum, squares = new(big.Rat), new(big.Rat)
	for _, v := range vals {
		x := new(big.Rat)
		if i, ok := v.(int64); ok {
			x.SetInt64(i)
		} else if x.SetFloat64(v.(float64)) == nil {
			continue
		}
		sum.Add(sum, x)
		squares.Add(squares, x.Mul(x, x))
	}
	return sum, squares
}

// nonFinite is the plain sum of what is not finite: NaN, an infinity, or zero.
func nonFinite(vals []any) float64 {
	rest := 0.0
	for _, v := range vals {
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			rest += f
		}
	}
	return rest
}

// floatSum is the exact sum, rounded once; avg is that divided by the count.
func floatSum(vals []any) float64 {
	if rest := nonFinite(vals); rest != 0 {
		return rest
	}
	sum, _ := sums(vals)
	f, _ := sum.Float64()
	return f
}

// stddev is the sample's standard deviation, null for less than two values.
func stddev(vals []any) any {
	if len(vals) < 2 {
		return nil
	}
	if nonFinite(vals) != 0 {
		return math.NaN()
	}
	n := new(big.Rat).SetInt64(int64(len(vals)))
	sum, squares := sums(vals)
	squares.Sub(squares, sum.Mul(sum, sum).Quo(sum, n))
	v, _ := squares.Quo(squares, n.Sub(n, big.NewRat(1, 1))).Float64()
	return math.Sqrt(v)
}
