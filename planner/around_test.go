package planner

import (
	"strings"
	"testing"
)

// Of a long expression a message shows the part about the mistake.
func TestAround(t *testing.T) {
	long := strings.Repeat("aaaa + ", 30) + "WRONG" + strings.Repeat(" + bbbb", 30)
	for _, c := range []struct {
		src          string
		line, column int
		want         string
	}{
		{"a + b", 1, 5, "a + b"},
		{long, 1, 211, "…"},
		{"x +\n" + long, 2, 211, "…"},
		{long, 1, 1, "aaaa"},
		{long, 9, 9, ""},
	} {
		got := around(c.src, c.line, c.column)
		if n := len([]rune(got)); n > 102 || !strings.HasPrefix(got, c.want) {
			t.Errorf("%d:%d gives %q", c.line, c.column, got)
		}
		if c.column == 211 && !strings.Contains(got, "WRONG") {
			t.Errorf("%q does not show the mistake", got)
		}
	}
}
