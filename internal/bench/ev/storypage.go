package ev

import (
	"fmt"
	"strings"
	"time"

	"github.com/idag/idag/internal/learn/score"
)

// Write writes the report of one run into a directory: index.html, which needs no other
// file, and its charts as SVG and PNG. Lead are paragraphs on top of it.
func (s *Story) Write(dir string, lead []string) error {
	sections := []section{{title: "Nodes", text: []string{
		"At the end of each window a node tests the model that it has on the window's events, and only then learns from them. Always saying the more frequent class would be right as often as that class is. " +
			"Must charge is the class that is predicted: that the job's label holds (reach, that the car will not get to the station after the next with 10 % in reserve, unless another was asked for)."},
		tables: []table{s.nodeTable()}}}
	if c := s.overTime(); len(s.Nodes) > 0 && s.Said("").Count() > 0 {
		sections[0].charts = append(sections[0].charts, c, confusion("confusion", "All nodes", s.Said("")))
	}
	rounds := section{title: "Rounds", text: []string{"After each window the server makes the next global model of what came in. Model is its version; accuracy that of the nodes' models on the window's events, before they learned from them; " +
		"stalest by how many versions the oldest update was behind; change the length of the difference to the global model before; bytes those of models, to the server and back."}, tables: []table{s.roundTable()}}
	if len(s.Rounds) > 0 {
		rounds.charts = []chart{s.change(), s.traffic()}
	}
	return write(dir, "Electric vehicles: one run", lead, append(sections, rounds))
}

func (s *Story) nodeTable() table {
	t := table{head: []string{"node", "windows", "events", "accuracy", "more frequent class", "precision", "recall", "kappa", "last window"}}
	row := func(name string, windows int, events int64, last string) {
		c := s.Said(name)
		if name == "" {
			name = "all"
		}
		t.rows = append(t.rows, []string{name, fmt.Sprint(windows), fmt.Sprint(events), percent(c.Accuracy()), often(c), percent(c.Precision()), percent(c.Recall()), fmt.Sprintf("%.3f", c.Kappa()), last})
	}
	all := int64(0)
	for _, name := range s.Names() {
		list := s.of(name)
		events, last := int64(0), ""
		for _, r := range list {
			events += r.Samples
			if r.Tested {
				last = percent(r.Accuracy)
			}
		}
		all += events
		row(name, len(list), events, last)
	}
	row("", len(s.Nodes), all, "")
	return t
}

// mostRounds is how many rounds a table shows.
const mostRounds = 60

func (s *Story) roundTable() table {
	t := table{head: []string{"window's end", "model", "nodes", "events", "accuracy", "stalest", "change", "bytes up", "bytes down", "refused"}}
	list := s.Rounds
	if len(list) > mostRounds {
		t.head[0] = fmt.Sprintf("window's end (the last %d of %d)", mostRounds, len(list))
		list = list[len(list)-mostRounds:]
	}
	for _, r := range list {
		refused := ""
		if r.Refused > 0 {
			refused = strings.TrimSpace(fmt.Sprintf("%d %s", r.Refused, r.Reasons))
		}
		accuracy := ""
		if r.Tested {
			accuracy = percent(r.Accuracy)
		}
		t.rows = append(t.rows, []string{r.End.Format(time.DateTime), fmt.Sprint(r.Version), fmt.Sprint(r.Nodes), fmt.Sprint(r.Samples), accuracy, fmt.Sprint(r.Stalest),
			fmt.Sprintf("%.4f", r.Change), fmt.Sprint(r.Up), fmt.Sprint(r.Down), refused})
	}
	return t
}

// often is how often the more frequent class was.
func often(c score.Confusion) string {
	if c.Count() == 0 {
		return ""
	}
	ones := float64(c.TruePositive+c.FalseNegative) / float64(c.Count())
	return percent(max(ones, 1-ones))
}
