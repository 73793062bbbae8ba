package ev_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/jobs/ev/node"
	"github.com/idag/idag/jobs/ev/state"
	"github.com/idag/idag/rdd"
)

// models are the parameters of the global model after each round.
func models(t testing.TB, vars map[string]string) [][]float64 {
	t.Helper()
	var out [][]float64
	r := run(t, vars, func(j *rdd.Job, _ *engine.Config) {
		j.Settings.BatchRows = 10_000
		server := j.Sinks[slices.IndexFunc(j.Sinks, func(d *rdd.Dataset) bool { return d.Name() == "server" })].Parents()[0]
		j.Sinks = append(j.Sinks, server.Write(rdd.Write{From: 1 << 5, Connector: "memory", Options: rdd.Options{"name": "r/states"},
			Columns: []string{rdd.WindowStart, "state"}}).Named("states"))
		j.Schedule = []string{"states"}
	})
	rows := r.rows["states"]
	slices.SortFunc(rows, func(a, b memory.Row) int {
		at := func(r memory.Row) arrow.Timestamp { v, _ := r.Values[rdd.WindowStart].(arrow.Timestamp); return v }
		return int(at(a)/1e6 - at(b)/1e6)
	})
	for _, row := range rows {
		text, _ := row.Values["state"].(string)
		s, err := state.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s.Params)
	}
	return out
}

// furthest is the largest difference of two vectors.
func furthest(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

// TestFederatedIsCentralised proves, through the engine, what theory says: one local
// epoch of gradient descent over all rows, averaged by samples, is the step that one
// node with all rows takes.
func TestFederatedIsCentralised(t *testing.T) {
	for _, model := range []string{"nn", "linear", "logistic"} {
		vars := map[string]string{"model": model, "epochs": "1", "batch": "-1", "optimiser": "descent", "rate": "0.1"}
		federated := models(t, vars)
		vars["client"] = "'all'"
		centralised := models(t, vars)
		if len(federated) < 10 || len(federated) != len(centralised) {
			t.Fatalf("%s: %d and %d rounds", model, len(federated), len(centralised))
		}
		moved := furthest(federated[0], federated[len(federated)-1])
		for i := range federated {
			if d := furthest(federated[i], centralised[i]); d > 1e-9 {
				t.Errorf("%s: after round %d a parameter differs by %g", model, i+1, d)
			}
		}
		if moved < 0.01 {
			t.Errorf("%s: in all rounds no parameter moved by more than %g", model, moved)
		}
	}
}

// TestSeeds: the same seed gives the same model, another another.
func TestSeeds(t *testing.T) {
	last := func(seed string) []float64 {
		all := models(t, map[string]string{"seed": seed})
		return all[len(all)-1]
	}
	a, b, c := last("1"), last("1"), last("2")
	if !slices.Equal(a, b) {
		t.Errorf("one seed, two models, %g apart", furthest(a, b))
	}
	if furthest(a, c) < 0.01 {
		t.Error("two seeds, one model")
	}
}

// byCar is the fleet with a client of each car: thirteen in every round.
func byCar(t testing.TB, trips int64) heard {
	t.Helper()
	all := map[cell][]example{}
	// Cars differ by their batteries and ages, which no two share.
	for c, list := range fleet(t, rdd.Options{"trips": trips, "seed": int64(5), "faults": 0.0}) {
		for i, e := range list {
			c.node = string(rune('a' + (i+int(e[1]))%13))
			all[c] = append(all[c], e)
		}
	}
	return encode(t, all)
}

// TestPoison: with 3 of 13 clients sending the opposite of what they learned, ten times as
// strongly, the mean is ruined; the median, the trimmed mean and Krum are not.
func TestPoison(t *testing.T) {
	data := byCar(t, 3)
	good := play(t, "epochs=2", data)
	poisoned := func(method string) float64 {
		p := play(t, "epochs=2;poison=b:sign,f:sign,k:sign;method="+method, data)
		return p.tail(12)
	}
	clean, mean := good.tail(12), poisoned("samples")
	t.Logf("accuracy of the last twelve rounds: %.3f without poison; with it the mean has %.3f", clean, mean)
	if mean > clean-0.1 {
		t.Errorf("the mean of poisoned models has %.3f, of good ones %.3f: nothing to survive", mean, clean)
	}
	for _, method := range []string{"median", "trimmed:0.25", "krum:3"} {
		got := poisoned(method)
		t.Logf("%s has %.3f", method, got)
		if got < clean-0.06 || got < mean+0.05 {
			t.Errorf("%s of poisoned models has %.3f, the mean of good ones %.3f, of poisoned ones %.3f", method, got, clean, mean)
		}
	}
}

// TestBadModels: what is no model is refused with a reason, and the round is as if the
// node had not answered.
func TestBadModels(t *testing.T) {
	data := encode(t, fleet(t, rdd.Options{"trips": int64(1)}))
	without := play(t, "participants=node1,node2,node4", data)
	for kind, reason := range map[string]string{"nan": "not finite", "shape": "wrong shape", "garbage": "wrong shape", "version": "wrong version"} {
		p := play(t, "poison=node3:"+kind, data)
		if p.refusals() == 0 || !slices.ContainsFunc(p.reasons, func(r string) bool { return strings.Contains(r, reason) }) {
			t.Errorf("%s: %d refused, %q", kind, p.refusals(), p.reasons)
		}
		// The scaler knows node3 as well: only the counts can be compared.
		if n := p.versions[len(p.versions)-1]; n != without.versions[len(without.versions)-1] {
			t.Errorf("%s: version %d, without the node %d", kind, n, without.versions[len(without.versions)-1])
		}
		for i, n := range p.nodes {
			if i > 0 && n != without.nodes[i] {
				t.Errorf("%s: %d nodes in round %d, without the node %d", kind, n, i, without.nodes[i])
			}
		}
	}
}

// TestLarge: the sums of a large round give the model that the submissions one by one
// give, bit for bit, whatever else is in the round.
func TestLarge(t *testing.T) {
	data := byCar(t, 1)
	for _, how := range []string{
		"method=samples", "method=mean;poison=c:nan,d:shape", "method=accuracy;stale=a:1,b:2", "method=fedbuff",
		"method=samples;staleness=polynomial:0.5;stale=c:1;max_stale=3", "method=mean;clip=0.5;noise=0.1",
	} {
		one, sums := play(t, how+";keep=1000", data), play(t, how+";keep=3", data)
		if !slices.Equal(one.params(t), sums.params(t)) {
			t.Errorf("%s: models are %g apart", how, furthest(one.params(t), sums.params(t)))
		}
		if !slices.Equal(one.nodes, sums.nodes) || !slices.Equal(one.reasons, sums.reasons) || one.bytes != sums.bytes || !slices.Equal(one.stalest, sums.stalest) {
			t.Errorf("%s: %v %v %d bytes, %v\n%v %v %d bytes, %v", how, one.nodes, one.reasons, one.bytes, one.stalest, sums.nodes, sums.reasons, sums.bytes, sums.stalest)
		}
		if one.versions[len(one.versions)-1] < 5 {
			t.Errorf("%s: %d versions", how, one.versions[len(one.versions)-1])
		}
	}
}

// TestMethods: every aggregation and model learns.
func TestMethods(t *testing.T) {
	data := encode(t, fleet(t, rdd.Options{"trips": int64(2), "cars": int64(26), "seed": int64(3)}))
	for how, least := range map[string]float64{
		"method=mean": 0.72, "method=accuracy": 0.72, "method=fedavg": 0.72, "method=fedprox": 0.72, "method=fedasync": 0.7,
		"method=fedbuff;threshold=2": 0.7, "method=median": 0.7, "method=trimmed:0.25": 0.7,
		"threshold=2": 0.7, "stale=node1:2,node2:2;staleness=hinge:1:1": 0.6,
		"model=linear": 0.7, "model=logistic": 0.7, "model=forest": 0.6, "control=learned;budget=0.3": 0.7,
		"method=mean;clip=1;noise=0.01": 0.7, "warmup=3": 0.68,
	} {
		p := play(t, how, data)
		t.Logf("%s: %.3f, %d versions", how, p.tail(20), p.versions[len(p.versions)-1])
		if got := p.tail(20); got < least {
			t.Errorf("%s: accuracy %.3f in the last twenty rounds, expected %.2f", how, got, least)
		}
	}
}

// traffic is the bytes of all rounds, and the accuracy of the global model over rows.
func traffic(t testing.TB, vars map[string]string) (sent int64, accuracy float64) {
	t.Helper()
	r := run(t, vars, func(j *rdd.Job, _ *engine.Config) {
		j.Settings.BatchRows, j.Schedule = 10_000, []string{"rounds", "nodes"}
	})
	for _, row := range r.rows["rounds"] {
		up, _ := row.Values["bytes_up"].(int64)
		down, _ := row.Values["bytes_down"].(int64)
		sent += up + down
	}
	right, all := 0.0, 0.0
	for _, row := range r.rows["nodes"] {
		if v, ok := row.Values["accuracy_global"].(float64); ok {
			n, _ := row.Values["samples"].(int64)
			right, all = right+v*float64(n), all+float64(n)
		}
	}
	return sent, right / all
}

// TestControl proves that a schedule that is learned is worth more than a fixed one: with
// links that fail, it needs fewer bytes than one of two rounds, and the global model is
// better; and that exchanging in every round under control is what goes without.
func TestControl(t *testing.T) {
	with := func(pairs ...string) map[string]string {
		vars := map[string]string{"trips": "5", "link": "node1:0.5,node3:0.5"}
		for i := 0; i < len(pairs); i += 2 {
			vars[pairs[i]] = pairs[i+1]
		}
		return vars
	}
	fixedBytes, fixed := traffic(t, with("control", "fixed:2"))
	learnedBytes, learned := traffic(t, with("control", "learned", "budget", "0.25"))
	t.Logf("fixed:2 sends %d bytes for an accuracy of %.3f, learned %d for %.3f", fixedBytes, fixed, learnedBytes, learned)
	if learnedBytes >= fixedBytes || learned <= fixed {
		t.Errorf("fixed:2 sends %d bytes for an accuracy of %.3f, learned %d for %.3f", fixedBytes, fixed, learnedBytes, learned)
	}
	off, every := models(t, map[string]string{"method": "mean"}), models(t, map[string]string{"method": "mean", "control": "fixed:1"})
	for i := range off {
		if d := furthest(off[i], every[i]); d > 1e-9 {
			t.Fatalf("round %d: without control and with an exchange in every round, models are %g apart", i, d)
		}
	}
}

// TestPrivacy: noise is reported as what it is worth, and more of it is worth more.
func TestPrivacy(t *testing.T) {
	data := byCar(t, 1)
	little, much := play(t, "method=mean;clip=0.5;noise=0.5", data), play(t, "method=mean;clip=0.5;noise=2", data)
	if !(much.epsilon > 0 && much.epsilon < little.epsilon) {
		t.Errorf("epsilon %v with little noise, %v with more", little.epsilon, much.epsilon)
	}
	without := play(t, "method=mean;clip=0.5", data)
	if without.epsilon != 0 || furthest(without.params(t), little.params(t)) < 1e-3 {
		t.Errorf("epsilon %v without noise", without.epsilon)
	}
}

// TestGarbage: columns that hold anything are Invalid, never a panic; null is nothing.
func TestGarbage(t *testing.T) {
	time := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	good := play(t, "", encode(t, fleet(t, rdd.Options{"trips": int64(1), "cars": int64(3)})))
	for name, c := range map[string]struct{ how, state, rows, subs any }{
		"options": {"model=x", good.state, nil, nil},
		"state":   {"", "no state", []byte{1, 8}, nil},
		"rows":    {"", good.state, []byte("no rows"), []byte("no submissions")},
		"model":   {"model=linear", good.state, rowsOf(t, []example{{1}}), nil},
	} {
		tab := newTable(t)
		tab.put("how", coded(), c.how)
		tab.put("state", coded(), c.state)
		tab.put("node", coded(), "n")
		tab.put("rows", arrow.BinaryTypes.Binary, c.rows)
		tab.put("submissions", arrow.BinaryTypes.Binary, c.subs)
		tab.put("window_start", time, int64(0))
		tab.put("window_end", time, hour)
		for j := range 8 {
			tab.put("f"+string(rune('1'+j)), arrow.PrimitiveTypes.Float64, 1.0)
		}
		for _, f := range []string{"ev_train", "ev_advance", "ev_predict"} {
			err := tab.apply(f)
			if err != nil && fault.Of(err) != fault.Invalid {
				t.Errorf("%s, %s: %v", name, f, err)
			}
			if err == nil && !(name == "rows" && f == "ev_predict") {
				t.Errorf("%s: %s takes it", name, f)
			}
		}
	}
}

// TestSlices: columns that are parts of longer ones, at an offset and with nulls, are read
// as what they are.
func TestSlices(t *testing.T) {
	good := play(t, "", encode(t, fleet(t, rdd.Options{"trips": int64(1), "cars": int64(3)})))
	tab := newTable(t)
	tab.put("how", coded(), "", "", "model=nn", "", "")
	tab.put("state", coded(), "no state", good.state, "", good.state, good.state)
	tab.put("node", coded(), "x", "node1", "node2", "", "y")
	for j := range 8 {
		var last any
		if j > 0 {
			last = 2.5
		}
		tab.put("f"+string(rune('1'+j)), arrow.PrimitiveTypes.Float64, 9.9, 0.5*float64(j), 1.0, 30.0-float64(j), last)
	}
	for name, a := range tab.cols {
		tab.set(name, array.NewSlice(a, 1, 5))
	}
	if err := tab.apply("ev_predict"); err != nil {
		t.Fatal(err)
	}
	p := tab.cols["p"].(*array.Float64)
	if p.Len() != 4 || p.IsNull(0) || p.IsValid(1) || p.IsNull(2) || p.IsValid(3) || p.Value(0) == p.Value(2) {
		t.Fatalf("%v", p)
	}
	s, err := state.Decode(good.state)
	if err != nil {
		t.Fatal(err)
	}
	h, err := how.Parse("")
	if err != nil {
		t.Fatal(err)
	}
	model, err := node.NewPredictor(h, s)
	if err != nil {
		t.Fatal(err)
	}
	if want, ok, err := model.Predict("node1", &[8]float64{0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5}); err != nil || !ok || want != p.Value(0) {
		t.Errorf("%v, expected %v, %v", p.Value(0), want, err)
	}
}
