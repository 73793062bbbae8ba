package report

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"github.com/idag/idag/internal/fault"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Matrix is a picture of counts by two things that have the same names: of
// predictions by what was and by what was said, for one.
type Matrix struct {
	Title, X, Y string
	Names       []string
	Values      [][]float64 // Values[y][x], 0 or more
}

// Write draws the matrix, each field as dark as its share of its row. Values that
// do not fit the names are fault.Invalid.
func (m Matrix) Write(w io.Writer, as Format) error {
	if err := m.check(); err != nil {
		return err
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = m.Title, m.X, m.Y
	p.Title.Padding = 2 * vg.Millimeter
	p.NominalX(m.Names...)
	p.NominalY(m.Names...)
	p.Add(fields{m})
	p.X.Min, p.X.Max = -0.5, float64(len(m.Names))-0.5
	p.Y.Min, p.Y.Max = p.X.Min, p.X.Max
	out, err := p.WriterTo(height, height, string(as))
	if err != nil {
		return fault.New(fault.Invalid, "chart %q: %w", m.Title, err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fault.New(fault.Retry, "chart %q: %w", m.Title, err)
	}
	return nil
}

func (m Matrix) check() error {
	if len(m.Names) == 0 || len(m.Values) != len(m.Names) {
		return fault.New(fault.Invalid, "chart %q: %d rows of a matrix of %d names", m.Title, len(m.Values), len(m.Names))
	}
	for y, row := range m.Values {
		if len(row) != len(m.Names) {
			return fault.New(fault.Invalid, "chart %q: %d values in row %d of a matrix of %d names", m.Title, len(row), y, len(m.Names))
		}
		for _, v := range row {
			if !(v >= 0) || math.IsInf(v, 0) {
				return fault.New(fault.Invalid, "chart %q: the matrix holds %v", m.Title, v)
			}
		}
	}
	return nil
}

// fields are those of a matrix, with their values.
type fields struct{ m Matrix }

// Plot implements plot.Plotter.
func (f fields) Plot(c draw.Canvas, p *plot.Plot) {
	xs, ys := p.Transforms(&c)
	text := draw.TextStyle{Font: font.From(plotter.DefaultFont, vg.Points(11)), XAlign: draw.XCenter, YAlign: draw.YCenter, Handler: p.TextHandler}
	for y, row := range f.m.Values {
		sum := 0.0
		for _, v := range row {
			sum += v
		}
		for x, v := range row {
			share := 0.0
			if sum > 0 {
				share = v / sum
			}
			left, right := xs(float64(x)-0.48), xs(float64(x)+0.48)
			low, high := ys(float64(y)-0.48), ys(float64(y)+0.48)
			c.FillPolygon(tint(share), []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
			text.Color = color.Black
			if share > 0.6 {
				text.Color = color.White
			}
			c.FillText(text, vg.Point{X: (left + right) / 2, Y: (low + high) / 2}, fmt.Sprintf("%.0f (%.1f %%)", v, 100*share))
		}
	}
}

// tint is between white and the first shade.
func tint(share float64) color.Color {
	r, g, b, _ := shade(0).RGBA()
	mix := func(v uint32) uint8 { return uint8(255 - share*(255-float64(v>>8))) }
	return color.RGBA{R: mix(r), G: mix(g), B: mix(b), A: 255}
}
