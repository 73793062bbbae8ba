package agg

import "math"

// updateRun is update for n rows from lo on that are all of one group: a loop that
// keeps the group's state in registers, where one row after the other would wait
// for what the last one stored. It says whether it knows how: a count, or a column of
// 64-bit values, without a null.
func (a *aggregate) updateRun(s []uint64, c *column, lo, n int) bool {
	switch {
	case c.valid != nil:
		return false
	case a.fn == count:
		s[0] += uint64(n)
		return true
	case a.kind != floats && a.kind != ints || a.fn == first || a.fn == last || a.fn == distinct:
		return false
	}
	a.addRun(s, c.words[lo:lo+n])
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
