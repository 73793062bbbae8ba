package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/bench/ev"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/jobs/ev/how"
	"github.com/idag/idag/rdd"
)

// predictions is the output in which the job ev tells what it predicts for each event.
const predictions = "predictions"

// fleetView shows the job ev: rounds, nodes and cars.
type fleetView struct {
	job   *rdd.Job
	how   how.How // the options, as far as they are known
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
	return &fleetView{job: job, how: optionsOf(job), cars: map[string]carState{}}
}

// optionsOf reads the options of a job, which are a constant column.
func optionsOf(job *rdd.Job) how.How {
	if job == nil {
		return how.Defaults()
	}
	for _, d := range job.Datasets() {
		m, _ := d.Op().(rdd.Map)
		for _, s := range m.Set {
			e, err := expr.Parse(s.Expr)
			l, ok := e.(*expr.Literal)
			if s.Column != "how" || err != nil || !ok {
				continue
			}
			text, _ := l.Value.(string)
			if h, err := how.Parse(text); err == nil {
				return h
			}
		}
	}
	return how.Defaults()
}

// remarks tell of names that no node bears, of nodes that take no part, and of rounds that
// are not shown.
func (f *fleetView) remarks() []string {
	var out []string
	heard := f.story.Names()
	for _, name := range f.how.Named() {
		if !slices.Contains(heard, name) {
			out = append(out, fmt.Sprintf("%s  not heard of: the options name it, and no event so far is of such a node", name))
		}
	}
	var apart []string
	for _, name := range heard {
		if !f.how.Answers(name) {
			apart = append(apart, name)
		}
	}
	if rest := len(apart) - nodesShown; rest > 0 {
		apart = append(apart[:nodesShown], fmt.Sprintf("%d more", rest))
	}
	if len(apart) > 0 {
		out = append(out, strings.Join(apart, ", ")+"  no participant: predicts by the global model and submits none")
	}
	if n := f.story.Before(); n > 0 {
		out = append(out, fmt.Sprintf("the first %s were over before this run was taken up and are not shown", count(n, "round", "rounds")))
	}
	return out
}

func (f *fleetView) outputs() []seen {
	return []seen{{ev.Nodes, true}, {ev.Rounds, true}, {predictions, false}}
}

// take tells one line a round.
func (f *fleetView) take(output string, rows []tap.Row) []string {
	var news []string
	for _, r := range rows {
		if output == predictions {
			f.car(r)
			continue
		}
		if f.story.Add(output, r) && output == ev.Rounds {
			news = append(news, strings.Join(append([]string{f.round()}, f.refused()...), ", "))
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
	return line
}

// refused tells of updates that the last round refused, if any.
func (f *fleetView) refused() []string {
	if len(f.story.Rounds) == 0 || f.story.Rounds[len(f.story.Rounds)-1].Refused == 0 {
		return nil
	}
	r := f.story.Rounds[len(f.story.Rounds)-1]
	return []string{fmt.Sprintf("%s refused: %s", count(r.Refused, "update", "updates"), r.Reasons)}
}

// picture is the last round, a line a node, and the cars that are on the road.
func (f *fleetView) picture(st style) []string {
	out := []string{"  " + f.round()}
	for _, line := range f.refused() {
		out = append(out, "  "+line)
	}
	names := f.story.Names()
	for _, name := range names[:min(len(names), nodesShown)] {
		out = append(out, f.node(name, st.width))
	}
	if rest := len(names) - nodesShown; rest > 0 {
		out = append(out, fmt.Sprintf("  and %s", count(int64(rest), "other node", "other nodes")))
	}
	if len(f.story.Rounds) > 0 {
		for _, line := range f.remarks() {
			out = append(out, "  "+line)
		}
	}
	return append(out, f.road(st)...)
}

// nodesShown is how many nodes are drawn at the most.
const nodesShown = 8

// sparkRounds is how many rounds of a node are drawn where there is room for them beside
// so many characters.
const (
	sparkRounds = 24
	besideSpark = 62
)

// node is a line of a node: its accuracy in the last rounds, and in all.
func (f *fleetView) node(name string, width int) string {
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
	room := min(max(width-besideSpark, 0), sparkRounds)
	spark = spark[max(0, len(spark)-room):]
	line := fmt.Sprintf("  %-8s ", name)
	if room > 0 {
		line += fmt.Sprintf("%*s ", room, string(spark))
	}
	return line + fmt.Sprintf("%8s  overall %5.1f %%  %s events, model %d", last, 100*f.story.Said(name).Accuracy(), thousands(events), version)
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
	return "index.html", f.story.Write(dir, append(lead, f.remarks()...))
}
