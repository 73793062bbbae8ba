package report

import "testing"

// The legend of many bars stands above them; that of lines needs less.
func TestLegendRoom(t *testing.T) {
	for _, c := range []struct {
		series int
		names  []string
		want   float64
	}{{1, []string{"a"}, 1.0 / 6}, {2, []string{"a"}, 1.0 / 6}, {3, []string{"a"}, 1.0 / 3}, {9, []string{"a"}, 1}, {2, nil, 1.0 / 6}, {9, nil, 9.0 / 14}} {
		if got := (Chart{Series: make([]Series, c.series), Names: c.names}).legend(); got != c.want {
			t.Errorf("%d series, names %v: got %v, want %v", c.series, c.names, got, c.want)
		}
	}
}
