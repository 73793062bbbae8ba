package sketch

import (
	"math"

	"github.com/idag/idag/internal/fault"
)

// grid is the shape of a linear sketch: depth rows of width cells. A row hashes
// keys by a polynomial of its own.
type grid struct {
	width, depth int
	seed         uint64
	degree       int      // coefficients a row: so many keys hash independently
	coeffs       []uint64 // by row, shared, never written
}

// maxCells keeps a sketch within 2 GiB, maxDepth its coefficients small.
const (
	maxCells = 1 << 28
	maxDepth = 1 << 10
)

func newGrid(width, depth, degree int, seed uint64) grid {
	return grid{width, depth, seed, degree, coefficients(seed, depth*degree)}
}

// cells is how many numbers the sketch holds.
func (g *grid) cells() int { return g.width * g.depth }

// exact is up to how many keys a sketch counts each by itself: they take no more
// memory than the cells.
func (g *grid) exact() int { return g.cells() / 4 }

func (g *grid) same(o *grid) error {
	if g.width != o.width || g.depth != o.depth || g.seed != o.seed {
		return fault.New(fault.Invalid, "sketches of %d by %d cells (seed %d) and %d by %d (seed %d) cannot be merged",
			g.width, g.depth, g.seed, o.width, o.depth, o.seed)
	}
	return nil
}

// sized turns the parameters of a sketch into numbers of cells, if they are such.
func sized(err, delta, width, depth float64) (w, d int, bad error) {
	if !(err > 0 && err <= 1) || !(delta > 0 && delta < 1) {
		return 0, 0, fault.New(fault.Invalid, "a sketch needs an error above 0 and up to 1 and a probability between 0 and 1, not %v and %v", err, delta)
	}
	width, depth = math.Ceil(width), math.Max(1, math.Ceil(depth))
	if width*depth > maxCells {
		return 0, 0, fault.New(fault.Invalid, "an error of %v with probability %v takes %.0f cells, there may be %d", err, delta, width*depth, maxCells)
	}
	return int(width), int(depth), nil
}
