package executor

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/planner/work"
)

// meter finds out where the time of a task goes, and how many bytes each operation
// makes. At every moment one operation is at work: an operation that pushes rows to
// the next stops its own clock until they are through. So the times add up to that of
// the task. A nil meter measures nothing and costs nothing.
//
// The time for a chunk of several labels is divided among them by rows. What belongs
// to no chunk, such as reading, or what an outlet does at the end, is divided by
// the rows of the operation in the whole task.
type meter struct {
	run   *run
	at    account
	mark  time.Time
	spent map[work.OpLabel]cost
	loose map[int]cost // by operation: what belongs to no chunk
}

// account is what the clock runs for: an operation and the rows it has, or nil.
type account struct {
	op int
	c  *chunk
}

type cost struct {
	time  time.Duration
	bytes int64
}

func (c cost) plus(o cost) cost { return cost{c.time + o.time, c.bytes + o.bytes} }

// share is what n rows of all have of it.
func (c cost) share(n, all int64) cost {
	f := float64(n) / float64(all)
	return cost{time.Duration(float64(c.time) * f), int64(float64(c.bytes) * f)}
}

func newMeter(r *run) *meter {
	if !r.task.Measure {
		return nil
	}
	return &meter{run: r, at: account{op: -1}, mark: time.Now(), spent: map[work.OpLabel]cost{}, loose: map[int]cost{}}
}

// enter lets the clock run for an operation over the rows of c, or over none in
// particular, and returns what it ran for before, to be given to resume.
func (m *meter) enter(op int, c *chunk) account {
	if m == nil {
		return account{}
	}
	before := m.at
	m.resume(account{op, c})
	return before
}

// resume lets the clock run for an account that it ran for before.
func (m *meter) resume(a account) {
	if m == nil {
		return
	}
	now := time.Now()
	m.charge(m.at, cost{time: now.Sub(m.mark)})
	m.at, m.mark = a, now
}

func (m *meter) charge(a account, x cost) {
	rows := int64(0)
	if a.c != nil {
		a.c.each(func(_ int, n int64) { rows += n })
	}
	if rows == 0 {
		m.loose[a.op] = m.loose[a.op].plus(x)
		return
	}
	a.c.each(func(l int, n int64) {
		k := work.OpLabel{Op: a.op, Label: l}
		m.spent[k] = m.spent[k].plus(x.share(n, rows))
	})
}

// made notes the columns of out that an operation made: those that it was not
// given with in, which may be nil.
func (m *meter) made(op int, in, out *chunk) {
	if m == nil {
		return
	}
	var given []arrow.Array
	if in != nil {
		given = in.cols
	}
	m.charge(account{op, out}, cost{bytes: newBytes(given, out.cols)})
}

// newBytes is the size of the columns that are not among those given.
func newBytes(given, cols []arrow.Array) int64 {
	old := map[arrow.Array]bool{}
	for _, c := range given {
		old[c] = true
	}
	n := int64(0)
	for _, c := range cols {
		if !old[c] {
			n += dataSize(c.Data())
		}
	}
	return n
}

// read notes a batch that a source made.
func (m *meter) read(op int, b arrow.RecordBatch) {
	if m != nil && b != nil {
		m.charge(account{op: op}, cost{bytes: newBytes(nil, b.Columns())})
	}
}

// sent notes what an outlet put into blocks and parts: those of a receipt from the
// given ones on.
func (m *meter) sent(op int, r *work.Receipt, blocks, parts int) {
	if m == nil {
		return
	}
	n := int64(0)
	for i := range r.Blocks[blocks:] {
		n += r.Blocks[blocks+i].Bytes
	}
	for i := range r.Staged[parts:] {
		n += r.Staged[parts+i].Bytes
	}
	m.charge(account{op: op}, cost{bytes: n})
}

// dataSize is the size of the buffers of an array; those of a dictionary are
// shared, and not counted.
func dataSize(d arrow.ArrayData) int64 {
	n := int64(0)
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, child := range d.Children() {
		n += dataSize(child)
	}
	return n
}

// finish stops the clock and adds what was measured to the tally.
func (m *meter) finish() {
	if m == nil {
		return
	}
	m.resume(account{op: -1})
	m.run.tally.settle()
	ops := m.run.tally.Ops
	add := func(k work.OpLabel, x cost) {
		v := ops[k]
		v.Time, v.Bytes = v.Time+x.time, v.Bytes+x.bytes
		ops[k] = v
	}
	m.divide(add)
	for k, x := range m.spent {
		add(k, x)
	}
}

// divide hands out what belongs to no chunk. Time before there was an operation is
// that of the stage's root; what a source does is divided by the labels its rows got.
func (m *meter) divide(add func(work.OpLabel, cost)) {
	root := m.run.stage.Root
	m.loose[root.Op] = m.loose[root.Op].plus(m.loose[-1])
	delete(m.loose, -1)
	for op, x := range m.loose {
		by, rows := m.weights(op), int64(0)
		for _, n := range by {
			rows += n
		}
		if rows == 0 {
			add(work.OpLabel{Op: op, Label: root.Labels.First()}, x)
			continue
		}
		for l, n := range by {
			add(work.OpLabel{Op: op, Label: l}, x.share(n, rows))
		}
	}
}

// weights are the rows of an operation by label.
func (m *meter) weights(op int) map[int]int64 {
	out := map[int]int64{}
	root := m.run.stage.Root
	if scan, reads := root.Action.(physical.Scan); reads && op == root.Op {
		op = scan.Tag.Op
	}
	for k, v := range m.run.tally.Ops {
		if k.Op == op && v.In+v.Out > 0 {
			out[k.Label] = max(v.In, v.Out)
		}
	}
	return out
}
