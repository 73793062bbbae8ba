package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/report"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func charts() map[string]report.Chart {
	x, y := []float64{0, 1, 2}, []float64{3, -1, 2}
	return map[string]report.Chart{
		"lines":  {Title: "a < b", X: "x", Y: "y", Series: []report.Series{{Name: "one", X: x, Y: y}, {Name: "two", X: y, Y: x}}},
		"points": {Points: true, Series: []report.Series{{X: x, Y: y}}},
		"times":  {Times: true, Series: []report.Series{{X: []float64{1.6e9, 1.7e9}, Y: []float64{1, 2}}}},
		"bars":   {Names: []string{"a", "b", "c"}, Series: []report.Series{{Name: "one", Y: y}, {Name: "two", Y: x}}},
		"empty":  {Title: "nothing"},
		"ranges": {Series: []report.Series{{Name: "one", X: x, Y: y, Low: []float64{2, -2, 1.5}, High: []float64{4, -1, 3}, Dashed: true}}},
		"barred": {Names: []string{"a", "b", "c"}, Series: []report.Series{{Y: y, Low: []float64{2, -2, 1.5}, High: []float64{4, -1, 3}}}},
	}
}

// Every chart is a well-formed picture, and always the same bytes.
func TestCharts(t *testing.T) {
	for name, c := range charts() {
		var first, again, picture bytes.Buffer
		if err := errors.Join(c.Write(&first, report.SVG), c.Write(&again, report.SVG), c.Write(&picture, report.PNG)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("%s: drawn twice, it differs", name)
		}
		d := xml.NewDecoder(&first)
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		if _, err := png.Decode(&picture); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Values that do not fit together, or that no axis has a place for, are refused
// by the name of the chart.
func TestChartsRefused(t *testing.T) {
	for name, c := range map[string]report.Chart{
		"unequal": {Title: "T", Series: []report.Series{{X: []float64{1}, Y: nil}}},
		"bars":    {Title: "T", Names: []string{"a"}, Series: []report.Series{{Y: []float64{1, 2}}}},
		"few":     {Title: "T", Series: []report.Series{{X: []float64{1}, Y: []float64{1}, Low: []float64{0, 1}, High: []float64{2, 3}}}},
		"turned":  {Title: "T", Names: []string{"a"}, Series: []report.Series{{Y: []float64{1}, Low: []float64{2}, High: []float64{0}}}},
		"nan":     {Title: "T", Series: []report.Series{{X: []float64{math.NaN()}, Y: []float64{1}}}},
	} {
		if err := c.Write(io.Discard, report.SVG); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), `"T"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A matrix is a picture as charts are; one that does not fit its names is refused.
func TestMatrix(t *testing.T) {
	m := report.Matrix{Title: "confusion", X: "said", Y: "was", Names: []string{"no", "yes"}, Values: [][]float64{{90, 10}, {0, 0}}}
	var first, again, picture bytes.Buffer
	if err := errors.Join(m.Write(&first, report.SVG), m.Write(&again, report.SVG), m.Write(&picture, report.PNG)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) || !strings.Contains(first.String(), "90 (90.0 %)") {
		t.Error(first.String())
	}
	if _, err := png.Decode(&picture); err != nil {
		t.Error(err)
	}
	for _, bad := range [][][]float64{nil, {{1, 2}}, {{1}, {2}}, {{1, 2}, {3, -1}}, {{1, 2}, {3, math.NaN()}}} {
		m.Values = bad
		if err := m.Write(io.Discard, report.SVG); fault.Of(err) != fault.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
