package bench

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// link is what the job came to for one window, of what it had come to for one before.
type link struct {
	group
	before, total int64
}

// chain is the links by the start of their windows.
type chain map[int64]link

// put adds a row that the job wrote. It returns 1 for one that was there.
func (c chain) put(r []parquet.Value) int {
	_, there := c[r[0].Int64()]
	c[r[0].Int64()] = link{group{r[1].Int64(), tenths(r[2].Double())}, r[3].Int64(), r[4].Int64()}
	if there {
		return 1
	}
	return 0
}

// wrong counts the windows whose rows are not all there, and those that did not go on from
// one of the two before them: as many batches are in flight, and each lets one window leave.
func (c chain) wrong(t *Truth) int {
	want := map[int64]group{}
	for key, g := range t.windows {
		_, text, _ := strings.Cut(key, " ")
		start, _ := strconv.ParseInt(text, 10, 64)
		start -= start % (60 * 60 * 1_000_000) // these are longer
		was := want[start]
		want[start] = group{was.n + g.n, was.tenths + g.tenths}
	}
	n := 0
	seen := []int64{0, 0} // by the next window
	for _, start := range slices.Sorted(maps.Keys(c)) {
		l := c[start]
		if l.group != want[start] || l.total != l.before+l.n || !slices.Contains(seen, l.before) {
			n++
		}
		delete(want, start)
		seen = append(seen[1:], l.total)
	}
	return n + len(want)
}
