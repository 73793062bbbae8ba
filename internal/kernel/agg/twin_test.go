package agg

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"pgregory.net/rapid"

	"github.com/idag/idag/internal/kernel"
)

// data is rows of keys, arguments and places, a slice a row.
type data struct {
	keyTypes []arrow.DataType
	specs    []Spec
	keys     [][]any
	args     [][]any
	order    [][4]any // event time (may be nil), partition, sequence, child
}

func allSpecs() []Spec {
	specs := []Spec{{Func: "count"}}
	for _, dt := range allTypes() {
		for _, f := range []string{"count", "min", "max", "first", "last", "count_distinct"} {
			if ordered(dt) || f != "min" && f != "max" {
				specs = append(specs, Spec{Func: f, Arg: dt})
			}
		}
	}
	for _, dt := range []arrow.DataType{money(), arrow.FixedWidthTypes.Duration_us} {
		specs = append(specs, Spec{Func: "sum", Arg: dt}, Spec{Func: "avg", Arg: dt})
	}
	for _, dt := range []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Float64} {
		for _, f := range []string{"sum", "avg", "stddev"} {
			specs = append(specs, Spec{Func: f, Arg: dt})
		}
	}
	return specs
}

// numberSpecs are those that are added in runs where groups are few.
func numberSpecs() []Spec {
	return slices.DeleteFunc(allSpecs(), func(s Spec) bool {
		return s.Arg == nil || s.Arg.ID() != arrow.INT64 && s.Arg.ID() != arrow.FLOAT64
	})
}

func drawData(r *rand.Rand, keyTypes []arrow.DataType, specs []Spec, rows int) data {
	d := data{keyTypes: keyTypes, specs: specs}
	nulls := []float64{0, 0.2}[r.IntN(2)]
	sticky := []float64{0, 0.97}[r.IntN(2)] // keys like windows come in stretches
	for i := range rows {
		var keys, args []any
		for k, dt := range keyTypes {
			if i > 0 && r.Float64() < sticky {
				keys = append(keys, d.keys[i-1][k])
				continue
			}
			keys = append(keys, drawValue(r, dt, nulls))
		}
		for _, s := range specs {
			if s.Arg == nil {
				args = append(args, nil)
				continue
			}
			args = append(args, drawValue(r, s.Arg, nulls))
		}
		place := [4]any{drawValue(r, arrow.FixedWidthTypes.Date32, nulls), int64(r.IntN(3)), int64(i), int64(0)}
		d.keys, d.args, d.order = append(d.keys, keys), append(d.args, args), append(d.order, place)
	}
	return d
}

// twin groups rows one at a time and returns, by key, the shown results.
func (d *data) twin() map[string]string {
	groups := map[string][]int{}
	if len(d.keyTypes) == 0 {
		groups["()"] = nil
	}
	for i, keys := range d.keys {
		var k []string
		for _, v := range keys {
			k = append(k, showValue(v))
		}
		name := "(" + strings.Join(k, ", ") + ")"
		groups[name] = append(groups[name], i)
	}
	out := map[string]string{}
	for name, rows := range groups {
		for i, s := range d.specs {
			if s.Arg == nil {
				out[name] += fmt.Sprint(len(rows), "; ")
				continue
			}
			out[name] += showValue(d.twinValue(s, i, rows)) + "; "
		}
	}
	return out
}

func (d *data) twinValue(s Spec, arg int, rows []int) any {
	if s.Func == "first" || s.Func == "last" {
		return d.twinPlaced(s, arg, rows)
	}
	var vals []any
	for _, i := range rows {
		if v := d.args[i][arg]; v != nil {
			vals = append(vals, v)
		}
	}
	switch s.Func {
	case "count":
		return len(vals)
	case "count_distinct":
		set := map[string]bool{}
		for _, v := range vals {
			set[showValue(v)] = true
		}
		return len(set)
	}
	if len(vals) == 0 {
		return nil
	}
	switch s.Func {
	case "min":
		return slices.MinFunc(vals, compareValues)
	case "max":
		return slices.MaxFunc(vals, compareValues)
	}
	if s.Arg.ID() == arrow.DECIMAL128 || s.Arg.ID() == arrow.DURATION {
		return twinTotal(s, vals)
	}
	return twinSum(s, vals)
}

// twinTotal is sum and avg of decimals, of 30 digits and 3 behind the point, and
// durations.
func twinTotal(s Spec, vals []any) any {
	sum, isDecimal := new(big.Rat), s.Arg.ID() == arrow.DECIMAL128
	for _, v := range vals {
		switch v := v.(type) {
		case int64:
			sum.Add(sum, new(big.Rat).SetInt64(v))
		case decimal128.Num:
			sum.Add(sum, new(big.Rat).SetInt(v.BigInt()))
		}
	}
	digits := 38
	if s.Func == "avg" {
		sum.Quo(sum, new(big.Rat).SetInt64(int64(len(vals))))
		if isDecimal {
			digits = 34
			sum.Mul(sum, new(big.Rat).SetInt64(10000))
		}
	}
	text := sum.FloatString(0) // rounds half away from zero
	n, _ := new(big.Int).SetString(text, 10)
	switch {
	case isDecimal && len(new(big.Int).Abs(n).String()) > digits:
		return nil
	case isDecimal:
		return decimal128.FromBigInt(n)
	case !n.IsInt64():
		return nil
	}
	return n.Int64()
}

// twinPlaced sorts rows by their place; rows without event time never win.
func (d *data) twinPlaced(s Spec, arg int, rows []int) any {
	timed := slices.DeleteFunc(slices.Clone(rows), func(i int) bool { return d.order[i][0] == nil })
	if len(timed) == 0 {
		timed = rows
	}
	if len(timed) == 0 {
		return nil
	}
	place := func(i int) string {
		t, _ := d.order[i][0].(int64)
		return fmt.Sprintf("%03d %d %06d", t+100, d.order[i][1], d.order[i][2])
	}
	compare := func(x, y int) int { return strings.Compare(place(x), place(y)) }
	if s.Func == "first" {
		return d.args[slices.MinFunc(timed, compare)][arg]
	}
	return d.args[slices.MaxFunc(timed, compare)][arg]
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case bool:
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	case string:
		return strings.Compare(a, b.(string))
	case decimal128.Num:
		return a.Cmp(b.(decimal128.Num))
	case int64:
		return big.NewInt(a).Cmp(big.NewInt(b.(int64)))
	}
	x, y := a.(float64), b.(float64)
	switch {
	case x != x && y != y || x == y:
		return 0
	case x != x || x > y:
		return 1
	}
	return -1
}

// twinSum is exact until the last rounding.
func twinSum(s Spec, vals []any) any {
	sum, squares, plain := exact(0), exact(0), 0.0
	for _, v := range vals {
		f, isFloat := v.(float64)
		if !isFloat && s.Func == "stddev" {
			f = float64(v.(int64))
		}
		plain += f
		x := exact(f)
		if !isFloat && s.Func != "stddev" {
			x.SetInt64(v.(int64))
		}
		if math.IsInf(f, 0) || f != f {
			continue
		}
		sum.Add(sum, x)
		squares.Add(squares, new(big.Float).SetPrec(4400).Mul(x, x))
	}
	n := float64(len(vals))
	special := plain != plain || math.IsInf(plain, 0)
	total, _ := sum.Float64()
	if special {
		total = plain
	}
	switch {
	case s.Func == "avg":
		return total / n
	case s.Func == "sum" && s.Arg.ID() == arrow.INT64:
		if v, acc := sum.Int64(); acc == big.Exact {
			return v
		}
		return nil
	case s.Func == "sum":
		return total
	case n < 2:
		return nil
	case special:
		return math.NaN()
	}
	m := squares.Sub(squares, sum.Quo(sum.Mul(sum, sum), exact(n)))
	f, _ := m.Float64()
	return math.Sqrt(max(f, 0) / (n - 1))
}

func exact(f float64) *big.Float {
	x := new(big.Float).SetPrec(4400)
	if f == f && !math.IsInf(f, 0) {
		x.SetFloat64(f)
	}
	return x
}

// feed adds the given rows to a table in one Update.
func (d *data) feed(t *testing.T, r *rand.Rand, table *Table, rows []int) {
	mem := checked(t)
	var keys, args []arrow.Array
	column := func(dt arrow.DataType, at func(i int) any) arrow.Array {
		vals := make([]any, len(rows))
		for k, i := range rows {
			vals[k] = at(i)
		}
		return build(mem, r, dt, vals)
	}
	for k, dt := range d.keyTypes {
		keys = append(keys, column(dt, func(i int) any { return d.keys[i][k] }))
	}
	for k, s := range d.specs {
		if s.Arg == nil {
			args = append(args, nil)
			continue
		}
		args = append(args, column(s.Arg, func(i int) any { return d.args[i][k] }))
	}
	var ord [4]arrow.Array
	for k := range ord {
		ord[k] = column(arrow.PrimitiveTypes.Int64, func(i int) any { return d.order[i][k] })
	}
	if err := table.Update(keys, args, Order{Time: ord[0], Partition: ord[1], Seq: ord[2], Child: ord[3]}, len(rows)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { release(keys); release(args); release(ord[:]) })
}

// results shows a table's results by key.
func results(table *Table, sel kernel.Sel) map[string]string {
	keys, vals := table.Keys(sel), table.Results(sel)
	defer release(keys)
	defer release(vals)
	n := table.Len()
	if sel != nil {
		n = len(sel)
	}
	out := map[string]string{}
	for i := range n {
		var k []string
		for _, a := range keys {
			k = append(k, show(a, i))
		}
		v := ""
		for _, a := range vals {
			v += show(a, i) + "; "
		}
		out["("+strings.Join(k, ", ")+")"] = v
	}
	return out
}

func wantResults(t *testing.T, d *data, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d groups, want %d", len(got), len(want))
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if got[k] != want[k] {
			t.Fatalf("%v by %v: group %s is\n%s, want\n%s", d.specs, d.keyTypes, k, got[k], want[k])
		}
	}
}

// moveInto merges a table into another through its partial states, in two parts.
func moveInto(t *testing.T, r *rand.Rand, to, from *Table) {
	cut := r.IntN(from.Len() + 1)
	all := make(kernel.Sel, from.Len())
	for i, p := range r.Perm(from.Len()) {
		all[i] = int32(p)
	}
	for _, sel := range []kernel.Sel{all[:cut:cut], all[cut:]} {
		keys, states := from.Keys(sel), from.States(sel)
		if err := to.Merge(keys, states, len(sel)); err != nil {
			t.Fatal(err)
		}
		release(keys)
		release(states)
	}
}

// TestAgainstTwin: whatever the keys, aggregates, spellings, splits and order of
// merges, the results are those of the row-at-a-time twin, bit for bit.
func TestAgainstTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		keyTypes := rapid.SliceOfN(rapid.SampledFrom(allTypes()), 0, 3).Draw(rt, "keys")
		specs := rapid.SliceOfN(rapid.SampledFrom(allSpecs()), 1, 5).Draw(rt, "specs")
		if rapid.Bool().Draw(rt, "numbers only") {
			specs = rapid.SliceOfN(rapid.SampledFrom(numberSpecs()), 2, 5).Draw(rt, "specs")
		}
		rows := rapid.SampledFrom([]int{0, 1, 10, 100, 3000}).Draw(rt, "rows")
		d := drawData(r, keyTypes, specs, rows)
		mem := checked(t)

		tables := make([]*Table, 1+r.IntN(4))
		for i := range tables {
			tables[i] = NewTable(mem, keyTypes, specs)
		}
		order := r.Perm(rows)
		if r.IntN(2) == 0 {
			slices.Sort(order)
		}
		for len(order) > 0 {
			n := 1 + r.IntN(len(order))
			d.feed(t, r, tables[r.IntN(len(tables))], order[:n])
			order = order[n:]
		}
		for len(tables) > 1 {
			k := r.IntN(len(tables) - 1)
			moveInto(t, r, tables[k], tables[len(tables)-1])
			tables[len(tables)-1].Release()
			tables = tables[:len(tables)-1]
		}
		defer tables[0].Release()
		wantResults(t, &d, results(tables[0], nil), d.twin())
		checkHashes(t, tables[0])
	})
}

func checkHashes(t *testing.T, table *Table) {
	t.Helper()
	keys := table.Keys(nil)
	defer release(keys)
	if got, want := table.Hashes(), kernel.HashRows(keys, make([]uint64, table.Len())); !slices.Equal(got, want) {
		t.Fatalf("hashes %x, want %x", got, want)
	}
}
