package learn

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/idag/idag/internal/fault"
)

// Growth says how a forest grows. The zero value is 100 trees of any depth over
// bootstrapped rows, each split chosen of √width features.
type Growth struct {
	Trees    int  `json:"trees,omitempty"`    // 0 is 100
	Depth    int  `json:"depth,omitempty"`    // splits above a leaf at the most; 0 is 64
	Leaf     int  `json:"leaf,omitempty"`     // different rows in a leaf at the least; 0 is 1
	Features int  `json:"features,omitempty"` // looked at for a split; 0 is √width
	Whole    bool `json:"whole,omitempty"`    // every tree sees every row once
}

const (
	maxTrees = 1 << 14
	maxDepth = 64
)

func (g Growth) check(width int) error {
	if min(g.Trees, g.Depth, g.Leaf, g.Features) < 0 || g.Trees > maxTrees || g.Depth > maxDepth || g.Features > width {
		return fault.New(fault.Invalid, "a forest of %d trees %d deep with %d rows a leaf and %d of %d features a split: at most %d trees, %d deep",
			g.Trees, g.Depth, g.Leaf, g.Features, width, maxTrees, maxDepth)
	}
	return nil
}

func (g Growth) withDefaults(width int) Growth {
	if g.Trees == 0 {
		g.Trees = 100
	}
	if g.Depth == 0 {
		g.Depth = maxDepth
	}
	g.Leaf = max(g.Leaf, 1)
	if g.Features == 0 {
		g.Features = max(int(math.Sqrt(float64(width))), 1)
	}
	return g
}

// Forest is a random forest (Breiman 2001): its prediction is the mean over trees
// of the mean result in the row's leaf. Splits are at most 255 a feature and tree,
// at quantiles of the rows, which is all of them up to 256 different values.
type Forest struct {
	width  int
	growth Growth
	grown  uint64 // trees ever grown, so that no two have one seed
	trees  []tree
	gain   []float64 // of each feature: the squared error that its splits took away
	voters []voter   // of a forest of forests; none: this is one
}

// voter is the trees of one forest among those of others.
type voter struct {
	trees  int
	weight float64
}

// tree is its nodes, each before its left and its right branch.
type tree []node

type node struct {
	feature int32   // -1: a leaf
	right   int32   // where the right branch begins; the left one follows
	value   float64 // rows of at most this go left; a leaf's prediction
}

// NewForest makes a forest without trees, which predicts 0.
func NewForest(width int, g Growth) (*Forest, error) {
	if width < 1 || width > maxFeatures {
		return nil, fault.New(fault.Invalid, "a forest over %d features, expected 1 to %d", width, maxFeatures)
	}
	if err := g.check(width); err != nil {
		return nil, err
	}
	return &Forest{width: width, growth: g, gain: make([]float64, width)}, nil
}

// Vote makes the forest of several nodes' forests: each casts a vote of its weight
// for 1 or 0, and the prediction is the share of the weight that is for 1. Nil
// weights are equal ones. The trees are shared.
func Vote(forests []*Forest, weights []float64) (*Forest, error) {
	if len(forests) == 0 || weights != nil && len(weights) != len(forests) {
		return nil, fault.New(fault.Invalid, "a vote of %d forests with %d weights", len(forests), len(weights))
	}
	out := &Forest{width: forests[0].width, gain: make([]float64, forests[0].width)}
	for i, f := range forests {
		w := 1.0
		if weights != nil {
			w = weights[i]
		}
		if f.width != out.width || f.voters != nil || len(f.trees) == 0 || !(w > 0 && w <= largestNumber) {
			return nil, fault.New(fault.Invalid, "forest %d of a vote: %d trees over %d features with a weight of %v", i, len(f.trees), f.width, w)
		}
		out.trees = append(out.trees, f.trees...)
		out.voters = append(out.voters, voter{len(f.trees), w})
		for j, g := range f.gain {
			out.gain[j] += g
		}
	}
	return out, nil
}

// Width is the number of features.
func (f *Forest) Width() int { return f.width }

// Fit grows all trees anew.
func (f *Forest) Fit(rows Rows, how Training) error {
	return f.grow(rows, how.Seed, f.growth.withDefaults(f.width).Trees, true)
}

// Update grows a quarter of the trees, one at least, on these rows, in place of the
// oldest ones. A forest without trees is fitted.
func (f *Forest) Update(rows Rows, how Training) error {
	if len(f.trees) == 0 {
		return f.Fit(rows, how)
	}
	return f.grow(rows, how.Seed, max(f.growth.withDefaults(f.width).Trees/4, 1), false)
}

func (f *Forest) grow(rows Rows, seed uint64, count int, anew bool) error {
	if f.voters != nil {
		return fault.New(fault.Invalid, "a vote of forests is not trained")
	}
	if err := rows.fits(f.width, true); err != nil {
		return err
	}
	if rows.Len() > math.MaxInt32 {
		return fault.New(fault.Invalid, "%d rows are too many for a forest", rows.Len())
	}
	if anew {
		f.trees, f.grown = nil, 0
		clear(f.gain)
	}
	g := f.growth.withDefaults(f.width)
	b := newGrower(rows, g, f.gain)
	trees := f.trees
	for range count {
		trees = append(trees, b.tree(rand.New(rand.NewPCG(seed, f.grown+1))))
		f.grown++
	}
	f.trees = slices.Clone(trees[max(len(trees)-g.Trees, 0):])
	return nil
}

// Importance returns the share of each feature in what all splits took away of the
// squared error, of classes the Gini impurity; zeros where there are no splits.
func (f *Forest) Importance() []float64 {
	out := slices.Clone(f.gain)
	sum := 0.0
	for _, g := range out {
		sum += g
	}
	for i := range out {
		if sum > 0 {
			out[i] /= sum
		}
	}
	return out
}

// Predict writes the prediction for each row.
func (f *Forest) Predict(rows Rows, out []float64) error {
	if err := rows.fits(f.width, false); err != nil {
		return err
	}
	if len(out) != rows.Len() {
		return fault.New(fault.Invalid, "%d predictions for %d rows", len(out), rows.Len())
	}
	for i := range out {
		out[i] = f.predict(rows.Row(i))
	}
	return nil
}

func (f *Forest) predict(row []float64) float64 {
	if f.voters == nil {
		return meanOf(f.trees, row)
	}
	at, votes, all := 0, 0.0, 0.0
	for _, v := range f.voters {
		if meanOf(f.trees[at:at+v.trees], row) >= 0.5 {
			votes += v.weight
		}
		at, all = at+v.trees, all+v.weight
	}
	return votes / all
}

func meanOf(trees []tree, row []float64) float64 {
	sum := 0.0
	for _, t := range trees {
		i := int32(0)
		for t[i].feature >= 0 {
			if row[t[i].feature] <= t[i].value {
				i++
			} else {
				i = t[i].right
			}
		}
		sum += t[i].value
	}
	return sum / float64(max(len(trees), 1))
}

// AppendBinary appends the trees, and what Update and Importance need.
func (f *Forest) AppendBinary(b []byte) ([]byte, error) {
	return seal(b, kindForest, func(b []byte) []byte {
		g := f.growth
		whole := uint64(0)
		if g.Whole {
			whole = 1
		}
		for _, v := range []uint64{uint64(f.width), uint64(g.Trees), uint64(g.Depth), uint64(g.Leaf), uint64(g.Features), whole, f.grown, uint64(len(f.voters))} {
			b = binary.AppendUvarint(b, v)
		}
		for _, v := range f.voters {
			b = appendFloat(binary.AppendUvarint(b, uint64(v.trees)), v.weight)
		}
		b = appendFloats(b, f.gain)
		b = binary.AppendUvarint(b, uint64(len(f.trees)))
		for _, t := range f.trees {
			b = binary.AppendUvarint(b, uint64(len(t)))
			for i, n := range t {
				b = appendFloat(binary.AppendUvarint(b, uint64(n.feature+1)), n.value)
				if n.feature >= 0 {
					b = binary.AppendUvarint(b, uint64(n.right)-uint64(i))
				}
			}
		}
		return b
	}), nil
}

func readForest(r *reader) (Model, error) {
	width := r.uvarint(maxFeatures)
	g := Growth{Trees: r.uvarint(maxTrees), Depth: r.uvarint(maxDepth), Leaf: r.uvarint(math.MaxInt32), Features: r.uvarint(maxFeatures), Whole: r.uvarint(1) == 1}
	grown, voters := r.uvarint(math.MaxInt64), r.uvarint(maxTrees)
	if r.err != nil {
		return nil, r.err
	}
	if width*8 > len(r.b) {
		return nil, fault.New(fault.Invalid, "a forest over %d features in %d bytes", width, len(r.b))
	}
	f, err := NewForest(width, g)
	if err != nil {
		return nil, err
	}
	f.grown = uint64(grown)
	sum := 0
	for range voters {
		v := voter{r.uvarint(maxTrees), r.float()}
		if r.err == nil && (v.trees == 0 || !(v.weight > 0 && v.weight <= largestNumber)) {
			r.fail("a forest with %d trees of the weight %v", v.trees, v.weight)
		}
		if r.err != nil {
			return nil, r.err
		}
		f.voters = append(f.voters, v)
		sum += v.trees
	}
	r.floats(f.gain)
	if i := notFinite(f.gain); i >= 0 {
		r.fail("a forest's gain %d is %v", i, f.gain[i])
	}
	count := r.uvarint(uint64(len(r.b)))
	for range count {
		if r.err != nil {
			break
		}
		f.trees = append(f.trees, readTree(r, width))
	}
	if voters > 0 && sum != count {
		r.fail("a forest of %d trees whose voters have %d", count, sum)
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return f, nil
}

// readTree reads nodes whose branches lie behind them, so that every way ends.
func readTree(r *reader, width int) tree {
	count := r.uvarint(uint64(len(r.b) / 9))
	if count == 0 {
		r.fail("a tree without nodes")
	}
	var t tree
	for i := range count {
		n := node{feature: int32(r.uvarint(uint64(width))) - 1, value: r.float()}
		if n.feature >= 0 {
			n.right = int32(min(i+r.uvarint(uint64(count)), count))
			if int(n.right) <= i+1 || int(n.right) >= count {
				r.fail("a tree's node %d of %d branches to %d", i, count, n.right)
			}
		}
		if !(math.Abs(n.value) <= largestNumber) {
			r.fail("a tree's node %d has the value %v", i, n.value)
		}
		if r.err != nil {
			return nil
		}
		t = append(t, n)
	}
	return t
}
