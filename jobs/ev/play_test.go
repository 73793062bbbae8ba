package ev_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/jobs/ev/state"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hour = int64(3600 * 1e6)

// example is a row to learn from: eight features and the result.
type example [9]float64

// cell is where examples belong.
type cell struct {
	round int64 // hours
	node  string
}

// heard is what each node hears in each hour, as ev_examples writes it.
type heard map[cell][]byte

func encode(t testing.TB, data map[cell][]example) heard {
	out := heard{}
	for c, list := range data {
		out[c] = rowsOf(t, list)
	}
	return out
}

// fleet returns what each node hears in each hour.
func fleet(t testing.TB, o rdd.Options) map[cell][]example {
	t.Helper()
	ctx := context.Background()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	all := rdd.Options{"events": "ev-fleet", "topics": []string{"electric_car_data"}}
	for k, v := range o {
		all[k] = v
	}
	src, err := connectors.NewRegistry(generate.Kind()).Source(ctx, rdd.From("generate", all), connectors.Env{Mem: mem})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	splits, _, err := src.Cut(ctx, "", rdd.Size{Rows: 1 << 20})
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	columns := []string{"timestamp", "node", "kind", "current_speed", "battery_capacity", "charge", "consumption", "location", "battery_life",
		"distance_to_charging_point", "weather", "traffic", "road_gradient", "reach"}
	out := map[cell][]example{}
	for _, s := range splits {
		for f, err := range src.Read(ctx, s, rdd.Projection{Columns: columns, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			gather(f.Batch, out)
		}
	}
	return out
}

func gather(b arrow.RecordBatch, out map[cell][]example) {
	at := map[string]arrow.Array{}
	for j, f := range b.Schema().Fields() {
		at[f.Name] = b.Column(j)
	}
	factor := map[string]float64{"rainy": 1.1, "snowy": 1.2, "moderate": 1.1, "heavy": 1.2, "uphill": 1.2, "downhill": 0.8}
	for i := range int(b.NumRows()) {
		if at["kind"].ValueStr(i) != "information" {
			continue
		}
		var e example
		for j, name := range []string{"current_speed", "battery_capacity", "charge", "consumption", "location", "battery_life", "distance_to_charging_point"} {
			if f, ok := at[name].(*array.Float64); ok && f.IsValid(i) {
				e[j] = f.Value(i)
			}
		}
		e[7] = 1
		for _, name := range []string{"weather", "traffic", "road_gradient"} {
			e[7] *= cmp.Or(factor[at[name].ValueStr(i)], 1)
		}
		if at["reach"].ValueStr(i) == "true" {
			e[8] = 1
		}
		when := int64(at["timestamp"].(*array.Timestamp).Value(i))
		c := cell{when / hour, at["node"].ValueStr(i)}
		out[c] = append(out[c], e)
	}
}

// table is columns by name, made of Go values for the functions.
type table struct {
	t    testing.TB
	mem  memory.Allocator
	cols map[string]arrow.Array
}

func newTable(t testing.TB) *table {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	tab := &table{t: t, mem: mem, cols: map[string]arrow.Array{}}
	t.Cleanup(func() {
		for _, a := range tab.cols {
			a.Release()
		}
		mem.AssertSize(t, 0)
	})
	return tab
}

// put makes a column; nil elements, and "" of state, are null.
func (tab *table) put(name string, typ arrow.DataType, values ...any) {
	if d, ok := typ.(*arrow.DictionaryType); ok {
		b := array.NewDictionaryBuilder(tab.mem, d).(*array.BinaryDictionaryBuilder)
		defer b.Release()
		for _, v := range values {
			if s, ok := v.(string); ok && s != "" {
				if err := b.AppendString(s); err != nil {
					tab.t.Fatal(err)
				}
				continue
			}
			b.AppendNull()
		}
		tab.set(name, b.NewArray())
		return
	}
	b := array.NewBuilder(tab.mem, typ)
	defer b.Release()
	b.Reserve(len(values))
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b.AppendNull()
		case string:
			b.(*array.StringBuilder).Append(v)
		case []byte:
			b.(*array.BinaryBuilder).Append(v)
		case float64:
			b.(*array.Float64Builder).Append(v)
		case int64:
			switch b := b.(type) {
			case *array.TimestampBuilder:
				b.Append(arrow.Timestamp(v))
			case *array.Int64Builder:
				b.Append(v)
			}
		}
	}
	tab.set(name, b.NewArray())
}

func (tab *table) set(name string, a arrow.Array) {
	if old, ok := tab.cols[name]; ok {
		old.Release()
	}
	tab.cols[name] = a
}

// apply runs a function over the columns; what it writes is added to them.
func (tab *table) apply(name string) error {
	tab.t.Helper()
	f, err := fn.NewSet(ev.Functions()...).Func(name)
	if err != nil {
		tab.t.Fatal(err)
	}
	in := fn.Input{Mem: tab.mem}
	for _, c := range f.Reads {
		in.Columns = append(in.Columns, tab.cols[c.Name])
		in.Rows = tab.cols[c.Name].Len()
	}
	out, err := f.Run(context.Background(), in)
	if err != nil {
		return err
	}
	for i, c := range f.Writes {
		if !arrow.TypeEqual(out.Columns[i].DataType(), c.Type) || out.Columns[i].Len() != in.Rows {
			tab.t.Fatalf("%s wrote %s of %d rows, declared %s of %d", c.Name, out.Columns[i].DataType(), out.Columns[i].Len(), c.Type, in.Rows)
		}
		tab.set(c.Name, out.Columns[i])
	}
	return nil
}

// reduce gives all rows to an aggregate, in parts that are merged, and returns its value.
func (tab *table) reduce(name string, parts int) []byte {
	tab.t.Helper()
	a, err := fn.NewSet(ev.Functions()...).Aggregate(name)
	if err != nil {
		tab.t.Fatal(err)
	}
	var in []arrow.Array
	for _, c := range a.Args {
		in = append(in, tab.cols[c.Name])
	}
	whole := a.Init()
	for p := range parts {
		var rows []int32
		for i := p; i < in[0].Len(); i += parts {
			rows = append(rows, int32(i))
		}
		part := a.Init()
		if err := part.Update(in, rows); err != nil {
			tab.t.Fatal(err)
		}
		if err := whole.Merge(part.AppendState(nil)); err != nil {
			tab.t.Fatal(err)
		}
	}
	b := array.NewBinaryBuilder(tab.mem, arrow.BinaryTypes.Binary)
	defer b.Release()
	whole.Result(b)
	out := b.NewArray().(*array.Binary)
	defer out.Release()
	return slices.Clone(out.Value(0))
}

func rowsOf(t testing.TB, list []example) []byte {
	tab := newTable(t)
	for j, name := range strings.Fields("f1 f2 f3 f4 f5 f6 f7 f8 y") {
		var col []any
		for _, e := range list {
			col = append(col, e[j])
		}
		tab.put(name, arrow.PrimitiveTypes.Float64, col...)
	}
	return tab.reduce("ev_examples", 3)
}

// played is what came of rounds.
type played struct {
	state    string
	right    []float64 // accuracy before training in each round, over all nodes
	scored   []int64   // rows that it is of
	versions []int64
	refused  []int64
	reasons  []string
	nodes    []int64
	stalest  []int64
	bytes    int64
	epsilon  float64
}

func coded() arrow.DataType {
	return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
}

// play goes through the rounds as the job does, without the engine.
func play(t testing.TB, how string, data heard) played {
	t.Helper()
	var rounds []int64
	for c := range data {
		rounds = append(rounds, c.round)
	}
	slices.Sort(rounds)
	var p played
	for _, r := range slices.Compact(rounds) {
		p.round(t, how, r, data)
	}
	return p
}

func (p *played) round(t testing.TB, how string, r int64, data heard) {
	tab := newTable(t)
	var hows, states, nodes, rows, starts, ends, nulls []any
	var names []string
	for c := range data {
		if c.round == r {
			names = append(names, c.node)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		hows, states, nodes = append(hows, how), append(states, p.state), append(nodes, n)
		rows = append(rows, data[cell{r, n}])
		starts, ends, nulls = append(starts, r*hour), append(ends, (r+1)*hour), append(nulls, nil)
	}
	time := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	tab.put("how", coded(), hows...)
	tab.put("state", coded(), states...)
	tab.put("node", coded(), nodes...)
	tab.put("rows", arrow.BinaryTypes.Binary, rows...)
	tab.put("window_start", time, starts...)
	tab.put("window_end", time, ends...)
	if err := tab.apply("ev_train"); err != nil {
		t.Fatal(err)
	}
	right, all := int64(0), int64(0)
	for i := range names {
		for _, c := range []string{"tp", "tn", "fp", "fn"} {
			v := tab.cols[c].(*array.Int64)
			if v.IsValid(i) && c[0] == 't' {
				right += v.Value(i)
			}
			if v.IsValid(i) {
				all += v.Value(i)
			}
		}
	}
	p.right, p.scored = append(p.right, float64(right)/float64(max(all, 1))), append(p.scored, all)
	tab.put("how", arrow.BinaryTypes.String, hows...)
	tab.put("node", arrow.BinaryTypes.String, nodes...)
	tab.put("rows", arrow.BinaryTypes.Binary, nulls...)
	subs := tab.reduce("ev_submissions", 2)
	server := newTable(t)
	server.put("how", coded(), how)
	server.put("state", coded(), p.state)
	server.put("submissions", arrow.BinaryTypes.Binary, subs)
	if err := server.apply("ev_advance"); err != nil {
		t.Fatal(err)
	}
	p.state = server.cols["state"].(*array.String).Value(0)
	p.versions = append(p.versions, server.cols["version"].(*array.Int64).Value(0))
	p.refused = append(p.refused, server.cols["refused"].(*array.Int64).Value(0))
	p.reasons = append(p.reasons, server.cols["reasons"].(*array.String).Value(0))
	p.nodes = append(p.nodes, server.cols["nodes"].(*array.Int64).Value(0))
	p.stalest = append(p.stalest, server.cols["stalest"].(*array.Int64).Value(0))
	p.bytes += server.cols["bytes_up"].(*array.Int64).Value(0) + server.cols["bytes_down"].(*array.Int64).Value(0)
	if e := server.cols["epsilon"].(*array.Float64); e.IsValid(0) {
		p.epsilon = e.Value(0)
	}
}

// params are the global model's in the end.
func (p *played) params(t testing.TB) []float64 {
	t.Helper()
	s, err := state.Decode(p.state)
	if err != nil {
		t.Fatal(err)
	}
	return s.Params
}

// refusals are all of them.
func (p *played) refusals() (n int64) {
	for _, r := range p.refused {
		n += r
	}
	return n
}

// tail is the accuracy over all rows of the last rounds.
func (p *played) tail(n int) float64 {
	right, all := 0.0, 0.0
	for i := max(len(p.right)-n, 0); i < len(p.right); i++ {
		right, all = right+p.right[i]*float64(p.scored[i]), all+float64(p.scored[i])
	}
	return right / all
}

// TestRoundsLearn proves that rounds of FedAvg over four nodes come to a model that
// beats the more frequent class by far, on rows that it was not trained on.
func TestRoundsLearn(t *testing.T) {
	data := fleet(t, rdd.Options{"trips": int64(4), "seed": int64(3)})
	ones, all := 0.0, 0.0
	for _, list := range data {
		for _, e := range list {
			ones, all = ones+e[8], all+1
		}
	}
	often := max(ones, all-ones) / all
	p := play(t, "model=nn;epochs=4;seed=1", encode(t, data))
	t.Logf("%d rounds, the more frequent class %.3f, the first rounds %.3f, the last ten %.3f", len(p.right), often, p.right[:6], p.tail(10))
	if p.right[0] != 0 || p.versions[0] != 1 || p.versions[len(p.versions)-1] != int64(len(p.versions)) {
		t.Errorf("the first round agrees on the scaler, each other makes a version: %v, %v", p.right[0], p.versions)
	}
	if got := p.tail(10); got < often+0.05 {
		t.Errorf("accuracy %.3f in the last rounds, the more frequent class has %.3f", got, often)
	}
	s, err := state.Decode(p.state)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Params) != 221 || s.Round != int64(len(p.right)) || len(s.Waiting) != 0 || len(s.Nodes) != 0 {
		t.Errorf("the state has %d parameters after %d rounds, %d waiting, %d nodes", len(s.Params), s.Round, len(s.Waiting), len(s.Nodes))
	}
}
