package generate

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

func fleetDoc() string {
	return `The events of ` + "`ev-fleet`" + ` are those of electric vehicles on a road of 600 km, with charging stations at km 150, 270 and 460
and four edge nodes that meet at km 150, 280 and 420: one event a car and simulated minute, until the car is at the end or
empty. Its columns are timestamp, car_id, model, current_speed (km/h), battery_capacity (kWh), charge (percent), consumption
(kWh/km), location (km), node (node1 to node4), car_status (driving, charging, stopped, slowed, arrived, empty),
distance_covered (km), battery_life (percent), distance_to_charging_point (km; null when no station is ahead), weather (sunny,
rainy, snowy), traffic (light, moderate, heavy), road_gradient (flat, uphill, downhill), emergency (accident, road closure; null
for none), emergency_duration (minutes in all; null without one), charging (boolean), kind, threshold and reach (booleans).

The values are those that were used in the minute, place and charge those after it. With s = current_speed / 90, consumption is
(c·s + 0.002·(s − 1)) · (1 + 0.5·(100 − battery_life)/100), c the car's own, times 1.1 for rainy and 1.2 for snowy weather, 1.1 and
1.2 for moderate and heavy traffic, 1.2 uphill and 0.8 downhill; a car that stands uses nothing. Traffic slows cars to 0.8 and 0.6 of
their speed, which changes by up to 5 km/h a minute between 70 and 200 (car4 and car11: by up to 10 between 70 and 180).
Weather is the same over 60 km and 90 minutes, traffic over 15 km and 30 minutes. In 2 of 97 minutes an emergency begins, of 5 to 15
minutes: an accident ahead (the car stands) or a road closure (half its speed). At 30 % and below a car goes to the next
station if it can get there, and charges a point a minute up to between 80 and 100 %.

kind is error where an emergency begins or a sensor fails, else information; backup is a node's raw records, as it hands them on.
The partitions are topics: node1_data to node4_data hold what each node hears, node1_server_data to node4_server_data the same rows as
backup, electric_car_data the rows of all four nodes (reading it besides them counts each twice). Rows are in sequence of time, and
several topics are read on together: all up to one moment.

threshold is charge <= 50: a model that is given charge has nothing to learn from it. reach is true where the car, without charging, will
not reach the station after the next with 10 % in reserve (without such a station: the end of the road). It is computed
from the future of the simulation, which no column shows.`
}

// allTopics are the names that partitions may have: all cars, each node, each
// node's backup.
func allTopics() []string {
	return append([]string{"electric_car_data"}, defaultTopics()...)
}

func defaultTopics() []string {
	return []string{"node1_data", "node2_data", "node3_data", "node4_data",
		"node1_server_data", "node2_server_data", "node3_server_data", "node4_server_data"}
}

const (
	maxCars     = 5_000
	maxCarTrips = 50_000    // simulated when the source is opened: some seconds
	keptRows    = 512 << 10 // of trips that are kept, 24 MB; two trips are kept in any case
)

// topic is a partition: the rows of one node, or of all.
type topic struct {
	name   string
	node   int // -1: all
	backup bool
	before []int64 // rows of the trips before each trip, and of all
}

// fleet draws the events of electric vehicles. A trip is simulated as a whole, and
// again when one of its rows is wanted; some are kept.
type fleet struct {
	schema *arrow.Schema
	cols   []fleetColumn
	dicts  map[int]*array.Data
	cars   []carSpec
	topics []topic
	start  int64
	roads  []road // one a trip
	faults float64

	tripRows int // about as many has a trip

	mu   sync.Mutex
	kept []*trip // the latest used last
}

// trip is the rows of a trip, by minute and then by car, and which a node heard.
type trip struct {
	number int
	once   sync.Once
	rows   []evRow
	heard  [nodes][]int32
}

func newFleet(o rdd.Options, mem memory.Allocator) (*fleet, error) {
	cars, _ := o["cars"].(int64)
	trips, _ := o["trips"].(int64)
	seed, _ := o["seed"].(int64)
	drift, _ := o["drift"].(string)
	f := &fleet{}
	f.faults, _ = o["faults"].(float64)
	switch {
	case cars < 1 || cars > maxCars:
		return nil, wrong("cars", "expected 1 to %d, got %d", maxCars, cars)
	case trips < 1 || cars*min(trips, maxCarTrips) > maxCarTrips:
		return nil, wrong("trips", "expected 1 or more, and %d at the most with %d cars, got %d", maxCarTrips/cars, cars, trips)
	case !(f.faults >= 0 && f.faults <= 1):
		return nil, wrong("faults", "expected a fraction from 0 to 1, got %v", f.faults)
	}
	var err error
	if f.start, err = startOf(o); err != nil {
		return nil, err
	}
	names, _ := o["topics"].([]string)
	if f.topics, err = topicsOf(names); err != nil {
		return nil, err
	}
	s := mix(uint64(seed) + golden)
	f.cars = makeCars(s, int(cars))
	f.tripRows = 350 * len(f.cars)
	f.roads = roadsOf(s, int(trips), drift)
	f.cols = fleetColumns()
	f.count()
	f.dicts = map[int]*array.Data{}
	said := map[string]string{}
	for i, c := range f.cols {
		if c.code != nil {
			names := c.names
			if names == nil {
				names = f.namesOf(c.name)
			}
			f.dicts[i] = values(mem, len(names), func(j int) string { return names[j] })
			if !c.null && len(names) <= mostSaid {
				text, err := json.Marshal(f.possible(c.name, names))
				if err != nil {
					return nil, fault.Wrap(fault.Bug, err)
				}
				said["idag.values."+c.name] = string(text)
			}
		}
	}
	f.schema = fleetSchema(f.cols, arrow.MetadataFrom(said))
	return f, nil
}

// mostSaid is how many values of a column the schema tells, so that a job's options can
// be checked against them: see [connectors.Source].
const mostSaid = 1000

// possible are those of the values of a column that can come: where only some nodes' topics
// are read, the others are not there.
func (f *fleet) possible(column string, names []string) []string {
	if column != "node" {
		return names
	}
	var out []string
	for i, name := range names {
		if slices.ContainsFunc(f.topics, func(t topic) bool { return t.node < 0 || t.node == i }) {
			out = append(out, name)
		}
	}
	return out
}

// topicsOf takes names, several of which may stand in one text between commas: a
// variable of a job is one text.
func topicsOf(texts []string) ([]topic, error) {
	var out []topic
	var names []string
	for _, t := range texts {
		for n := range strings.SplitSeq(t, ",") {
			names = append(names, strings.TrimSpace(n))
		}
	}
	for i, n := range names {
		at := slices.Index(allTopics(), n)
		if at < 0 || slices.Contains(names[:i], n) {
			return nil, wrong("topics", "expected each once and of %s, got %q", strings.Join(allTopics(), ", "), n)
		}
		t := topic{name: n, node: (at - 1) % nodes, backup: at > nodes}
		if at == 0 {
			t.node = -1
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, wrong("topics", "expected one at least")
	}
	return out, nil
}

// roadsOf makes the road of each trip; what drifts does so evenly.
func roadsOf(seed uint64, trips int, drift string) []road {
	out := make([]road, trips)
	for i := range out {
		out[i] = road{seed: seed, trip: uint64(i), snow: 0.15, heavy: 0.15}
		at := float64(i) / float64(max(trips-1, 1))
		if drift == "winter" || drift == "both" {
			out[i].snow += 0.45 * at
		}
		if drift == "traffic" || drift == "both" {
			out[i].heavy += 0.35 * at
		}
	}
	return out
}

// count simulates all trips to know how many rows each has for whom.
func (f *fleet) count() {
	for i := range f.topics {
		f.topics[i].before = make([]int64, 1, len(f.roads)+1)
	}
	for n := range f.roads {
		t := f.trip(n)
		for i := range f.topics {
			p := &f.topics[i]
			size := len(t.rows)
			if p.node >= 0 {
				size = len(t.heard[p.node])
			}
			p.before = append(p.before, p.before[n]+int64(size))
		}
	}
}

func (f *fleet) rows(p int) int64 {
	b := f.topics[p].before
	return b[len(b)-1]
}

// trip returns a trip, simulated now or some time ago.
func (f *fleet) trip(number int) *trip {
	f.mu.Lock()
	at := slices.IndexFunc(f.kept, func(t *trip) bool { return t.number == number })
	var t *trip
	if at >= 0 {
		t = f.kept[at]
		f.kept = slices.Delete(f.kept, at, at+1)
	} else {
		t = &trip{number: number}
	}
	f.kept = append(f.kept, t)
	if len(f.kept) > max(2, keptRows/f.tripRows) {
		f.kept = slices.Delete(f.kept, 0, 1)
	}
	f.mu.Unlock()
	t.once.Do(func() { f.simulate(t) })
	return t
}

func (f *fleet) simulate(t *trip) {
	var all []evRow
	for i, c := range f.cars {
		all = drive(c, i, f.roads[t.number], f.faults, all)
	}
	// By minute, keeping the order of cars: a counting sort.
	next := make([]int32, tripMinutes+1)
	for i := range all {
		next[all[i].minute+1]++
	}
	for i := range tripMinutes {
		next[i+1] += next[i]
	}
	t.rows = make([]evRow, len(all))
	for i := range all {
		m := all[i].minute
		t.rows[next[m]] = all[i]
		next[m]++
	}
	for i := range t.rows {
		n := nodeAt(t.rows[i].km)
		t.heard[n] = append(t.heard[n], int32(i))
	}
}

// each calls use for n rows of a partition, with their number from 0 on, their
// trip, and whether they are backup.
func (f *fleet) each(partition int32, first int64, n int, use func(i int, r *evRow, trip int, backup bool)) {
	p := &f.topics[partition]
	number, found := slices.BinarySearch(p.before, first)
	if !found {
		number--
	}
	for i := 0; i < n; number++ {
		from, to := max(first-p.before[number], 0), p.before[number+1]-p.before[number]
		if from >= to {
			continue // a trip without rows for this partition
		}
		t := f.trip(number)
		to = min(to, from+int64(n-i))
		for at := from; at < to; at++ {
			row := at
			if p.node >= 0 {
				row = int64(t.heard[p.node][at])
			}
			use(i, &t.rows[row], number, p.backup)
			i++
		}
	}
}

func (f *fleet) Schema() *arrow.Schema       { return f.schema }
func (f *fleet) Name(partition int32) string { return f.topics[partition].name }

func (f *fleet) Close() {
	for _, d := range f.dicts {
		d.Release()
	}
	clear(f.dicts)
}

// Times are exact: rows are in sequence of time.
func (f *fleet) Times(partition int32, first, n int64) rdd.TimeRange {
	if n == 0 {
		return rdd.TimeRange{}
	}
	r := rdd.TimeRange{Known: true}
	f.each(partition, first, 1, func(_ int, row *evRow, trip int, _ bool) { r.Min = f.time(row, trip) })
	f.each(partition, first+n-1, 1, func(_ int, row *evRow, trip int, _ bool) { r.Max = f.time(row, trip) })
	return r
}

func (f *fleet) time(r *evRow, trip int) int64 {
	return f.start + int64(trip)*(24*time.Hour).Microseconds() + int64(r.minute)*time.Minute.Microseconds()
}

// namesOf are the values of a column that has one a car.
func (f *fleet) namesOf(column string) []string {
	out := make([]string, len(f.cars))
	for i, c := range f.cars {
		out[i] = c.name
		if column == "model" {
			out[i] = c.model
		}
	}
	return out
}

// Draw makes a column.
func (f *fleet) Draw(mem memory.Allocator, c int, partition int32, first int64, n int) arrow.Array {
	col := f.cols[c]
	valid := buffer(mem, (n+7)/8)
	clear(valid.Bytes())
	nulls := n
	set := func(i int, ok bool) {
		if ok {
			valid.Bytes()[i/8] |= 1 << (i % 8)
			nulls--
		}
	}
	switch {
	case col.code != nil:
		return f.drawCodes(mem, c, partition, first, n, valid, set, &nulls)
	case col.flag != nil:
		buf := buffer(mem, (n+7)/8)
		clear(buf.Bytes())
		f.each(partition, first, n, func(i int, r *evRow, _ int, _ bool) {
			if col.flag(r) {
				buf.Bytes()[i/8] |= 1 << (i % 8)
			}
			set(i, true)
		})
		return fixed(col.typ, n, valid, buf, nulls)
	case col.number != nil:
		buf := buffer(mem, n*arrow.Float64SizeBytes)
		out := arrow.Float64Traits.CastFromBytes(buf.Bytes())
		f.each(partition, first, n, func(i int, r *evRow, _ int, _ bool) {
			v := col.number(r, &f.cars[r.car])
			set(i, !math.IsNaN(v))
			if math.IsNaN(v) {
				v = 0
			}
			out[i] = v
		})
		return fixed(col.typ, n, valid, buf, nulls)
	default: // whole numbers of 8 bytes
		buf := buffer(mem, n*arrow.Int64SizeBytes)
		out := arrow.Int64Traits.CastFromBytes(buf.Bytes())
		f.each(partition, first, n, func(i int, r *evRow, trip int, _ bool) {
			out[i] = int64(r.duration)
			set(i, col.name == "timestamp" || r.duration > 0)
			if col.name == "timestamp" {
				out[i] = f.time(r, trip)
			}
		})
		return fixed(col.typ, n, valid, buf, nulls)
	}
}

// drawCodes makes a dictionary column; it takes over valid.
func (f *fleet) drawCodes(mem memory.Allocator, c int, partition int32, first int64, n int, valid *memory.Buffer, set func(int, bool), nulls *int) arrow.Array {
	defer valid.Release()
	buf := buffer(mem, n*arrow.Int32SizeBytes)
	defer buf.Release()
	out := arrow.Int32Traits.CastFromBytes(buf.Bytes())
	f.each(partition, first, n, func(i int, r *evRow, _ int, backup bool) {
		v := f.cols[c].code(r, backup)
		set(i, v >= 0)
		out[i] = max(v, 0)
	})
	bufs := []*memory.Buffer{valid, buf}
	if *nulls == 0 {
		bufs[0] = nil
	}
	data := array.NewDataWithDictionary(f.cols[c].typ, n, bufs, *nulls, 0, f.dicts[c])
	defer data.Release()
	return array.NewDictionaryData(data)
}
