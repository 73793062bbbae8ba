package generate_test

import (
	"fmt"
	"testing"

	"github.com/idag/idag/internal/learn"
	"github.com/idag/idag/internal/learn/fed"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/rdd"
)

// features are what a car knows of itself and of its road.
func features(t testing.TB, e event) []float64 {
	next := 0.0
	if e["distance_to_charging_point"] != "(null)" {
		next = e.num(t, "distance_to_charging_point")
	}
	conditions := factor(e["weather"]) * factor(e["traffic"]) * factor(e["road_gradient"])
	return []float64{e.num(t, "current_speed"), e.num(t, "battery_capacity"), e.num(t, "charge"), e.num(t, "consumption"),
		e.num(t, "location"), e.num(t, "battery_life"), next, conditions}
}

// byNode returns the rows of each node, without failed sensors.
func byNode(t testing.TB, seed int) [4]learn.Rows {
	names := []string{"node1_data", "node2_data", "node3_data", "node4_data"}
	events := fleet(t, rdd.Options{"topics": names, "trips": 2, "faults": 0, "seed": seed})
	var out [4]learn.Rows
	for i, name := range names {
		out[i].Width = 8
		for _, e := range events[name] {
			out[i].X = append(out[i].X, features(t, e)...)
			y := 0.0
			if e["reach"] == "true" {
				y = 1
			}
			out[i].Y = append(out[i].Y, y)
		}
	}
	return out
}

// accuracy over all nodes' rows.
func accuracy(t testing.TB, m learn.Model, nodes [4]learn.Rows) float64 {
	t.Helper()
	var all score.Confusion
	for _, rows := range nodes {
		p := make([]float64, rows.Len())
		if err := m.Predict(rows, p); err != nil {
			t.Fatal(err)
		}
		all.Add(must(score.Confuse(p, rows.Y, 0.5)))
	}
	return all.Accuracy()
}

// The label reach can be learned, and across nodes: four nodes whose roads differ
// make one model for other days, better than always saying what is more frequent,
// and than the nodes' own models in the mean. (Not than the best of them: what node
// 4 hears is nearly enough.)
func TestFleetIsLearned(t *testing.T) {
	train, test := byNode(t, 3), byNode(t, 4)
	moments := must(learn.NewMoments(8))
	for _, rows := range train {
		if err := moments.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	scaler := moments.Standard()
	ones, count := 0.0, 0.0
	for i := range train {
		for _, rows := range []learn.Rows{train[i], test[i]} {
			if err := scaler.Apply(rows, rows.X); err != nil {
				t.Fatal(err)
			}
		}
		for _, y := range test[i].Y {
			ones += y
			count++
		}
	}
	global := must(learn.NewNetwork(1, 8, 12, 8, 1))
	local := global.Clone()
	tally := must(fed.Method{By: "samples"}.Tally(221, 0))
	alone := [4]float64{}
	for round := range 12 {
		tally.Reset(int64(round))
		for i, rows := range train {
			if err := local.SetParams(global.Params()); err != nil {
				t.Fatal(err)
			}
			if err := local.Update(rows, learn.Training{Seed: uint64(round), Epochs: 4, Rate: 0.003}); err != nil {
				t.Fatal(err)
			}
			u := fed.Update{Node: fmt.Sprint(i), Version: int64(round), Samples: int64(rows.Len()), Params: local.Params()}
			if err := tally.Add(u); err != nil {
				t.Fatal(err)
			}
		}
		mean := make([]float64, 221)
		if err := tally.Result(mean); err != nil {
			t.Fatal(err)
		}
		if err := global.SetParams(mean); err != nil {
			t.Fatal(err)
		}
	}
	// As many epochs, without the others.
	for i, rows := range train {
		m := must(learn.NewNetwork(1, 8, 12, 8, 1))
		if err := m.Update(rows, learn.Training{Seed: 1, Epochs: 48, Rate: 0.003}); err != nil {
			t.Fatal(err)
		}
		alone[i] = accuracy(t, m, test)
	}
	often := max(ones, count-ones) / count
	got := accuracy(t, global, test)
	t.Logf("accuracy %.3f; the more frequent class %.3f; nodes alone %.3f", got, often, alone)
	if got < often+0.1 || got < 0.8 {
		t.Errorf("accuracy %.3f, the more frequent class alone %.3f", got, often)
	}
	if mean := (alone[0] + alone[1] + alone[2] + alone[3]) / 4; got < mean+0.02 {
		t.Errorf("accuracy %.3f, of the nodes alone %.3f in the mean", got, mean)
	}
}
