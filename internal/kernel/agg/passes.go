package agg

// pass is a loop over rows of many groups that does the work of several aggregates
// at once: what is known of one column of floats without a null, and counts that
// every row moves. The state of a row's group is found and brought into the cache
// once for all of them.
type pass struct {
	vals    []float64 // the whole column; nil: counts only
	sum     int       // where in the row of a group the sum is
	extreme int       // where the largest word in order is
	flip    uint64    // turns order around, for min
	counts  [2]int    // where there is a count
}

// nowhere is the offset of what a pass does not have.
const nowhere = -1

// plan shares the aggregates out to passes. Those left over are in rest: they go
// by themselves.
func (t *Table) plan(in []column) {
	t.passes, t.rest, t.counts = t.passes[:0], t.rest[:0], t.counts[:0]
	for i := range t.aggs {
		a, c := &t.aggs[i], &in[i]
		off := t.index.kw + a.off
		switch {
		case c.valid == nil && a.fn == count:
			t.counts = append(t.counts, off)
		case c.valid != nil || a.kind != floats || len(c.words) == 0:
			t.rest = append(t.rest, i)
		case a.fn == sum || a.fn == avg:
			t.pass(c, func(p *pass) bool { return p.sum == nowhere }).sum = off
			if a.fn == avg {
				t.counts = append(t.counts, off+2)
			}
		case a.fn == minimum || a.fn == maximum:
			p := t.pass(c, func(p *pass) bool { return p.extreme == nowhere })
			p.extreme, p.flip = off, a.flip()
		default:
			t.rest = append(t.rest, i)
		}
	}
	for i := range t.passes {
		if p := &t.passes[i]; p.sum != nowhere {
			t.takeCounts(p)
		}
	}
	for len(t.counts) > 0 {
		t.passes = append(t.passes, pass{sum: nowhere, extreme: nowhere})
		t.takeCounts(&t.passes[len(t.passes)-1])
	}
}

// pass returns a pass over column c that has room, a new one if need be.
func (t *Table) pass(c *column, room func(*pass) bool) *pass {
	for i := range t.passes {
		if p := &t.passes[i]; &p.vals[0] == &c.floats(0, 1)[0] && room(p) {
			return p
		}
	}
	t.passes = append(t.passes, pass{vals: asFloats(c.words), sum: nowhere, extreme: nowhere, counts: [2]int{nowhere, nowhere}})
	return &t.passes[len(t.passes)-1]
}

// takeCounts moves counts that are not in a pass yet to p.
func (t *Table) takeCounts(p *pass) {
	p.counts = [2]int{nowhere, nowhere}
	t.counts = t.counts[copy(p.counts[:], t.counts):]
}

// summing says whether all that there is to do are sums, with a count at the most:
// their passes can find groups by the codes of a dictionary, which spares one that
// writes the groups.
func (t *Table) summing() bool {
	for i := range t.passes {
		if p := &t.passes[i]; p.sum == nowhere || p.extreme != nowhere || p.counts[1] != nowhere {
			return false
		}
	}
	return len(t.rest) == 0
}

// sum adds a chunk of rows from lo on, of the groups that dense has by code.
func (t *Table) sum(lo int) {
	codes, direct := t.dense.last.codes, t.dense.direct
	for i := range t.passes {
		p := &t.passes[i]
		v := p.view(t.index)
		v.addBy(p.vals[lo:lo+len(codes)], codes, direct)
	}
}

// run adds a chunk of rows from lo on.
func (p *pass) run(x *index, lo int, ids []int32) {
	v := p.view(x)
	if p.vals == nil {
		v.count(ids)
		return
	}
	vals := p.vals[lo : lo+len(ids)]
	switch {
	case p.sum == nowhere:
		v.max(vals, ids)
	case p.extreme == nowhere:
		v.add(vals, ids)
	default:
		v.addMax(vals, ids)
	}
}

// passView is the states of a table as a pass sees them: a slice for each word of
// a group, which begins at that word of the first, so that one number leads to all
// of them. What the pass does not have is nil.
type passView struct {
	stride   int
	hi, lo   []float64
	extremes []uint64
	flip     uint64
	m, n     []uint64 // counts
}

func (p *pass) view(x *index) passView {
	v := passView{stride: x.stride, flip: p.flip}
	if p.sum != nowhere {
		v.hi, v.lo = asFloats(x.rows[p.sum:]), asFloats(x.rows[p.sum+1:])
	}
	for _, w := range []struct {
		off int
		to  *[]uint64
	}{{p.extreme, &v.extremes}, {p.counts[0], &v.m}, {p.counts[1], &v.n}} {
		if w.off != nowhere {
			*w.to = x.rows[w.off:]
		}
	}
	return v
}

func (v *passView) count(ids []int32) {
	m, n, stride := v.m, v.n, v.stride
	if n == nil {
		for _, g := range ids {
			m[int(g)*stride]++
		}
		return
	}
	for _, g := range ids {
		at := int(g) * stride
		m[at]++
		n[at]++
	}
}

func (v *passView) max(vals []float64, ids []int32) {
	extremes, stride, flip := v.extremes, v.stride, v.flip
	vals = vals[:len(ids)]
	for i, g := range ids {
		at := int(g) * stride
		if w := orderFloat(vals[i]) ^ flip; w > extremes[at] {
			extremes[at] = w
		}
	}
}

// add is add2 of every value, in a loop for each number of counts.
func (v *passView) add(vals []float64, ids []int32) {
	hi, lo, m, n, stride := v.hi, v.lo, v.m, v.n, v.stride
	vals = vals[:len(ids)]
	switch {
	case m == nil:
		for i, g := range ids {
			at, e := int(g)*stride, 0.0
			hi[at], e = twoSum(hi[at], vals[i]+0) // never -0, which is no value
			lo[at] += e
		}
	case n == nil:
		for i, g := range ids {
			at, e := int(g)*stride, 0.0
			hi[at], e = twoSum(hi[at], vals[i]+0)
			lo[at] += e
			m[at]++
		}
	default:
		for i, g := range ids {
			at, e := int(g)*stride, 0.0
			hi[at], e = twoSum(hi[at], vals[i]+0)
			lo[at] += e
			m[at]++
			n[at]++
		}
	}
}

// addBy is add where direct has the group of each code.
func (v *passView) addBy(vals []float64, codes, direct []int32) {
	hi, lo, m, stride := v.hi, v.lo, v.m, v.stride
	vals = vals[:len(codes)]
	if m == nil {
		for i, code := range codes {
			at, e := int(direct[code])*stride, 0.0
			hi[at], e = twoSum(hi[at], vals[i]+0)
			lo[at] += e
		}
		return
	}
	for i, code := range codes {
		at, e := int(direct[code])*stride, 0.0
		hi[at], e = twoSum(hi[at], vals[i]+0)
		lo[at] += e
		m[at]++
	}
}

// addMax is add and max.
func (v *passView) addMax(vals []float64, ids []int32) {
	hi, lo, m, n, stride := v.hi, v.lo, v.m, v.n, v.stride
	extremes, flip := v.extremes, v.flip
	vals = vals[:len(ids)]
	if n == nil {
		for i, g := range ids {
			at, e := int(g)*stride, 0.0
			hi[at], e = twoSum(hi[at], vals[i]+0)
			lo[at] += e
			if w := orderFloat(vals[i]) ^ flip; w > extremes[at] {
				extremes[at] = w
			}
			if m != nil {
				m[at]++
			}
		}
		return
	}
	for i, g := range ids {
		at, e := int(g)*stride, 0.0
		hi[at], e = twoSum(hi[at], vals[i]+0)
		lo[at] += e
		if w := orderFloat(vals[i]) ^ flip; w > extremes[at] {
			extremes[at] = w
		}
		m[at]++
		n[at]++
	}
}
