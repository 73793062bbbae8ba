package ev

import (
	"github.com/idag/idag/internal/bench/stat"
	"github.com/idag/idag/internal/learn/score"
	"github.com/idag/idag/internal/report"
)

// calibration compares probabilities said with how often it was so.
func calibration(name, title string, lines map[string][]score.Bin, order []string) chart {
	c := report.Chart{Title: title, X: "probability said", Y: "share that must charge",
		Series: []report.Series{{Name: "as it should be", X: []float64{0, 1}, Y: []float64{0, 1}, Dashed: true}}}
	for _, model := range order {
		l := report.Series{Name: model}
		for _, b := range lines[model] {
			if b.Count > 0 {
				l.X, l.Y = append(l.X, b.Predicted), append(l.Y, b.Was)
			}
		}
		if len(l.X) > 0 {
			c.Series = append(c.Series, l)
		}
	}
	return chart{name, title, c}
}

// bars is a bar a name, with the interval of its mean.
func bars(name, title, y string, names []string, values []stat.Interval) chart {
	c := report.Chart{Title: title, Y: y, Names: names, Series: []report.Series{ranged("", nil, values)}}
	return chart{name, title, c}
}

// ranged is a series of means with their intervals.
func ranged(name string, x []float64, values []stat.Interval) report.Series {
	s := report.Series{Name: name, X: x}
	for _, v := range values {
		s.Y = append(s.Y, v.Mean)
		low, high := v.Low, v.High
		if v.N < 2 {
			low, high = v.Mean, v.Mean
		}
		s.Low, s.High = append(s.Low, low), append(s.High, high)
	}
	return s
}
