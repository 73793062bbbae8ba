package agg

import "math"

// manyGroups is the number of groups from which on rows are added one by one.
// Below it each group has some rows of every chunk: they are gathered, and added
// in a loop that keeps the state in registers.
const manyGroups = 64

// grouping says which rows of a chunk are of which group.
type grouping struct {
	ids  []int32 // of each row
	runs []run   // the same by group, where groups are few
	perm []int32 // the rows of all runs in turn; nil if in their own order

	space []int32 // for perm

	// The column last gathered.
	from *uint64
	vals []uint64
}

type run struct {
	group  int32
	lo, hi int // in perm
}

// sortRuns fills runs and perm by a counting sort.
func (at *grouping) sortRuns(groups int) {
	var ends [manyGroups]int
	for _, g := range at.ids {
		ends[g]++
	}
	sum := 0
	at.runs = at.runs[:0]
	for g := range groups {
		if n := ends[g]; n > 0 {
			at.runs = append(at.runs, run{int32(g), sum, sum + n})
		}
		sum, ends[g] = sum+ends[g], sum
	}
	at.perm = nil
	if len(at.runs) == 1 {
		return
	}
	if len(at.space) < len(at.ids) {
		at.space, at.vals = make([]int32, len(at.ids)), make([]uint64, len(at.ids))
	}
	at.perm = at.space[:len(at.ids)]
	for i, g := range at.ids {
		at.perm[ends[g]] = int32(i)
		ends[g]++
	}
}

// gather returns the words of a chunk of a column in the order of the runs.
func (at *grouping) gather(c *column, lo int) []uint64 {
	words := c.words[lo : lo+len(at.ids)]
	if at.perm == nil || len(words) == 0 {
		return words
	}
	if at.from != &words[0] {
		at.from = &words[0]
		vals := at.vals[:len(words)]
		for i, r := range at.perm {
			vals[i] = words[r]
		}
	}
	return at.vals[:len(words)]
}

// updateRuns is update for few groups and a column of 64-bit values without a
// null. It says whether it knows how.
func (a *aggregate) updateRuns(st states, c *column, lo int, at *grouping) bool {
	if a.fn == count {
		for _, r := range at.runs {
			st.at(r.group)[0] += uint64(r.hi - r.lo)
		}
		return true
	}
	if a.kind != floats && a.kind != ints || a.fn == first || a.fn == last || a.fn == distinct {
		return false
	}
	vals := at.gather(c, lo)
	for _, r := range at.runs {
		a.addRun(st.at(r.group), vals[r.lo:r.hi])
	}
	return true
}

// addRun adds values to the state of one group.
func (a *aggregate) addRun(s, vals []uint64) {
	switch a.fn {
	case minimum, maximum:
		s[0] = max(s[0], extreme(a.kind, vals, a.flip()))
		if a.kind == ints {
			s[1] = seen
		}
	case stddev:
		f := asFloats(s[:6])
		sum, squares := (*[3]float64)(f), (*[3]float64)(f[3:])
		for _, w := range vals {
			v := math.Float64frombits(w)
			if a.kind == ints {
				v = float64(int64(w))
			}
			add3(sum, v)
			addSquare(squares, v)
		}
		s[6] += uint64(len(vals))
	default:
		if a.kind == ints {
			sum128((*[2]uint64)(s), vals)
		} else {
			sumFloats((*[2]float64)(asFloats(s[:2])), asFloats(vals))
		}
		if a.width == 3 {
			s[2] += uint64(len(vals))
		}
	}
}

func extreme(k kind, vals []uint64, flip uint64) uint64 {
	best := uint64(0)
	if k == ints {
		for _, w := range vals {
			best = max(best, w^1<<63^flip)
		}
		return best
	}
	for _, f := range asFloats(vals) {
		best = max(best, orderWord(floats, floatWord(f))^flip)
	}
	return best
}

func sum128(s *[2]uint64, vals []uint64) {
	t := *s
	for _, v := range vals {
		add128(&t, int64(v))
	}
	*s = t
}

// sumFloats is add2 of every value, on two sums at a time, since one would wait
// for its last addition.
func sumFloats(s *[2]float64, vals []float64) {
	h0, l0, h1, l1, e := s[0], s[1], 0.0, 0.0, 0.0
	i := 0
	for ; i+1 < len(vals); i += 2 {
		h0, e = twoSum(h0, vals[i])
		l0 += e
		h1, e = twoSum(h1, vals[i+1])
		l1 += e
	}
	if i < len(vals) {
		h1, e = twoSum(h1, vals[i])
		l1 += e
	}
	s[0], e = twoSum(h0, h1) // h1 is not -0, so neither is s[0]
	s[1] = l0 + l1 + e
}
