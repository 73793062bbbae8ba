package ev

import (
	"fmt"
	"strings"

	"github.com/idag/idag/internal/bench/stat"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/internal/report"
)

// Write writes the report of a measurement into a directory: index.html, which needs no
// other file, and its charts as SVG and PNG. Lead are paragraphs on top of it.
func (r *Result) Write(dir string, lead []string) error {
	s := &r.set
	lead = append(lead, fmt.Sprintf("%d runs of the job in %s: %d seeds from %d on, %d days of %d cars, a round a day; the last model of a run is scored on the last %d days of %d cars of another seed. "+
		"Means are over the seeds, with intervals of 95 %% (Student's t); comparisons are paired by seed.",
		r.Runs, r.Took.Round(1e9), s.Seeds, s.FirstSeed, s.Trips, s.Cars, s.TestDays, s.TestCars))
	if !s.Full {
		lead = append(lead, "Where a figure has several configurations (which three of four nodes take part, say), each seed took all of them for the network's participants and stale models, else one, in turn.")
	}
	sections := []section{r.hypotheses()}
	for _, x := range s.chosen() {
		sections = append(sections, r.section(x))
	}
	if len(r.kept) > 0 {
		sections = append(sections, r.models())
	}
	return write(dir, "Electric vehicles: the experiments", lead, sections)
}

// hypotheses is the verdicts as a table.
func (r *Result) hypotheses() section {
	t := table{head: []string{"hypothesis", "verdict", "numbers"}}
	for _, v := range r.Verdicts {
		t.rows = append(t.rows, []string{v.Claim, string(v.Outcome), strings.Join(v.Numbers, "; ")})
	}
	return section{title: "Hypotheses", tables: []table{t}, text: []string{
		"A hypothesis holds if its interval lies on the right side as a whole, and does not hold if it lies on the other side as a whole; else these runs do not decide."}}
}

// section is an experiment: a table of its cells, and its chart.
func (r *Result) section(x experiment) section {
	out := section{title: x.title, text: []string{x.doc}}
	t := table{head: []string{"figure", "mean", "smallest", "largest", "what"}}
	for _, c := range x.cells(&r.set) {
		m, ok := r.mean(c.name)
		f, has := r.Samples.Figure(c.name)
		if ok && has && !(strings.HasSuffix(c.doc, "_nn")) { // the other name of the same
			t.rows = append(t.rows, []string{c.name, spell(m, c.unit), spellOne(f.Min, c.unit), spellOne(f.Max, c.unit), c.doc})
		}
	}
	out.tables = []table{t}
	switch x.name {
	case "participants":
		out.charts = r.byModel(x, "nodes that take part", []float64{2, 3, 4}, []string{"accuracy_2of4", "accuracy_3of4", "accuracy_4of4"})
	case "staleness":
		out.charts = r.byModel(x, "stale nodes", []float64{0, 1, 2, 3, 4}, []string{"accuracy_stale_0", "accuracy_stale_1", "accuracy_stale_2", "accuracy_stale_3", "accuracy_stale_4"})
	case "control":
		out.charts = r.controlCharts(x)
	default:
		out.charts = r.barred(x)
	}
	return out
}

func spell(i stat.Interval, unit string) string {
	if unit == "B" {
		return fmt.Sprintf("%.0f ± %.0f B", i.Mean, i.High-i.Mean)
	}
	return i.String()
}

func spellOne(v float64, unit string) string {
	if unit == "B" {
		return fmt.Sprintf("%.0f B", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// byModel is a line a model through cells, with their intervals side by side.
func (r *Result) byModel(x experiment, axis string, at []float64, names []string) []chart {
	c := report.Chart{Title: x.title, X: axis, Y: "accuracy on other cars"}
	for k, m := range r.set.models() {
		var xs []float64
		var means []stat.Interval
		for i, name := range names {
			if v, ok := r.mean(name + "_" + m); ok {
				xs, means = append(xs, at[i]+0.03*float64(k)), append(means, v)
			}
		}
		if len(xs) > 0 {
			c.Series = append(c.Series, ranged(m, xs, means))
		}
	}
	return []chart{{x.name, x.title, c}}
}

// barred is a bar a cell.
func (r *Result) barred(x experiment) []chart {
	var names []string
	var means []stat.Interval
	for _, c := range x.cells(&r.set) {
		if v, ok := r.mean(c.name); ok && !strings.HasSuffix(c.doc, "_nn") {
			names, means = append(names, strings.TrimPrefix(c.name, "accuracy_")), append(means, v)
		}
	}
	if x.name == "weights" { // between what it costs and what it should be
		for _, n := range []string{"accuracy_stale_2_nn", "accuracy_stale_0_nn"} {
			if v, ok := r.mean(n); ok {
				names, means = append(names, strings.TrimPrefix(n, "accuracy_")), append(means, v)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []chart{bars(x.name, x.title, "accuracy on other cars", names, means)}
}

// controlCharts are what control costs in bytes and in accuracy.
func (r *Result) controlCharts(x experiment) []chart {
	var names []string
	var sent, global, live []stat.Interval
	for _, c := range controls() {
		b, ok := r.mean("bytes_control_" + c[0])
		g, _ := r.mean("accuracy_control_" + c[0])
		n, _ := r.mean("accuracy_live_control_" + c[0])
		if ok {
			names, sent, global, live = append(names, c[1]), append(sent, b), append(global, g), append(live, n)
		}
	}
	if len(names) == 0 {
		return nil
	}
	both := report.Chart{Title: x.title, Y: "accuracy", Names: names, Series: []report.Series{ranged("global model, other cars", nil, global), ranged("nodes' models, what came", nil, live)}}
	return []chart{bars("control_bytes", x.title, "bytes in all rounds", names, sent), {"control_accuracy", x.title, both}}
}

// models are the models side by side: confusion, calibration, and a run over time.
func (r *Result) models() section {
	out := section{title: "Models", text: []string{"All four nodes, on time, no central training: what the last global models of all seeds say of other cars. " +
		"Over time are the nodes of the first seed."}}
	t := table{head: []string{"model", "accuracy", "log loss", "precision", "recall", "kappa"}}
	lines := map[string][]score.Bin{}
	for _, m := range r.set.models() {
		var all score.Confusion
		var right, loss []float64
		for _, one := range r.kept[m] {
			all.Add(one.said)
			right, loss = append(right, one.said.Accuracy()), append(loss, one.logLoss)
		}
		a, errA := stat.Mean(right)
		l, errL := stat.Mean(loss)
		if errA != nil || errL != nil {
			continue
		}
		t.rows = append(t.rows, []string{m, a.String(), l.String(), percent(all.Precision()), percent(all.Recall()), fmt.Sprintf("%.3f", all.Kappa())})
		lines[m] = pooled(r.kept[m])
		out.charts = append(out.charts, confusion("confusion_"+m, "What "+m+" says of other cars, all seeds", all))
	}
	out.tables = []table{t}
	out.charts = append(out.charts, calibration("calibration", "Calibration on other cars, all seeds", lines, r.set.models()))
	for _, m := range r.set.models() {
		if len(r.kept[m]) > 0 && r.kept[m][0].story != nil {
			c := r.kept[m][0].story.overTime()
			c.name += "_" + m
			out.charts = append(out.charts, c)
		}
	}
	return out
}

// pooled are the calibration bins of all runs as one.
func pooled(runs []scored) []score.Bin {
	out := make([]score.Bin, calibrationBins)
	for _, r := range runs {
		for i, b := range r.bins {
			n := float64(b.Count)
			out[i].Count += b.Count
			out[i].Predicted += n * b.Predicted
			out[i].Was += n * b.Was
		}
	}
	for i := range out {
		if n := float64(out[i].Count); n > 0 {
			out[i].Predicted /= n
			out[i].Was /= n
		}
	}
	return out
}
