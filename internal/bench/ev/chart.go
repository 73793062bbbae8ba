package ev

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/internal/report"
)

// chart is a picture of a report. Its files are its name with an ending.
type chart struct {
	name, title string
	draw        interface {
		Write(w io.Writer, as report.Format) error
	}
}

// save writes the chart's files and returns it as SVG.
func (c chart) save(dir string) (string, error) {
	svg := ""
	for _, as := range []report.Format{report.SVG, report.PNG} {
		var b bytes.Buffer
		if err := c.draw.Write(&b, as); err != nil {
			return "", err
		}
		if as == report.SVG {
			svg = b.String()
		}
		if err := put(dir, c.name+"."+string(as), b.Bytes()); err != nil {
			return "", err
		}
	}
	return svg, nil
}

// put writes a file as a whole.
func put(dir, name string, b []byte) error {
	to := filepath.Join(dir, name)
	tmp := to + ".tmp"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	if err := os.Rename(tmp, to); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	return nil
}

// fewWindows is how many windows of a node are drawn one by one; if one has more, those of
// a day are drawn as one for all nodes, weighted by their rows.
const fewWindows = 24

// overTime is the accuracy of the models that nodes had on what came, before they
// learned from it.
func (s *Story) overTime() chart {
	c := report.Chart{Title: "Accuracy on new events, before learning from them", X: "end of the window, event time", Y: "accuracy, a share", Times: true}
	byDay := slices.ContainsFunc(s.Names(), func(name string) bool { return len(s.of(name)) > fewWindows })
	if byDay {
		c.Title += ", by day"
	}
	for _, name := range s.Names() {
		line := report.Series{Name: name}
		list := s.of(name)
		var day int64
		var said score.Confusion
		for i, r := range list {
			at := r.End.Add(-1).Unix() / 86400
			if at != day || !byDay {
				day, said = at, score.Confusion{}
			}
			if said.Add(r.Said); said.Count() == 0 {
				continue
			}
			last := i+1 == len(list) || !byDay || list[i+1].End.Add(-1).Unix()/86400 != day
			if last {
				line.X, line.Y = append(line.X, float64(r.End.Unix())), append(line.Y, said.Accuracy())
			}
		}
		if len(line.X) > 0 {
			c.Series = append(c.Series, line)
		}
	}
	return chart{"accuracy_over_time", c.Title, c}
}

// traffic is the bytes of models that went up and down, a round.
func (s *Story) traffic() chart {
	c := report.Chart{Title: "Bytes of models, a round", X: "end of the window, event time", Y: "bytes", Times: true, Series: []report.Series{{Name: "up"}, {Name: "down", Dashed: true}}}
	for _, r := range s.Rounds {
		for i, v := range []int64{r.Up, r.Down} {
			l := &c.Series[i]
			l.X, l.Y = append(l.X, float64(r.End.Unix())), append(l.Y, float64(v))
		}
	}
	return chart{"traffic", c.Title, c}
}

// change is by how much each round changed the global model.
func (s *Story) change() chart {
	c := report.Chart{Title: "How much a round changed the global model", X: "end of the window, event time", Y: "length of the change", Times: true, Series: []report.Series{{}}}
	for _, r := range s.Rounds {
		l := &c.Series[0]
		l.X, l.Y = append(l.X, float64(r.End.Unix())), append(l.Y, r.Change)
	}
	return chart{"change", c.Title, c}
}

// confusion is a picture of what was and what was said.
func confusion(name, title string, c score.Confusion) chart {
	m := report.Matrix{Title: title, X: "said", Y: "was", Names: []string{"reaches", "must charge"},
		Values: [][]float64{{float64(c.TrueNegative), float64(c.FalsePositive)}, {float64(c.FalseNegative), float64(c.TruePositive)}}}
	return chart{name, title, m}
}

// percent spells a share.
func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
