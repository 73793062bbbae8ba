package join

import "math"

// Pairs are the pairs of rows with equal keys, in the order of the rows that
// were found.
type Pairs struct {
	table        *Table
	ids          []int32
	lo, hi       []int64 // by row: the range of time, where the table has times
	row          int     // the next to begin with
	at, end      int32   // what is left of the rows of the group of row-1
	probe, build []int32
}

// Pairs returns the pairs of the rows that Find gave groups for. Of a table with
// times, row i only has the rows from lo[i] to hi[i], both included; a row with lo
// after hi has none.
func (t *Table) Pairs(ids []int32, lo, hi []int64) *Pairs {
	return &Pairs{table: t, ids: ids, lo: lo, hi: hi}
}

// Next returns the next pairs, at most limit of them, as rows of the other side
// and rows of the table's. They are lent until the next call; there are no more
// when they are empty.
func (p *Pairs) Next(limit int) (probe, build []int32) {
	p.probe, p.build = p.probe[:0], p.build[:0]
	for len(p.probe) < limit {
		if p.at == p.end && !p.begin() {
			break
		}
		n := min(int32(limit-len(p.probe)), p.end-p.at)
		p.build = append(p.build, p.table.rows[p.at:p.at+n]...)
		row := int32(p.row - 1)
		for range n {
			p.probe = append(p.probe, row)
		}
		p.at += n
	}
	return p.probe, p.build
}

// Skip leaves out what is left of the pairs of the row that the last pair of
// Next was of.
func (p *Pairs) Skip() { p.at = p.end }

// begin goes on to the next row that has a partner.
func (p *Pairs) begin() bool {
	for p.row < len(p.ids) {
		g := p.ids[p.row]
		p.row++
		if g == none {
			continue
		}
		p.at, p.end = p.span(g, p.row-1)
		if p.at < p.end {
			return true
		}
	}
	p.at, p.end = 0, 0
	return false
}

// span is where the partners of a row lie in the table's rows.
func (p *Pairs) span(g int32, row int) (from, to int32) {
	t := p.table
	from, to = t.starts[g], t.starts[g+1]
	if t.times == nil {
		return from, to
	}
	times := t.times[from:to]
	a := firstFrom(times, p.lo[row])
	if hi := p.hi[row]; hi < math.MaxInt64 {
		return from + int32(a), from + int32(a+firstFrom(times[a:], hi+1))
	}
	return from + int32(a), to
}

// firstFrom returns the place of the first time that is not before at.
func firstFrom(times []int64, at int64) int {
	lo, hi := 0, len(times)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); times[mid] < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Meet goes through all pairs at once, without making them: it sets the bits of the
// rows of the other side that have a partner in probe, and notes the partners in met.
// Either may be nil. A key that many rows of both sides have costs no more than others.
func (p *Pairs) Meet(probe []uint64, met *Met) {
	for i, g := range p.ids {
		if g == none {
			continue
		}
		from, to := p.span(g, i)
		if from >= to {
			continue
		}
		if probe != nil {
			probe[i>>6] |= 1 << (i & 63)
		}
		if met != nil {
			met.reach[from] = max(met.reach[from], to)
		}
	}
}

// Met is which rows of a table have a partner. It holds 4 bytes a row.
type Met struct {
	table *Table
	reach []int32 // by place in the table's rows: how far partners that begin there reach
}

// Met returns a note that no row of the table has a partner yet.
func (t *Table) Met() *Met { return &Met{table: t, reach: make([]int32, len(t.rows))} }

// Rows sets the bits of the rows that have a partner.
func (m *Met) Rows(set []uint64) {
	end := int32(0)
	for at, to := range m.reach {
		if end = max(end, to); int32(at) < end {
			row := m.table.rows[at]
			set[row>>6] |= 1 << (row & 63)
		}
	}
}
