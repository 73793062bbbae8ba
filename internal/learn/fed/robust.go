package fed

import (
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/learn/exact"
)

// columns is how many parameters are sorted at a time: rows are read in pieces of a
// cache line.
const columns = 8

// byParameter writes the median, or the trimmed mean, of each parameter.
func (t *Tally) byParameter(out []float64) {
	n := int(t.count)
	drop := (n - 1) / 2 // median: what is left is one, or two
	if t.method.By == "trimmed" {
		drop = int(t.method.Trim * float64(n))
	}
	buf := make([]float64, columns*n)
	for from := 0; from < t.width; from += columns {
		to := min(from+columns, t.width)
		for i := range n {
			for j, v := range t.row(i)[from:to] {
				buf[j*n+i] = v
			}
		}
		for j := range to - from {
			col := buf[j*n : (j+1)*n]
			slices.Sort(col)
			out[from+j] = mean(col[drop : n-drop])
		}
	}
}

// mean is rounded once.
func mean(list []float64) float64 {
	var s, n exact.Sum
	for _, v := range list {
		s.Add(v)
	}
	n.Add(float64(len(list)))
	return s.Over(&n)
}

// krum writes the mean of the Keep models of the lowest scores. A model's score is
// the sum of its squared distances to the n-Faulty-2 models closest to it; of equal
// ones the node of the lesser name counts.
func (t *Tally) krum(out []float64) error {
	n, f, keep := int(t.count), t.method.Faulty, max(t.method.Keep, 1)
	if n < 2*f+3 || keep > n-f {
		return fault.New(fault.Invalid, "krum of %d models with %d faulty, %d kept: it takes %d at least, and keeps %d at the most", n, f, keep, 2*f+3, n-f)
	}
	at := t.order()
	scores := make([]float64, n)
	near := make([]float64, 0, n)
	for i := range n {
		near = near[:0]
		for j := range n {
			if j != i {
				near = append(near, distance(t.row(at[i]), t.row(at[j])))
			}
		}
		slices.Sort(near)
		for _, d := range near[:n-f-2] {
			scores[i] += d
		}
	}
	best := make([]int, n)
	for i := range best {
		best[i] = i
	}
	slices.SortStableFunc(best, func(a, b int) int {
		switch {
		case scores[a] < scores[b]:
			return -1
		case scores[a] > scores[b]:
			return 1
		}
		return 0
	})
	col := make([]float64, keep)
	for j := range out {
		for i, b := range best[:keep] {
			col[i] = t.row(at[b])[j]
		}
		out[j] = mean(col)
	}
	return nil
}

// distance is squared; parameters of at most 1e100 keep it finite.
func distance(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return sum
}
