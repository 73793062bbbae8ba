package twin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// Case is a random job, its inputs and a ledger.
//
// What is drawn is well-typed and has one meaning. The generator keeps away
// from what is undefined, and from nothing else:
//
//   - sums, averages and deviations take floats of moderate size (NaN and the
//     infinities too), never such as cancel beyond the engine's 106 bits;
//   - standard deviations are written, and used in no expression;
//   - first and last take rows of one source that no Union or Reduce has given
//     the same origin;
//   - labels that meet in a Union or in a Reduce by window_start have windows of
//     the same size;
//   - the result of a Reduce has a label that nothing else gives;
//   - within FlatMap, Tag and aggregates nothing is strict.
type Case struct {
	Job    *rdd.Job
	Inputs []Input // by source, in the order in which job.Datasets has the reads
	Cuts   []Cut
	// CutsMatter says that rows depend on how the input is cut: the job reads its own
	// results elsewhere than on the way to the next of them.
	CutsMatter bool
}

// Cut is one batch of a ledger.
type Cut struct {
	Splits    []rdd.Split // Source, Partition, First and Rows are set
	Closed    int64
	Watermark int64
	Final     bool
	Now       int64
}

// Draw draws a case. Sources and sinks use the connector "memory" with the
// option "name"; the reads have their schemas. With a nil hash no case brings
// or writes hashes.
func Draw(t *rapid.T, hash Hash) *Case {
	g := &drawer{t: t, hash: hash}
	g.labels()
	g.oneTime = coin(t, 1, "one time column")
	g.results()
	g.source(0)
	if coin(t, 2, "two sources") {
		g.source(1)
	}
	early := coin(t, 1, "results first")
	for _, r := range g.told {
		if early {
			g.tell(r)
		}
	}
	for range even(t, 10, "operations") {
		g.operation()
	}
	for _, r := range g.told {
		if !early {
			g.tell(r)
		}
	}
	c := &Case{CutsMatter: g.cutsMatter, Job: rdd.NewJob("drawn", nil, g.sinks()...).Using(Functions())}
	if outputs := c.Job.Outputs(); len(outputs) > 1 && coin(t, 1, "schedule") {
		c.Job.Schedule = some(t, "scheduled", 1, outputs)
	}
	c.Job.Labels = slices.Concat(g.base, g.made(c.Job))
	c.Job.Settings = rdd.Settings{
		BatchRows: int64(small(t, 1, 50, "batch rows")), InFlight: small(t, 1, 3, "in flight"),
		Lateness:  one(t, "lateness", 0, time.Second, time.Hour),
		KeyGroups: small(t, 1, 5, "key groups"), FrameRows: one(t, "frame rows", 0, 1, 3, 64),
		Memory: one[int64](t, "memory", 0, 0, 1, 4000),
	}
	for _, d := range c.Job.Datasets() {
		if op, ok := d.Op().(rdd.Read); ok {
			c.Inputs = append(c.Inputs, g.inputs[op.Options["name"].(string)])
		}
	}
	for i := range c.Inputs {
		c.Inputs[i].draw(t, hash)
	}
	c.cut(t)
	return c
}

// cut draws a ledger: how the partitions are sliced, and watermarks that rise.
func (c *Case) cut(t *rapid.T) {
	n := 1 + even(t, 4, "batches")
	c.Cuts = make([]Cut, n)
	times := []int64{noTime}
	for source, in := range c.Inputs {
		for p, rows := range in.Partitions {
			at := 0
			for i := range c.Cuts {
				take := len(rows) - at
				if i < n-1 {
					take = rapid.IntRange(0, take).Draw(t, "split")
				}
				if take > 0 || coin(t, 3, "empty split") {
					c.Cuts[i].Splits = append(c.Cuts[i].Splits, rdd.Split{
						Source: source, Partition: int32(p), First: int64(at), Rows: int64(take), Last: i == n-1,
					})
				}
				at += take
			}
			for _, r := range rows {
				if x, ok := r["t0"].(arrow.Timestamp); ok && int64(x) < base+86_400_000_000 { // beyond, all would be late
					times = append(times, int64(x))
				}
			}
		}
	}
	mark := int64(noTime)
	for i := range c.Cuts {
		c.Cuts[i].Closed = mark
		mark = max(mark, times[even(t, len(times), "watermark")])
		c.Cuts[i].Watermark, c.Cuts[i].Final = mark, i == n-1
		c.Cuts[i].Now = base + int64(i)*1_000_000
	}
}

// Batch is the batch with the rows of splits, as an engine logged them. The
// caller sets its marks.
func (c *Case) Batch(splits []rdd.Split) Batch {
	b := Batch{Rows: map[int][]InRow{}}
	for _, s := range splits {
		for seq := s.First; seq < s.First+s.Rows; seq++ {
			b.Rows[s.Source] = append(b.Rows[s.Source], InRow{
				Partition: s.Partition, Seq: seq, Values: c.Inputs[s.Source].Partitions[s.Partition][seq],
			})
		}
	}
	return b
}

// Batches are the batches of the case's own ledger.
func (c *Case) Batches() []Batch {
	out := make([]Batch, len(c.Cuts))
	for i, cut := range c.Cuts {
		out[i] = c.Batch(cut.Splits)
		out[i].Closed, out[i].Watermark, out[i].Final, out[i].Now = cut.Closed, cut.Watermark, cut.Final, cut.Now
	}
	return out
}

// String prints job, inputs and ledger for a failed test.
func (c *Case) String() string {
	var b strings.Builder
	sets := c.Job.Datasets()
	fmt.Fprintf(&b, "labels %v, schedule %v, %+v\n", c.Job.Labels, c.Job.Schedule, c.Job.Settings)
	for i, d := range sets {
		var from []int
		for _, p := range d.Parents() {
			from = append(from, slices.Index(sets, p))
		}
		op := fmt.Sprintf("%+v", d.Op())
		if r, ok := d.Op().(rdd.Read); ok {
			op = fmt.Sprint(r.Options["name"])
		}
		fmt.Fprintf(&b, "%3d %v %s %s\n", i, from, d.Op().Kind(), op)
	}
	for i, in := range c.Inputs {
		fmt.Fprintf(&b, "source %d %q, %v\n", i, in.Name, in.Schema)
		for p, rows := range in.Partitions {
			for seq, r := range rows {
				fmt.Fprintf(&b, "  %d/%d %s\n", p, seq, Row{Values: r})
			}
		}
	}
	for i, cut := range c.Cuts {
		fmt.Fprintf(&b, "batch %d closed %s watermark %s final %v now %s:", i+1,
			mark(cut.Closed), mark(cut.Watermark), cut.Final, mark(cut.Now))
		for _, s := range cut.Splits {
			fmt.Fprintf(&b, " %d/%d[%d:%d]", s.Source, s.Partition, s.First, s.First+s.Rows)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func mark(us int64) string {
	if us == noTime {
		return "none"
	}
	return text(arrow.Timestamp(us))
}

// coin is true once in 2^n draws. It shrinks to false.
func coin(t *rapid.T, n int, what string) bool {
	for range n {
		if !rapid.Bool().Draw(t, what) {
			return false
		}
	}
	return true
}

// even is a number below n of at most 64, each as likely as any: the numbers
// that rapid draws are most often small. It shrinks to 0.
func even(t *rapid.T, n int, what string) int {
	v := 0
	for range 8 {
		v = 2*v + b2i(rapid.Bool().Draw(t, what))
	}
	return v % n
}

// one of several, that shrinks to the first.
func one[T any](t *rapid.T, what string, of ...T) T { return rapid.SampledFrom(of).Draw(t, what) }

func small(t *rapid.T, low, high int, what string) int {
	return rapid.IntRange(low, high).Draw(t, what)
}

// some is a subset of at least low elements, in their order.
func some[T any](t *rapid.T, what string, low int, of []T) []T {
	var out []T
	for i, x := range of {
		if len(of)-i+len(out) <= low || rapid.Bool().Draw(t, what) {
			out = append(out, x)
		}
	}
	return out
}
