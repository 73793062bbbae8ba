package twin

import (
	"fmt"
	"maps"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// ownTypes are the columns that the functions of drawn jobs write.
func ownTypes(name string) map[string]arrow.Type {
	switch name {
	case "own_weighed":
		return map[string]arrow.Type{"y": arrow.INT64}
	case "own_positive":
		return map[string]arrow.Type{"is": arrow.BOOL}
	case "own_repeated":
		return map[string]arrow.Type{"k": arrow.INT64, "s": arrow.STRING}
	}
	return nil
}

// own are the values that a function writes in each row that it makes of one with the
// values in, by the names that it declares.
func own(name string, in func(column string) any) ([]map[string]any, error) {
	switch name {
	case "own_weighed":
		x, ok := in("x").(int64)
		if !ok {
			return []map[string]any{{"y": nil}}, nil
		}
		s, _ := in("s").(string)
		return []map[string]any{{"y": x*10 + int64(len(s))}}, nil
	case "own_positive":
		f, ok := in("f").(float64)
		if !ok || math.IsNaN(f) {
			return nil, nil
		}
		return []map[string]any{{"is": f > 0}}, nil
	case "own_repeated":
		x, ok := in("x").(int64)
		if !ok {
			return []map[string]any{{"k": int64(0), "s": nil}}, nil
		}
		rows := []map[string]any{{"k": int64(0), "s": ""}, {"k": int64(1), "s": "aé"}}
		return rows[:new(big.Int).Mod(big.NewInt(x), big.NewInt(3)).Int64()], nil
	}
	return nil, fmt.Errorf("no function %s", name)
}

// applied makes rows of one: the place of a row among those of one event follows those
// of a list that is exploded.
func (r *run) applied(s *scope, op rdd.Apply, x row) []row {
	name := func(declared string) string {
		if own, ok := op.Columns[declared]; ok {
			return own
		}
		return declared
	}
	made, err := own(op.Func, func(c string) any { return x.values[name(c)] })
	if err != nil {
		s.unsupported("%v", err)
	}
	var out []row
	for i, values := range made {
		y := x
		y.values = maps.Clone(x.values)
		for c, v := range values {
			y.values[name(c)] = v
		}
		if op.Func == "own_repeated" {
			y.child = x.child<<20 + int64(i)
		}
		out = append(out, y)
	}
	return out
}

// ownAggregate is the aggregate of drawn jobs over the values of its two arguments.
func ownAggregate(items []item) any {
	sum, some := new(big.Int), false
	for _, it := range items {
		args, _ := it.value.([]any)
		if x, ok := args[0].(int64); ok {
			s, _ := args[1].(string)
			sum.Add(sum, new(big.Int).Mul(big.NewInt(x), big.NewInt(int64(len(s)+1))))
			some = true
		}
	}
	if !some {
		return nil
	}
	return int64(sum.And(sum, new(big.Int).SetUint64(math.MaxUint64)).Uint64())
}
