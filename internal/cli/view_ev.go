package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/bench/ev"
	"github.com/idag/idag/rdd"
)

// predictions is the output in which the job ev tells what it predicts for each event.
const predictions = "predictions"

// fleetView shows the job ev: rounds, nodes and cars.
type fleetView struct {
	job   *rdd.Job
	story ev.Story
	cars  map[string]carState
	names []string // of cars, in the order in which they were first seen
	clock int64    // event time of the latest prediction, microseconds
}

// carState is what is known of a car.
type carState struct {
	at     int64 // event time, microseconds
	node   string
	charge float64
	km     float64
	must   string // what the model of its node says
}

var _ view = (*fleetView)(nil)

func newFleetView(job *rdd.Job) *fleetView {
	return &fleetView{job: job, cars: map[string]carState{}}
}

func (f *fleetView) outputs() []string { return []string{ev.Nodes, ev.Rounds, predictions} }

// take tells one line a round.
func (f *fleetView) take(output string, rows []tap.Row) []string {
	var news []string
	for _, r := range rows {
		if output == predictions {
			f.car(r)
			continue
		}
		if f.story.Add(output, r) && output == ev.Rounds {
			news = append(news, f.round())
		}
	}
	return news
}

// car takes in what was predicted for an event.
func (f *fleetView) car(r tap.Row) {
	name, _ := r["car_id"].(string)
	at, _ := r["timestamp"].(arrow.Timestamp)
	c, known := f.cars[name]
	if name == "" || known && int64(at) < c.at {
		return // tasks finish in any order
	}
	if !known {
		f.names = append(f.names, name)
	}
	c.at = int64(at)
	c.node, _ = r["node"].(string)
	if v, ok := r["charge"].(float64); ok {
		c.charge = v
	}
	c.km, _ = r["location"].(float64)
	c.must = ""
	if must, ok := r["must_charge"].(bool); ok {
		c.must = "ok"
		if must {
			c.must = "charge"
		}
	}
	f.cars[name] = c
	f.clock = max(f.clock, c.at)
}

// round spells the last round.
func (f *fleetView) round() string {
	if len(f.story.Rounds) == 0 {
		return "no round yet"
	}
	r := f.story.Rounds[len(f.story.Rounds)-1]
	line := fmt.Sprintf("round %d  %s  model %d of %s, %s events", len(f.story.Rounds), r.End.Format("2006-01-02 15:04"), r.Version,
		count(r.Nodes, "node", "nodes"), thousands(r.Samples))
	if r.Tested {
		line += fmt.Sprintf(", accuracy %.1f %%", 100*r.Accuracy)
	}
	if r.Refused > 0 {
		line += fmt.Sprintf(", %s refused: %s", count(r.Refused, "update", "updates"), r.Reasons)
	}
	return line
}

// picture is the last round, a line a node, and the cars that are on the road.
func (f *fleetView) picture(st style) []string {
	out := []string{"  " + f.round()}
	names := f.story.Names()
	for _, name := range names[:min(len(names), nodesShown)] {
		out = append(out, f.node(name))
	}
	if rest := len(names) - nodesShown; rest > 0 {
		out = append(out, fmt.Sprintf("  and %s", count(int64(rest), "other node", "other nodes")))
	}
	return append(out, f.road(st)...)
}

// nodesShown is how many nodes are drawn at the most.
const nodesShown = 8

// sparkRounds is how many rounds of a node are drawn.
const sparkRounds = 24

// node is a line of a node: its accuracy in the last rounds, and in all.
func (f *fleetView) node(name string) string {
	var spark []rune
	last, events, version := "", int64(0), int64(0)
	for _, r := range f.story.Nodes {
		if r.Node != name {
			continue
		}
		events += r.Samples
		version = max(version, r.Version)
		if r.Tested {
			spark = append(spark, []rune("▁▂▃▄▅▆▇█")[min(max(int((r.Accuracy-0.5)*16), 0), 7)])
			last = fmt.Sprintf("%5.1f %%", 100*r.Accuracy)
		}
	}
	spark = spark[max(0, len(spark)-sparkRounds):]
	return fmt.Sprintf("  %-8s %*s %8s  overall %5.1f %%  %s events, model %d", name, sparkRounds, string(spark), last,
		100*f.story.Said(name).Accuracy(), thousands(events), version)
}

// carsShown is how many cars are drawn at the most.
const carsShown = 15

// road is the cars that have said something in the last quarter of an hour, three a line.
func (f *fleetView) road(st style) []string {
	var cells []string
	driving := 0
	for _, name := range f.names {
		c := f.cars[name]
		if f.clock-c.at > (15 * time.Minute).Microseconds() {
			continue
		}
		if driving++; driving > carsShown {
			continue
		}
		cell := fmt.Sprintf("%-6s %-6s km %3.0f %3.0f %% %-6s", name, c.node, c.km, c.charge, c.must)
		if c.must == "charge" {
			cell = st.bad(cell)
		}
		cells = append(cells, cell)
	}
	if f.clock == 0 {
		return nil
	}
	out := []string{fmt.Sprintf("  %s  %d of %s on the road", time.UnixMicro(f.clock).UTC().Format("2006-01-02 15:04"), driving, count(int64(len(f.names)), "car", "cars"))}
	columns := min(max(st.width/36, 1), 3)
	for line := range slices.Chunk(cells, columns) {
		out = append(out, "    "+strings.Join(line, "  "))
	}
	return out
}

// report implements view.
func (f *fleetView) report(dir string, p page) (string, error) {
	s := p.summary
	lead := []string{
		fmt.Sprintf("%s events in %s batches and %d rounds, in %s. idag %s, %s.", thousands(s.RowsIn), thousands(s.Batches), len(f.story.Rounds), seconds(s.WallSeconds), p.version, p.machine),
		fmt.Sprintf("Job %s, plan %s, checksum %s: the same seed gives the same rows, and so the same models.", s.Job, s.Digest, s.Checksum),
	}
	return "index.html", f.story.Write(dir, lead)
}
