package learn

import (
	"math/rand/v2"
	"slices"
)

// bins is how many parts the values of a feature are sorted into.
const bins = 256

// grower grows trees over the same rows.
type grower struct {
	rows   Rows
	growth Growth
	gain   []float64
	codes  [][]uint8 // of each feature: the bin of each row's value, larger values in later ones

	at      []int32   // rows of the tree, those of a node side by side
	spare   []int32   //
	weight  []float64 // how often a row was drawn
	order   []int     // features, shuffled
	chance  *rand.Rand
	nodes   tree
	classes [bins]bin
}

// bin sums the rows of a node that fall into it.
type bin struct {
	rows      int
	weight, y float64
}

func newGrower(rows Rows, g Growth, gain []float64) *grower {
	n := rows.Len()
	b := &grower{rows: rows, growth: g, gain: gain, weight: make([]float64, n), spare: make([]int32, n), order: make([]int, rows.Width)}
	values, sorted := make([]float64, n), make([]float64, n)
	for j := range rows.Width {
		for i := range n {
			values[i] = rows.X[i*rows.Width+j]
		}
		copy(sorted, values)
		slices.Sort(sorted)
		edges := slices.Compact(sorted)
		if len(edges) > bins {
			// The last value of each bin: quantiles of the rows.
			copy(sorted, values)
			slices.Sort(sorted)
			at := make([]float64, 0, bins)
			for k := 1; k <= bins; k++ {
				at = append(at, sorted[k*n/bins-1])
			}
			edges = slices.Compact(at)
		}
		codes := make([]uint8, n)
		for i, v := range values {
			c, _ := slices.BinarySearch(edges, v)
			codes[i] = uint8(c)
		}
		b.codes = append(b.codes, codes)
		sorted = sorted[:n]
	}
	return b
}

// tree grows one.
func (b *grower) tree(chance *rand.Rand) tree {
	b.chance, b.nodes = chance, nil
	n := b.rows.Len()
	clear(b.weight)
	for i := range n {
		if b.growth.Whole {
			b.weight[i] = 1
		} else {
			b.weight[chance.IntN(n)]++
		}
	}
	b.at = b.at[:0]
	for i, w := range b.weight {
		if w > 0 {
			b.at = append(b.at, int32(i))
		}
	}
	for j := range b.order {
		b.order[j] = j
	}
	b.branch(b.at, 0)
	return slices.Clip(b.nodes)
}

// branch grows a node over rows, and what is below it.
func (b *grower) branch(at []int32, depth int) {
	var all bin
	least, most := b.rows.Y[at[0]], b.rows.Y[at[0]]
	for _, i := range at {
		w, y := b.weight[i], b.rows.Y[i]
		all.weight += w
		all.y += w * y
		least, most = min(least, y), max(most, y)
	}
	all.rows = len(at)
	me := len(b.nodes)
	b.nodes = append(b.nodes, node{feature: -1, value: all.y / all.weight})
	if depth >= b.growth.Depth || len(at) < 2*b.growth.Leaf || least == most {
		return
	}
	feature, last, gain := b.split(at, all)
	if feature < 0 {
		return
	}
	b.gain[feature] += gain
	left, threshold := b.part(at, feature, last)
	b.nodes[me] = node{feature: int32(feature), value: threshold}
	b.branch(at[:left], depth+1)
	b.nodes[me].right = int32(len(b.nodes))
	b.branch(at[left:], depth+1)
}

// split looks for the split that takes away most of the squared error, among so
// many features as can be split at all; -1 is none.
func (b *grower) split(at []int32, all bin) (feature, last int, gain float64) {
	feature = -1
	b.chance.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	looked := 0
	for _, j := range b.order {
		if looked == b.growth.Features {
			break
		}
		l, g, ok := b.best(at, j, all)
		if !ok {
			continue
		}
		looked++
		if g > gain {
			feature, last, gain = j, l, g
		}
	}
	return feature, last, gain
}

// best returns the last bin of the left branch of a feature's best split, or false
// where the feature cannot be split.
func (b *grower) best(at []int32, j int, all bin) (last int, gain float64, ok bool) {
	clear(b.classes[:])
	codes := b.codes[j]
	for _, i := range at {
		c := &b.classes[codes[i]]
		w := b.weight[i]
		c.rows++
		c.weight += w
		c.y += w * b.rows.Y[i]
	}
	var left bin
	before := all.y * all.y / all.weight
	for k := range bins - 1 {
		c := &b.classes[k]
		if c.rows == 0 {
			continue
		}
		left.rows += c.rows
		left.weight += c.weight
		left.y += c.y
		if left.rows == all.rows {
			break
		}
		if left.rows < b.growth.Leaf || all.rows-left.rows < b.growth.Leaf {
			continue
		}
		ok = true
		y := all.y - left.y
		if g := left.y*left.y/left.weight + y*y/(all.weight-left.weight) - before; g > gain {
			last, gain = k, g
		}
	}
	return last, gain, ok
}

// part brings the rows of the left branch to the front, in their order, and returns
// their number and the value halfway to the right ones.
func (b *grower) part(at []int32, feature, last int) (left int, threshold float64) {
	codes := b.codes[feature]
	right := b.spare[:0]
	lo, hi := 0.0, 0.0
	for _, i := range at {
		v := b.rows.X[int(i)*b.rows.Width+feature]
		if int(codes[i]) <= last {
			if left == 0 || v > lo {
				lo = v
			}
			at[left] = i
			left++
			continue
		}
		if len(right) == 0 || v < hi {
			hi = v
		}
		right = append(right, i)
	}
	copy(at[left:], right)
	// Halfway may round to the upper value, which must go right.
	if threshold = lo + (hi-lo)/2; threshold >= hi {
		threshold = lo
	}
	return left, threshold
}
