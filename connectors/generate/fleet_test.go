package generate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// event is a row of ev-fleet by column, as text; a null is "(null)".
type event map[string]string

func (e event) num(t testing.TB, column string) float64 {
	v, err := strconv.ParseFloat(e[column], 64)
	if err != nil {
		t.Fatalf("%s of %v: %v", column, e, err)
	}
	return v
}

func (e event) time(t testing.TB) time.Time {
	at, err := time.Parse(time.RFC3339, e["timestamp"])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func fleetColumns(t testing.TB, s connectors.Source) []string {
	schema, err := s.Schema(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range schema.Fields() {
		out = append(out, f.Name)
	}
	return out
}

// fleet returns the events of each topic, in sequence.
func fleet(t testing.TB, o rdd.Options) map[string][]event {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	all := rdd.Options{"events": "ev-fleet"}
	maps.Copy(all, o)
	s := open(t, mem, all)
	defer func() { _ = s.Close() }()
	columns := fleetColumns(t, s)
	out := map[string][]event{}
	for _, split := range cuts(t, s, 1000) {
		for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: columns, Rows: 300, Mem: mem}) {
			if err != nil {
				t.Fatal(err)
			}
			for i := range int(f.Batch.NumRows()) {
				e := event{}
				for j, c := range columns {
					e[c] = f.Batch.Column(j).ValueStr(i)
				}
				out[split.Name] = append(out[split.Name], e)
			}
		}
	}
	return out
}

// perCar returns the events of each car and day, in sequence of time.
func perCar(t testing.TB, o rdd.Options) map[string][]event {
	all := rdd.Options{"topics": []string{"electric_car_data"}}
	maps.Copy(all, o)
	out := map[string][]event{}
	for _, e := range fleet(t, all)["electric_car_data"] {
		key := e["timestamp"][:10] + " " + e["car_id"]
		out[key] = append(out[key], e)
	}
	return out
}

// The first rows, and some later ones: a change of the simulation changes every
// result that stands on it, and must be meant.
func TestFleetGolden(t *testing.T) {
	events := fleet(t, rdd.Options{"topics": []string{"electric_car_data"}})["electric_car_data"]
	var got strings.Builder
	columns := []string{"timestamp", "car_id", "model", "current_speed", "battery_capacity", "charge", "consumption", "location", "node", "car_status", "distance_covered",
		"battery_life", "distance_to_charging_point", "weather", "traffic", "road_gradient", "emergency", "emergency_duration", "charging", "kind", "threshold", "reach"}
	for _, i := range []int{0, 1, 2, 12, 13, 2000, len(events) - 1} {
		for _, c := range columns {
			got.WriteString(events[i][c] + " ")
		}
		got.WriteString("\n")
	}
	if want := fleetGolden; got.String() != want {
		t.Errorf("%d events:\n%swant\n%s", len(events), got.String(), want)
	}
}

const fleetGolden = `2026-01-05T00:00:00Z car1 D 50 50 98.85590666666667 0.086456 110.83333333333333 node1 driving 0.8333333333333286 98 39.16666666666667 sunny light uphill (null) (null) false information false false 
2026-01-05T00:00:00Z car2 L 80 40 80.49814222222223 0.15055733333333335 11.333333333333334 node1 driving 1.333333333333334 98 138.66666666666666 sunny light uphill (null) (null) false information false true 
2026-01-05T00:00:00Z car3 F 70 55 93.81946127946128 0.08511111111111111 1.1666666666666667 node1 driving 1.1666666666666667 100 148.83333333333334 sunny light flat (null) (null) false information false false 
2026-01-05T00:00:00Z car13 S 60 35 89.6238 0.13166999999999995 1 node1 driving 1 91 149 sunny light flat (null) (null) false information false true 
2026-01-05T00:01:00Z car1 D 55 50 98.681108468 0.09534447200000001 111.75 node1 driving 1.75 97.999 38.25 sunny light uphill (null) (null) false information false false 
2026-01-05T02:33:00Z car12 N 78.07760493241403 45 48.81302347502377 0.11485422933844176 577.1207607062107 node4 driving 154.12076070621072 98.847 (null) sunny light uphill (null) (null) false information true false 
2026-01-05T11:35:00Z car8 H 99.74380059502977 48 6.030642058623195 0.3102718564271542 600 node4 arrived 600 92.305 (null) rainy heavy uphill (null) (null) false information true true 
`

// factor returns what a condition does to the consumption.
func factor(name string) float64 {
	return map[string]float64{"rainy": 1.1, "snowy": 1.2, "moderate": 1.1, "heavy": 1.2, "uphill": 1.2, "downhill": 0.8}[name] + map[string]float64{"sunny": 1, "light": 1, "flat": 1}[name]
}

// The cars of the study: kWh/km at 90 km/h, km and percent at the start.
var uses = map[string]float64{"D": 0.13, "L": 0.14, "F": 0.11, "M": 0.16, "C": 0.10, "G": 0.12, "K": 0.11, "H": 0.17, "J": 0.11, "E": 0.14, "Z": 0.09, "N": 0.11, "S": 0.19}

// What holds of every event and from each to the next, for any seed: the values
// shown are the values used.
func TestFleetInvariants(t *testing.T) {
	drifts := []string{"none", "winter", "traffic", "both"}
	for seed := range 6 {
		for key, events := range perCar(t, rdd.Options{"seed": seed, "cars": 3 + seed*seed, "faults": 0.0, "drift": drifts[seed%4], "start": "1969-12-31T00:00:00Z"}) {
			for i, e := range events {
				steady(t, key, e)
				if i > 0 {
					follows(t, key, events[i-1], e)
				}
			}
			last := events[len(events)-1]
			if s := last["car_status"]; s != "arrived" && s != "empty" || s == "arrived" != (last["location"] == "600") || s == "empty" != (last["charge"] == "0") {
				t.Fatalf("%s ends as %v", key, last)
			}
		}
	}
}

// steady is what holds of one event.
func steady(t *testing.T, key string, e event) {
	charge, km, speed, life := e.num(t, "charge"), e.num(t, "location"), e.num(t, "current_speed"), e.num(t, "battery_life")
	node := "node1"
	for i, border := range []float64{150, 280, 420} {
		if km >= border {
			node = fmt.Sprintf("node%d", i+2)
		}
	}
	want := 0.0
	if speed > 0 {
		s := speed / 90
		want = (uses[e["model"]]*s + 0.002*(s-1)) * (1 + 0.5*(100-life)/100) * factor(e["weather"]) * factor(e["traffic"]) * factor(e["road_gradient"])
	}
	switch {
	case charge < 0 || charge > 100, km < 0 || km > 600, speed < 0 || speed > 200, life <= 0 || life > 100:
		t.Fatalf("%s: out of range: %v", key, e)
	case math.Abs(e.num(t, "consumption")-want) > 1e-12:
		t.Fatalf("%s: consumption of %v, want %v", key, e, want)
	case e["node"] != node:
		t.Fatalf("%s: %v is heard by %s", key, e, node)
	case e["threshold"] != fmt.Sprint(charge <= 50):
		t.Fatalf("%s: threshold of %v", key, e)
	case (e["charging"] == "true") != (e["car_status"] == "charging"), e["charging"] == "true" && speed != 0:
		t.Fatalf("%s: charges and drives: %v", key, e)
	case (e["emergency"] == "accident") != (e["car_status"] == "stopped"), e["emergency"] == "accident" && speed != 0:
		t.Fatalf("%s: an accident ahead: %v", key, e)
	case (e["emergency"] == "(null)") != (e["emergency_duration"] == "(null)"):
		t.Fatalf("%s: how long? %v", key, e)
	case e["emergency"] != "(null)" && (e.num(t, "emergency_duration") < 5 || e.num(t, "emergency_duration") > 15):
		t.Fatalf("%s: too long: %v", key, e)
	}
	next := "(null)"
	for _, at := range []float64{460, 270, 150} {
		if at >= km {
			next = strconv.FormatFloat(at-km, 'g', -1, 64)
		}
	}
	if got := e["distance_to_charging_point"]; got != next && math.Abs(e.num(t, "distance_to_charging_point")-must(strconv.ParseFloat(next, 64))) > 1e-9 {
		t.Fatalf("%s: the next station is %s away, not %s", key, next, got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// follows is what holds from one event of a car to the next.
func follows(t *testing.T, key string, before, e event) {
	moved := e.num(t, "location") - before.num(t, "location")
	lost := before.num(t, "charge") - e.num(t, "charge")
	switch {
	case e.time(t).Sub(before.time(t)) != time.Minute:
		t.Fatalf("%s: %s after %s", key, e["timestamp"], before["timestamp"])
	case moved < 0 || moved > e.num(t, "current_speed")/60+1e-9:
		t.Fatalf("%s: moved %v km at %s km/h", key, moved, e["current_speed"])
	case math.Abs(e.num(t, "distance_covered")-before.num(t, "distance_covered")-moved) > 1e-9:
		t.Fatalf("%s: moved %v km, covered %s after %s", key, moved, e["distance_covered"], before["distance_covered"])
	case math.Abs(before.num(t, "battery_life")-e.num(t, "battery_life")-0.001) > 1e-9:
		t.Fatalf("%s: life is %s after %s", key, e["battery_life"], before["battery_life"])
	}
	if e["charging"] == "true" {
		if moved != 0 || lost > 0 || lost < -1-1e-9 || !slices.Contains([]float64{150, 270, 460}, e.num(t, "location")) {
			t.Fatalf("%s: charges %v percent at km %s, going %v", key, -lost, e["location"], moved)
		}
		return
	}
	want := moved * e.num(t, "consumption") / e.num(t, "battery_capacity") * 100
	if e["car_status"] != "empty" && math.Abs(lost-want) > 1e-9 || lost < 0 {
		t.Fatalf("%s: lost %v percent, by its consumption %v: %v", key, lost, want, e)
	}
}

// Speed walks in small steps within bounds, if traffic and closures are taken out.
func TestFleetSpeed(t *testing.T) {
	for key, events := range perCar(t, rdd.Options{"faults": 0, "trips": 2}) {
		step, top := 5.0, 200.0
		if strings.HasSuffix(key, " car4") || strings.HasSuffix(key, " car11") {
			step, top = 10, 180
		}
		last := math.NaN()
		seen := 0.0
		for i, e := range events {
			if e["car_status"] != "driving" && e["car_status"] != "slowed" {
				last = math.NaN() // it walks on, unseen
				continue
			}
			base := e.num(t, "current_speed") / map[string]float64{"light": 1, "moderate": 0.8, "heavy": 0.6}[e["traffic"]]
			if e["car_status"] == "slowed" {
				base *= 2
			}
			if base > top+1e-9 || i > 10 && base < 70-1e-9 || math.Abs(base-last) > step+1e-9 {
				t.Fatalf("%s: %v km/h after %v", key, base, last)
			}
			if !math.IsNaN(last) {
				seen = max(seen, math.Abs(base-last))
			}
			last = base
		}
		if seen < step*0.8 {
			t.Errorf("%s: steps of at most %v", key, seen)
		}
	}
}

// Conditions persist: neighbours in time meet the same far more often than not, all
// cars of one place and time meet the same, and each kind comes about as often as
// it should.
func TestFleetConditions(t *testing.T) {
	changes, steps := map[string]int{}, 0
	shares, all := map[string]float64{}, 0.0
	places := map[string]string{}
	for key, events := range perCar(t, rdd.Options{"trips": 6}) {
		for i, e := range events {
			all++
			for _, c := range []string{"weather", "traffic", "road_gradient"} {
				shares[e[c]]++
				if i > 0 && e[c] != events[i-1][c] {
					changes[c]++
				}
			}
			steps++
			// Of two cars that stand charging at one station at one time.
			if e["charging"] == "true" {
				at := key[:10] + e["timestamp"] + e["location"]
				now := e["weather"] + e["traffic"] + e["road_gradient"]
				if was, ok := places[at]; ok && was != now {
					t.Fatalf("at %s: %s and %s", at, was, now)
				}
				places[at] = now
			}
		}
	}
	for c, most := range map[string]float64{"weather": 0.03, "traffic": 0.12, "road_gradient": 0.25} {
		if got := float64(changes[c]) / float64(steps); got > most || got == 0 {
			t.Errorf("%s changes in %.3f of the minutes", c, got)
		}
	}
	for name, want := range map[string]float64{"sunny": 0.6, "snowy": 0.15, "light": 0.6, "heavy": 0.15} {
		if got := shares[name] / all; math.Abs(got-want) > 0.08 {
			t.Errorf("%s in %.3f of the minutes, want %.2f", name, got, want)
		}
	}
}

// Emergencies begin in 2 of 97 minutes on the road without one; these events, and
// failed sensors, are errors, and nothing else is.
func TestFleetErrors(t *testing.T) {
	begun, could, failed, all := 0.0, 0.0, 0.0, 0.0
	lengths := map[string]int{}
	for key, events := range perCar(t, rdd.Options{"trips": 6, "faults": 0.02}) {
		left := 0.0
		for _, e := range events {
			onset := false
			fault := e["charge"] == "(null)" || e["current_speed"] == "(null)" || e["consumption"] == "(null)"
			all++
			if fault {
				failed++
			}
			if left == 0 && e["charging"] == "false" {
				could++
				if onset = e["emergency"] != "(null)"; onset {
					begun++
					left = e.num(t, "emergency_duration")
					lengths[e["emergency_duration"]]++
				}
			}
			if left > 0 && e["charging"] == "false" {
				if e["emergency"] == "(null)" {
					t.Fatalf("%s: over before its time: %v", key, e)
				}
				left--
			}
			if want := onset || fault; (e["kind"] == "error") != want {
				t.Fatalf("%s: error is %v of %v", key, want, e)
			}
		}
	}
	// Within five standard deviations.
	for what, c := range map[string][3]float64{"emergencies": {begun, could, 2.0 / 97}, "faults": {failed, all, 0.02}} {
		if sd := math.Sqrt(c[1] * c[2] * (1 - c[2])); math.Abs(c[0]-c[1]*c[2]) > 5*sd {
			t.Errorf("%v %s in %v minutes, want %v", c[0], what, c[1], c[1]*c[2])
		}
	}
	if len(lengths) != 11 {
		t.Errorf("lengths %v", lengths)
	}
}

// reach is what happens: a car that drives on without charging and passes the
// station after the next, or the end, has its 10 percent there or has not.
func TestFleetReach(t *testing.T) {
	said := map[string]int{}
	for key, events := range perCar(t, rdd.Options{"trips": 3, "faults": 0}) {
		for i, e := range events {
			said[e["reach"]]++
			km := e.num(t, "location")
			target := 600.0
			if km < 150 {
				target = 270
			} else if km < 270 {
				target = 460
			}
			for _, f := range events[i+1:] {
				if f["charging"] == "true" {
					break // the future without charging is another
				}
				if f["car_status"] == "empty" && f.num(t, "location") < target && e["reach"] != "true" {
					t.Fatalf("%s: empty at km %s, and %v said it would reach %v", key, f["location"], e, target)
				}
				if f.num(t, "location") >= target {
					// Within what the last minute took beyond the target.
					over := (f.num(t, "location") - target) * f.num(t, "consumption") / f.num(t, "battery_capacity") * 100
					left := f.num(t, "charge") + over
					if math.Abs(left-10) > 1e-9 && (e["reach"] == "true") != (left < 10) {
						t.Fatalf("%s: %v percent at km %v, and reach was %s", key, left, target, e["reach"])
					}
					break
				}
			}
		}
	}
	if share := float64(said["true"]) / float64(said["true"]+said["false"]); share < 0.2 || share > 0.8 {
		t.Errorf("reach is true of %.3f", share)
	}
}

// Topics divide the events: the nodes' hold what all cars send, each once; a node's
// server topic repeats them as backup.
func TestFleetTopics(t *testing.T) {
	names := []string{"electric_car_data"}
	for i := 1; i <= 4; i++ {
		names = append(names, fmt.Sprintf("node%d_data", i), fmt.Sprintf("node%d_server_data", i))
	}
	topics := fleet(t, rdd.Options{"topics": names, "trips": 2})
	seen := map[string]event{}
	for i := 1; i <= 4; i++ {
		own, server := topics[fmt.Sprintf("node%d_data", i)], topics[fmt.Sprintf("node%d_server_data", i)]
		if len(own) == 0 || len(own) != len(server) {
			t.Fatalf("node %d: %d events, %d handed on", i, len(own), len(server))
		}
		for j, e := range own {
			if e["node"] != fmt.Sprintf("node%d", i) || j > 0 && e["timestamp"] < own[j-1]["timestamp"] {
				t.Fatalf("node %d, event %d: %v", i, j, e)
			}
			seen[e["timestamp"]+e["car_id"]] = e
			raw := maps.Clone(server[j])
			if raw["kind"] != "backup" {
				t.Fatalf("%v", raw)
			}
			raw["kind"] = e["kind"]
			if !reflect.DeepEqual(raw, e) {
				t.Fatalf("%v is handed on as %v", e, raw)
			}
		}
	}
	for _, e := range topics["electric_car_data"] {
		if !reflect.DeepEqual(seen[e["timestamp"]+e["car_id"]], e) {
			t.Fatalf("%v is not a node's", e)
		}
	}
	if len(topics["electric_car_data"]) != len(seen) {
		t.Errorf("%d events, the nodes have %d", len(topics["electric_car_data"]), len(seen))
	}
}

// What the schema says that a column can hold is what there is: all of it comes, of the
// nodes whose topics are read, and nothing else.
func TestFleetTellsItsValues(t *testing.T) {
	for _, topics := range []string{"electric_car_data", "node2_data,node4_server_data", "node1_server_data"} {
		o := rdd.Options{"events": "ev-fleet", "topics": topics, "cars": 3}
		schema := must(open(t, memory.NewGoAllocator(), o).Schema(context.Background()))
		said := map[string][]string{}
		for i, key := range schema.Metadata().Keys() {
			var list []string
			if err := json.Unmarshal([]byte(schema.Metadata().Values()[i]), &list); err != nil {
				t.Fatal(err)
			}
			said[strings.TrimPrefix(key, "idag.values.")] = list
		}
		if len(said) < 5 || len(said["car_id"]) != 3 || len(said["emergency"]) != 0 {
			t.Errorf("%v is said", said)
		}
		heard := map[string]bool{}
		for _, list := range fleet(t, o) {
			for _, e := range list {
				heard[e["node"]] = true
				for column, values := range said {
					if !slices.Contains(values, e[column]) {
						t.Fatalf("%s: %s is %q, and %v is said", topics, column, e[column], values)
					}
				}
			}
		}
		if len(heard) != len(said["node"]) {
			t.Errorf("%s: %v is heard, and %v is said", topics, heard, said["node"])
		}
	}
}

// Any piece of any topic can be made alone, by a source that has made nothing else
// or other trips meanwhile, with sound times and no byte left.
func TestFleetReplays(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	o := rdd.Options{"events": "ev-fleet", "cars": 3, "trips": 12, "seed": 5}
	s := open(t, mem, o)
	defer func() { _ = s.Close() }()
	other := open(t, mem, o)
	defer func() { _ = other.Close() }()
	all := cuts(t, s, 0)
	rapid.Check(t, func(rt *rapid.T) {
		whole := rapid.SampledFrom(all).Draw(rt, "split")
		piece := whole
		piece.First = rapid.Int64Range(0, whole.Rows-1).Draw(rt, "first")
		piece.Rows = rapid.Int64Range(0, min(whole.Rows-piece.First, 700)).Draw(rt, "rows")
		frame := rapid.IntRange(20, 3000).Draw(rt, "frame")
		read := func(s connectors.Source, split rdd.Split, frame int) (out []string) {
			for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: fleetColumns(t, s), Rows: frame, Mem: mem}) {
				if err != nil {
					rt.Fatal(err)
				}
				for i := range int(f.Batch.NumRows()) {
					var b strings.Builder
					for _, c := range f.Batch.Columns() {
						b.WriteString(c.ValueStr(i) + " ")
					}
					out = append(out, b.String())
					if at := int64(f.Batch.Column(0).(*array.Timestamp).Value(i)); at < whole.Times.Min || at > whole.Times.Max {
						rt.Fatalf("%d is not in %+v", at, whole.Times)
					}
				}
			}
			return out
		}
		if a, b := read(s, piece, 5000), read(other, piece, frame); len(a) != int(piece.Rows) || !slices.Equal(a, b) {
			rt.Fatalf("%d and %d rows of %+v differ", len(a), len(b), piece)
		}
	})
}

// Another seed makes other trips; drift makes the last worse than the first; more
// cars are more cars, and the first thirteen stay the same.
func TestFleetOptions(t *testing.T) {
	base, other := perCar(t, nil), perCar(t, rdd.Options{"seed": 2})
	if reflect.DeepEqual(base, other) {
		t.Error("the seed has no effect")
	}
	more := perCar(t, rdd.Options{"cars": 30})
	if len(base) != 13 || len(more) != 30 {
		t.Fatalf("%d and %d cars", len(base), len(more))
	}
	for key := range base {
		if !reflect.DeepEqual(base[key], more[key]) {
			t.Errorf("%s is another among more", key)
		}
	}
	// The share of a condition on the first two days and on the last two.
	shares := func(drift string) (first, last map[string]float64) {
		first, last = map[string]float64{}, map[string]float64{}
		n := map[bool]float64{}
		for key, events := range perCar(t, rdd.Options{"trips": 4, "drift": drift, "faults": 0}) {
			early := key < "2026-01-07"
			n[early] += float64(len(events))
			for _, e := range events {
				if early {
					first[e["weather"]]++
					first[e["traffic"]]++
				} else {
					last[e["weather"]]++
					last[e["traffic"]]++
				}
			}
		}
		for name := range first {
			first[name] /= n[true]
			last[name] /= n[false]
		}
		return first, last
	}
	for drift, grows := range map[string]map[string]bool{
		"none": {"snowy": false, "heavy": false}, "winter": {"snowy": true, "heavy": false}, "both": {"snowy": true, "heavy": true},
	} {
		first, last := shares(drift)
		for name, want := range grows {
			if last[name] > first[name]+0.15 != want {
				t.Errorf("drift %s: %s from %.2f to %.2f", drift, name, first[name], last[name])
			}
		}
	}
}

func TestFleetBadOptions(t *testing.T) {
	r := connectors.NewRegistry(generate.Kind())
	for _, c := range []struct {
		o    rdd.Options
		want string
	}{
		{rdd.Options{"cars": 0}, `"cars" of generate: expected 1 to 5000, got 0`},
		{rdd.Options{"cars": 5001}, `"cars" of generate: expected 1 to 5000, got 5001`},
		{rdd.Options{"trips": 0}, `"trips" of generate: expected 1 or more, and 3846 at the most with 13 cars, got 0`},
		{rdd.Options{"trips": int64(math.MaxInt64)}, `"trips" of generate: expected 1 or more, and 3846 at the most with 13 cars, got 9223372036854775807`},
		{rdd.Options{"faults": 1.5}, `"faults" of generate: expected a fraction from 0 to 1, got 1.5`},
		{rdd.Options{"faults": math.NaN()}, `"faults" of generate: expected a number, got NaN`},
		{rdd.Options{"drift": "hail"}, `"drift" of generate: "hail" is not one of none, winter, traffic, both`},
		{rdd.Options{"start": "noon"}, `"start" of generate: expected a time such as 2026-01-05T00:00:00Z, got "noon"`},
		{rdd.Options{"topics": []string{}}, `"topics" of generate: expected one at least`},
		{rdd.Options{"topics": "node5_data"}, `got "node5_data"`},
		{rdd.Options{"topics": []string{"node1_data", "node1_data"}}, `got "node1_data"`},
		{rdd.Options{"rows": 10}, `"rows" of generate: is of meter events; those of ev-fleet do not have it`},
		{rdd.Options{"disorder": "1 minute"}, `"disorder" of generate: is of meter events; those of ev-fleet do not have it`},
		{rdd.Options{"rate": math.NaN()}, `"rate" of generate: expected a number, got NaN`},
	} {
		c.o["events"] = "ev-fleet"
		_, err := r.Source(context.Background(), rdd.From("generate", c.o), connectors.Env{Mem: memory.NewGoAllocator()})
		if err == nil || fault.Of(err) != fault.Invalid || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%v\nwant %s", err, c.want)
		}
	}
}

// BenchmarkFleet makes all columns of thirteen cars on 100 days, and opens that.
func BenchmarkFleet(b *testing.B) {
	mem := memory.NewGoAllocator()
	n := int64(0)
	for b.Loop() {
		s := open(b, mem, rdd.Options{"events": "ev-fleet", "trips": 100})
		for _, split := range cuts(b, s, 0) {
			for f, err := range s.Read(context.Background(), split, rdd.Projection{Columns: fleetColumns(b, s), Rows: 1 << 14, Mem: mem}) {
				if err != nil {
					b.Fatal(err)
				}
				n += f.Batch.NumRows()
			}
		}
		_ = s.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrow/s")
}
