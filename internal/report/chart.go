// Package report draws what was measured or computed: charts as SVG or PNG.
// Charts are values; drawing one touches nothing but the writer it is given, and
// the same chart is always the same bytes.
package report

import (
	"image/color"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Format is what a chart is written as.
type Format string

// The formats of charts.
const (
	SVG Format = "svg"
	PNG Format = "png"
)

// Chart is a picture of some series over shared axes.
type Chart struct {
	Title, X, Y string
	Series      []Series
	// Names of the groups of a bar chart; empty for lines.
	Names []string
	// Times says that X values are seconds since the epoch.
	Times bool
	// Points draws points instead of lines.
	Points bool
}

// Series is a row of values. Of a bar chart X is not used: there is a value a group.
// Low and High, where given, are ranges about Y, drawn as whiskers.
type Series struct {
	Name      string
	X, Y      []float64
	Low, High []float64
	Dashed    bool // a line of less weight: what others are compared with
}

// size of a chart.
const (
	width  = 18 * vg.Centimeter
	height = 9 * vg.Centimeter
)

// Write draws the chart. A chart whose values do not fit together is
// fault.Invalid.
func (c Chart) Write(w io.Writer, as Format) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.Legend.Top = true
	p.Legend.Padding = vg.Millimeter
	p.Add(plotter.NewGrid())
	add := c.lines
	if len(c.Names) > 0 {
		add = c.bars
	}
	if err := add(p); err != nil {
		return err
	}
	p.Y.Max += (p.Y.Max - p.Y.Min) * c.legend()
	if c.ranged() && len(c.Names) == 0 { // whiskers at both ends are seen whole
		pad := (p.X.Max - p.X.Min) / 50
		p.X.Min, p.X.Max = p.X.Min-pad, p.X.Max+pad
	}
	p.Title.Padding = 2 * vg.Millimeter
	if c.Times {
		p.X.Tick.Marker = times{}
	}
	out, err := p.WriterTo(width, height, string(as))
	if err != nil {
		return fault.New(fault.Invalid, "chart %q: %w", c.Title, err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fault.New(fault.Retry, "chart %q: %w", c.Title, err)
	}
	return nil
}

// ranged says whether values have ranges.
func (c Chart) ranged() bool {
	return slices.ContainsFunc(c.Series, func(s Series) bool { return len(s.Low) > 0 })
}

// legend is the room above the values that the legend takes, as a part of
// theirs. Lines may pass beneath a long one for a bit, bars would hide behind it.
func (c Chart) legend() float64 {
	if n := len(c.Series); len(c.Names) > 0 && n > 2 {
		return float64(n) / 9
	}
	return max(1.0/6, float64(len(c.Series))/14)
}

func (c Chart) lines(p *plot.Plot) error {
	for i, s := range c.Series {
		if len(s.X) != len(s.Y) {
			return fault.New(fault.Invalid, "chart %q: the series %q has %d x and %d y", c.Title, s.Name, len(s.X), len(s.Y))
		}
		pts := make(plotter.XYs, len(s.X))
		for j := range s.X {
			pts[j] = plotter.XY{X: s.X[j], Y: s.Y[j]}
		}
		var err error
		var thing interface {
			plot.Plotter
			plot.Thumbnailer
		}
		if c.Points {
			var dots *plotter.Scatter
			if dots, err = plotter.NewScatter(pts); err == nil {
				dots.Color, dots.Radius, dots.Shape = shade(i), vg.Points(1.2), draw.CircleGlyph{}
				thing = dots
			}
		} else {
			var line *plotter.Line
			if line, err = plotter.NewLine(pts); err == nil {
				line.Color, line.Width = shade(i), vg.Points(1.2)
				if s.Dashed {
					line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
				}
				thing = line
			}
		}
		if err != nil {
			return fault.New(fault.Invalid, "chart %q: %w", c.Title, err)
		}
		p.Add(thing)
		if s.Name != "" {
			p.Legend.Add(s.Name, thing)
		}
		if err := c.addRanges(p, i, s.X, 0, shade(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c Chart) bars(p *plot.Plot) error {
	const room = 12 * vg.Centimeter // for all bars
	thick := min(vg.Points(24), room/vg.Length(max(1, len(c.Names)*(len(c.Series)+1))))
	for i, s := range c.Series {
		if len(s.Y) != len(c.Names) {
			return fault.New(fault.Invalid, "chart %q: the series %q has %d bars for %d groups", c.Title, s.Name, len(s.Y), len(c.Names))
		}
		b, err := plotter.NewBarChart(plotter.Values(slices.Clone(s.Y)), thick)
		if err != nil {
			return fault.New(fault.Invalid, "chart %q: %w", c.Title, err)
		}
		b.Color, b.LineStyle.Width = shade(i), 0
		b.Offset = thick * vg.Length(2*i-len(c.Series)+1) / 2
		p.Add(b)
		if s.Name != "" {
			p.Legend.Add(s.Name, b)
		}
		at := make([]float64, len(s.Y))
		for j := range at {
			at[j] = float64(j)
		}
		if err := c.addRanges(p, i, at, b.Offset, color.Black); err != nil {
			return err
		}
	}
	p.NominalX(c.Names...)
	if len(strings.Join(c.Names, " ")) > 70 { // they would run into each other
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = math.Pi/6, draw.XRight, draw.YCenter
	}
	p.X.Min, p.X.Max = -0.6, float64(len(c.Names))-0.4
	return nil
}

// shade is the color of series i: eight that people who see colors differently
// can tell apart (Okabe and Ito, Color Universal Design, 2008).
func shade(i int) color.Color {
	c := []uint32{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x000000, 0xf0e442}[i%8]
	return color.RGBA{R: uint8(c >> 16), G: uint8(c >> 8), B: uint8(c), A: 255}
}
