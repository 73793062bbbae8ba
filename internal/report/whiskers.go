package report

import (
	"image/color"
	"math"

	"github.com/idag/idag/internal/fault"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// whiskers are the ranges of a series' values: a line with a stroke at both ends.
type whiskers struct {
	x, low, high []float64
	offset       vg.Length // to the right, as the bars of a series are
	style        draw.LineStyle
}

// addRanges adds those of series i, if it has any; at are the x of its values.
func (c Chart) addRanges(p *plot.Plot, i int, at []float64, offset vg.Length, ink color.Color) error {
	s := c.Series[i]
	if len(s.Low) == 0 && len(s.High) == 0 {
		return nil
	}
	if len(s.Low) != len(s.Y) || len(s.High) != len(s.Y) {
		return fault.New(fault.Invalid, "chart %q: the series %q has %d values and ranges from %d to %d", c.Title, s.Name, len(s.Y), len(s.Low), len(s.High))
	}
	for j := range s.Low {
		if w := s.High[j] - s.Low[j]; !(w >= 0) || math.IsInf(w, 0) {
			return fault.New(fault.Invalid, "chart %q: the series %q has a range from %v to %v", c.Title, s.Name, s.Low[j], s.High[j])
		}
	}
	p.Add(&whiskers{x: at, low: s.Low, high: s.High, offset: offset, style: draw.LineStyle{Color: ink, Width: vg.Points(0.8)}})
	return nil
}

// Plot implements plot.Plotter.
func (w *whiskers) Plot(c draw.Canvas, p *plot.Plot) {
	const half = vg.Length(2.5)
	xs, ys := p.Transforms(&c)
	for i := range w.x {
		x, low, high := xs(w.x[i])+w.offset, ys(w.low[i]), ys(w.high[i])
		c.StrokeLine2(w.style, x, low, x, high)
		c.StrokeLine2(w.style, x-half, low, x+half, low)
		c.StrokeLine2(w.style, x-half, high, x+half, high)
	}
}

// DataRange implements plot.DataRanger.
func (w *whiskers) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax, ymin, ymax = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i, x := range w.x {
		xmin, xmax = min(xmin, x), max(xmax, x)
		ymin, ymax = min(ymin, w.low[i]), max(ymax, w.high[i])
	}
	return xmin, xmax, ymin, ymax
}
