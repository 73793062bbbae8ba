package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/kernel"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// modes are all plans of a job.
func modes() []planner.Mode {
	return []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged}
}

// TestInvariant is the property the project stands on: on random jobs, labelled
// batches and cuts, every plan on any number of executors gives the rows and
// the dead letters of an interpreter too simple to be wrong, and none leaves
// memory behind. A failure shrinks to a small job, printed as a job file.
func TestInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		sums := map[string]string{}
		for _, mode := range modes() {
			executors := rapid.IntRange(1, 4).Draw(t, "executors")
			sum, cuts, err := check(c, mode, executors)
			if err != nil {
				t.Fatalf("%s plan on %d executors: %v\n%s\n%s", mode, executors, err, jobfile.Format(c.Job), c)
			}
			if was, ok := sums[cuts]; ok && was != sum {
				t.Fatalf("%s plan on %d executors: the same ledger, but checksum %s instead of %s\n%s\n%s", mode, executors, sum, was, jobfile.Format(c.Job), c)
			}
			sums[cuts] = sum
		}
	})
}

// TestCutsDoNotMatter proves the other half of the invariant: over another ledger,
// with the input cut into other batches, the final rows are the same, as long as
// nothing is late, no expression asks for the time, and the job reads what it came to
// itself nowhere but on the way to the next result, with one batch in flight.
func TestCutsDoNotMatter(t *testing.T) {
	compared, recalling := 0, 0
	drawUntil(t, func() bool { return compared >= 10 && recalling >= 2 }, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		if strings.Contains(string(jobfile.Format(c.Job)), "now(") || c.CutsMatter {
			return
		}
		recalls := readsItself(c.Job)
		if recalls {
			c.Job = oneInFlight(c.Job)
		}
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode")]
		small, late, err := finalRows(c, mode)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, jobfile.Format(c.Job), c)
		}
		whole := c.Job.Settings
		whole.BatchRows, whole.InFlight = 1<<20, 1
		c.Job = c.Job.With(whole)
		large, lateToo, err := finalRows(c, mode)
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, jobfile.Format(c.Job), c)
		}
		if late+lateToo > 0 {
			return
		}
		compared++
		if recalls {
			recalling++
		}
		if small != large {
			t.Fatalf("%s plan: checksum %s in small batches, %s in large ones\n%s\n%s", mode, small, large, jobfile.Format(c.Job), c)
		}
	})
	if compared < 10 || recalling < 2 {
		t.Errorf("only %d jobs had nothing late, %d of them read their own results", compared, recalling)
	}
}

// readsItself reports whether a job reads rows that it wrote.
func readsItself(job *rdd.Job) bool {
	return slices.ContainsFunc(job.Datasets(), func(d *rdd.Dataset) bool { return d.Op().Kind() == "broadcast" })
}

// oneInFlight returns a job in which each window sees what the one before came to.
func oneInFlight(job *rdd.Job) *rdd.Job {
	one := job.Settings
	one.InFlight = 1
	return job.With(one)
}

// finalRows runs a case and returns the checksum of all it gave, and how many
// rows were late.
func finalRows(c *twin.Case, mode planner.Mode) (sum string, late int64, err error) {
	store := memory.NewStore(arrowmem.NewGoAllocator())
	defer store.Release()
	_, s, err := runCase(c, engine.Config{Mode: mode, Executors: 2, Mem: arrowmem.NewGoAllocator(), Keep: new(ledger.Memory)}, store, engine.Run)
	return s.Checksum, s.Late, err
}

// check runs a case in one plan and compares it with the twin, given the ledger
// that the run wrote. It returns the checksum, and the ledger's cuts.
func check(c *twin.Case, mode planner.Mode, executors int) (sum, cuts string, err error) {
	return checkWith(c, engine.Config{Mode: mode, Executors: executors})
}

func checkWith(c *twin.Case, cfg engine.Config) (sum, cuts string, err error) {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	store := memory.NewStore(mem)
	book := new(ledger.Memory)
	cfg.Mem, cfg.Keep = mem, book
	return checkBy(c, cfg, book, mem, store, engine.Run)
}

// runner is engine.Run, or something that comes to the same.
type runner func(context.Context, *rdd.Job, engine.Config) (engine.Summary, error)

func checkBy(c *twin.Case, cfg engine.Config, book *ledger.Memory, mem *arrowmem.CheckedAllocator, store *memory.Store, do runner) (sum, cuts string, err error) {
	got, summary, err := runCase(c, cfg, store, do)
	store.Release()
	if err != nil {
		return "", "", err
	}
	if left := mem.CurrentAlloc(); left != 0 {
		return "", "", fmt.Errorf("%d bytes of Arrow memory were not released", left)
	}
	batches, err := batchesOf(c, book)
	if err != nil {
		return "", "", err
	}
	want, err := twin.Run(c.Job, batches, hashOf)
	if err != nil {
		return "", "", err
	}
	if err := twin.Compare(got, want); err != nil {
		return "", "", fmt.Errorf("%w\nledger %+v", err, batches)
	}
	if err := inOrder(c, got, want); err != nil {
		return "", "", err
	}
	if n := summary.RowsTagged + summary.RowsPruned + atEntry(summary); n != summary.RowsIn {
		return "", "", fmt.Errorf("rows in %d, but tagged, pruned and dead-lettered at entry are %d", summary.RowsIn, n)
	}
	return summary.Checksum, fmt.Sprint(batches), nil
}

// inOrder compares the order of rows that are written as a Sort of one label, or a
// Limit of it, left them.
func inOrder(c *twin.Case, got, want *twin.Result) error {
	sink := -1
	for _, d := range c.Job.Datasets() {
		if _, ok := d.Op().(rdd.Write); !ok {
			continue
		}
		sink++
		from := d.Parents()[0]
		if _, ok := from.Op().(rdd.Limit); ok {
			from = from.Parents()[0]
		}
		if op, ok := from.Op().(rdd.Sort); !ok || op.As == 0 || d.Op().(rdd.Write).From != op.As || len(want.Loose) > 0 {
			continue
		}
		for i, row := range want.Sinks[sink] {
			if got.Sinks[sink][i].String() != row.String() {
				return fmt.Errorf("sink %d: row %d is %s, want %s", sink, i, got.Sinks[sink][i], row)
			}
		}
	}
	return nil
}

// atEntry counts the dead letters of labelling.
func atEntry(s engine.Summary) int64 {
	var n int64
	for why, ops := range s.Dead {
		for _, rows := range ops {
			if why == work.AbnormalTag || why == work.InaccurateTag || why == work.PartialRelease {
				n += rows
			}
		}
	}
	return n
}

func runCase(c *twin.Case, cfg engine.Config, store *memory.Store, do runner) (*twin.Result, engine.Summary, error) {
	if err := putInputs(c, cfg.Mem, store); err != nil {
		return nil, engine.Summary{}, err
	}
	return runInto(c, cfg, store.Kind(), store, do)
}

// runInto runs a case over tables that have been put, into a store.
func runInto(c *twin.Case, cfg engine.Config, kind connectors.Kind, store *memory.Store, do runner) (*twin.Result, engine.Summary, error) {
	ctx := context.Background()
	kind.Sink = store.Kind().Sink
	dead, err := kind.Sink(ctx, rdd.Options{"name": "dead letters"}, connectors.Env{Labels: []string{executor.LetterLabel}})
	if err != nil {
		return nil, engine.Summary{}, err
	}
	cfg.Kinds, cfg.Dead = connectors.NewRegistry(kind, broadcast.Kind()), dead
	s, err := do(ctx, c.Job, cfg)
	if err != nil {
		return nil, s, err
	}
	got := &twin.Result{}
	for _, d := range c.Job.Datasets() {
		if w, ok := d.Op().(rdd.Write); ok {
			var rows []twin.Row
			for _, r := range store.Rows(fmt.Sprint(w.Options["name"])) {
				rows = append(rows, twin.Row{Label: r.Label, Values: r.Values})
			}
			got.Sinks = append(got.Sinks, rows)
		}
	}
	for _, r := range store.Rows("dead letters") {
		got.Dead = append(got.Dead, deadOf(r.Values))
	}
	return got, s, nil
}

func deadOf(v map[string]any) twin.Dead {
	num := func(name string) int64 { n, _ := v[name].(int64); return n }
	kind, _, _ := strings.Cut(fmt.Sprint(v["operation"]), " ")
	return twin.Dead{Reason: fmt.Sprint(v["reason"]), Op: kind, Source: int(num("source")),
		Partition: int32(num("partition")), Seq: num("offset"), Child: num("child")}
}

// putInputs puts the tables of a case into a store.
func putInputs(c *twin.Case, mem arrowmem.Allocator, store *memory.Store) error {
	for i := range c.Inputs {
		parts := c.Inputs[i].Records(mem)
		if len(parts) == 0 || len(parts[0]) == 0 { // a table has its schema from a batch
			parts = append([][]arrow.RecordBatch{{emptyBatch(mem, c.Inputs[i].Schema)}}, parts[min(1, len(parts)):]...)
		}
		err := store.Put(c.Inputs[i].Name, parts...)
		for _, p := range parts {
			for _, b := range p {
				b.Release()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batchesOf is what a run's ledger says that each batch read, for the twin.
func batchesOf(c *twin.Case, book driver.Ledger) ([]twin.Batch, error) {
	var out []twin.Batch
	for e, err := range book.Replay(context.Background()) {
		if err != nil {
			return nil, err
		}
		if p, ok := e.(driver.Planned); ok {
			b := c.Batch(p.Splits)
			b.Closed, b.Watermark, b.Final, b.Now = p.Closed, p.Watermark, p.Final, p.Now
			out = append(out, b)
		}
	}
	return out, nil
}

// hashOf is the engine's tag hash of one event.
func hashOf(types []arrow.DataType, identity []any) uint64 {
	mem := arrowmem.NewGoAllocator()
	cols := make([]arrow.Array, len(types))
	for i, dt := range types {
		if d, ok := dt.(*arrow.DictionaryType); ok {
			dt = d.ValueType
		}
		cols[i] = twin.Array(mem, dt, identity[i:i+1])
	}
	defer func() {
		for _, a := range cols {
			a.Release()
		}
	}()
	return kernel.HashRows(cols, make([]uint64, 1))[0]
}

func emptyBatch(mem arrowmem.Allocator, s *arrow.Schema) arrow.RecordBatch {
	b := array.NewRecordBuilder(mem, s)
	defer b.Release()
	return b.NewRecordBatch()
}
