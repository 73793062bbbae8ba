package idag_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd/fn"
)

// tariff prices energy: a function that keeps all rows and writes a column.
func tariff() fn.Func {
	return fn.Func{
		Name: "tariff", Version: "2026-1", Rows: fn.Keeps,
		Doc:    "The price of an amount of energy, in cents.",
		Reads:  []fn.Column{{Name: "wh", Type: arrow.PrimitiveTypes.Float64}},
		Writes: []fn.Column{{Name: "cents", Type: arrow.PrimitiveTypes.Float64}},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			wh, _ := in.Columns[0].(*array.Float64)
			cents := array.NewFloat64Builder(in.Mem)
			defer cents.Release()
			for i := range in.Rows {
				if wh.IsNull(i) {
					cents.AppendNull()
					continue
				}
				cents.Append(wh.Value(i) * 0.03)
			}
			return fn.Output{Columns: []arrow.Array{cents.NewArray()}}, nil
		},
	}
}

// median is an aggregate: the value in the middle.
func median() fn.Aggregate {
	number := arrow.PrimitiveTypes.Float64
	return fn.Aggregate{
		Name: "median", Version: "1", Doc: "The value in the middle, exactly.",
		Args: []fn.Column{{Name: "x", Type: number}}, Result: number,
		Init: func() fn.State { return &values{} },
	}
}

// values are all values of a group. Sorted, they do not tell in which order they came.
type values struct{ list []float64 }

func (v *values) Update(in []arrow.Array, rows []int32) error {
	x, _ := in[0].(*array.Float64)
	for _, i := range rows {
		if x.IsValid(int(i)) {
			v.list = append(v.list, x.Value(int(i)))
		}
	}
	return nil
}

func (v *values) Merge(state []byte) error {
	for ; len(state) >= 8; state = state[8:] {
		v.list = append(v.list, math.Float64frombits(binary.LittleEndian.Uint64(state)))
	}
	if len(state) > 0 {
		return errors.New("a state is a list of doubles")
	}
	return nil
}

func (v *values) AppendState(b []byte) []byte {
	slices.Sort(v.list)
	for _, x := range v.list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

func (v *values) Result(b array.Builder) {
	out, ok := b.(*array.Float64Builder)
	if !ok || len(v.list) == 0 {
		b.AppendNull()
		return
	}
	slices.Sort(v.list)
	out.Append(v.list[(len(v.list)-1)/2])
}

func (v *values) Size() int64 { return int64(8 * cap(v.list)) }

// planned prices energy by a plan that the job names.
func planned() fn.Func {
	prices := map[any]float64{"day": 0.03, "night": 0.02}
	return fn.Func{
		Name: "planned", Version: "1", Rows: fn.Keeps,
		Doc:    "The price of an amount of energy by a plan, in cents.",
		Reads:  []fn.Column{{Name: "wh", Type: arrow.PrimitiveTypes.Float64}, {Name: "plan", Type: arrow.BinaryTypes.String}},
		Writes: []fn.Column{{Name: "cents", Type: arrow.PrimitiveTypes.Float64}},
		Verify: func(known fn.Known) error {
			for _, plan := range known["plan"] {
				if _, ok := prices[plan]; !ok {
					return fmt.Errorf("there is no plan %q; there are day and night", plan)
				}
			}
			return nil
		},
		Run: func(_ context.Context, in fn.Input) (fn.Output, error) {
			wh, _ := in.Columns[0].(*array.Float64)
			plan, _ := in.Columns[1].(*array.String)
			cents := array.NewFloat64Builder(in.Mem)
			defer cents.Release()
			for i := range in.Rows {
				if price, ok := prices[plan.Value(i)]; ok && wh.IsValid(i) && plan.IsValid(i) {
					cents.Append(wh.Value(i) * price)
				} else {
					cents.AppendNull()
				}
			}
			return fn.Output{Columns: []arrow.Array{cents.NewArray()}}, nil
		},
	}
}

const misspelt = `
job: priced
labels: [error, backup, information]
datasets:
  bills:
    - read: {generate: {events: meter, rows: 10000}}
    - tag: {column: kind}
    - map: {for: information, set: {plan: "'nigth'"}}
    - apply: {for: information, func: planned, columns: {cents: price}}
    - write: {console: {format: json}}
`

// An option is a column that is the same in all rows; one that cannot be is found before
// there are any.
func Example_options() {
	kinds := idag.Kinds()
	job, err := jobfile.Parse("priced.yaml", []byte(misspelt), nil, kinds)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = idag.Local(context.Background(), job.Using(fn.NewSet(planned())), idag.Config{Kinds: kinds, Out: os.Stdout})
	fmt.Println(err)
	// Output:
	// priced.yaml:8:44: there is no plan "nigth"; there are day and night
}

const priced = `
job: priced
labels: [error, backup, information]
datasets:
  bills:
    - read: {generate: {events: meter, rows: 10000}}
    - tag: {column: kind}
    - apply: {for: information, func: tariff, columns: {cents: price}}
    - reduce: {from: information, get: {n: count(), typical: median(price)}}
    - write: {console: {format: json}}
`

// TestOwnFunctionsPage: the page shows the code of the example.
func TestOwnFunctionsPage(t *testing.T) {
	page, err := os.ReadFile("docs/own-functions.md")
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile("functions_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for i, block := range strings.Split(string(page), "```") {
		_, code, _ := strings.Cut(block, "\n")
		if i%2 == 0 || strings.HasPrefix(code, "func main") || strings.HasPrefix(code, "$ idag") {
			continue
		}
		if shown++; !strings.Contains(string(src), code) {
			t.Errorf("the page shows code that is not run:\n%s", code)
		}
	}
	if shown != 5 {
		t.Errorf("%d blocks of code are checked, want 5", shown)
	}
}

// A program brings a function and an aggregate of its own, and a job file calls them.
func Example_functions() {
	kinds := idag.Kinds()
	job, err := jobfile.Parse("priced.yaml", []byte(priced), nil, kinds)
	if err != nil {
		fmt.Println(err)
		return
	}
	job = job.Using(fn.NewSet(tariff(), median()))
	if _, err := idag.Local(context.Background(), job, idag.Config{Kinds: kinds, Out: os.Stdout}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"_label":"bills","n":8025,"typical":29.993999999999996}
}
