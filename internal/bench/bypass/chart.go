package bypass

import "github.com/idag/idag/internal/report"

// Chart is a picture of a report.
type Chart struct {
	Experiment string
	Name       string // of its files
	report.Chart
}

// lines starts a chart of lines with the given names.
func lines(name, title, x, y string, series ...string) Chart {
	c := Chart{Experiment: name, Name: name, Chart: report.Chart{Title: title, X: x, Y: y}}
	for _, s := range series {
		c.Series = append(c.Series, report.Series{Name: s})
	}
	return c
}

// point adds a point to line i.
func (c *Chart) point(i int, x, y float64) {
	c.Series[i].X, c.Series[i].Y = append(c.Series[i].X, x), append(c.Series[i].Y, y)
}

// group adds a group of bars, one of each series.
func (c *Chart) group(name string, y ...float64) {
	c.Names = append(c.Names, name)
	for i, v := range y {
		c.Series[i].Y = append(c.Series[i].Y, v)
	}
}
