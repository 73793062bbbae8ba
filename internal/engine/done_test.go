package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// TestHalfProcessed is linear(raw) = idag(edge(raw)): the operations that take rows one by
// one are cut at a random place for each label. One job, the edge, applies what is
// before it to some partitions of the input and writes the rows with their lists. The
// whole job then reads these, and the other partitions raw, and gives in every plan
// the rows that the twin gives on raw input, from a source with the same columns; the
// dead letters of both are the twin's. Raw partitions bear lists that differ from those
// of the edge somewhere: these prove nothing.
func TestHalfProcessed(t *testing.T) {
	var drawn, compared, entered, behind int
	enough := func() bool { return drawn >= 4000 || compared >= drawn/2 && entered >= drawn && behind >= drawn/10 }
	drawUntil(t, enough, func(t *rapid.T) {
		c := twin.Draw(t, hashOf)
		counts := !readsItself(c.Job) // the lists of others end where they begin to do so: they are taken besides
		if counts {
			drawn++
		}
		c.Job = placeless(c.Job)
		if placed(c.Job) || c.CutsMatter {
			return
		}
		batches, ok := inBatches(t, c)
		if !ok {
			return
		}
		h := halve(t, c)
		if eventLabels(h.edge) != eventLabels(c.Job) {
			return
		}
		mode := modes()[rapid.IntRange(0, 3).Draw(t, "mode of the edge")]
		mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
		edge := memory.NewStore(mem)
		defer edge.Release()
		early, err := h.atEdge(engine.Config{Mode: mode, Executors: 2, Mem: mem}, edge)
		if err != nil {
			t.Fatalf("the edge, %s plan: %v\n%s\n%s", mode, err, jobfile.Format(h.edge), c)
		}
		resolved, err := h.resolved(edge)
		if err != nil {
			t.Fatal(err)
		}
		want, err := twin.Run(resolved, batches, hashOf)
		if err != nil {
			t.Fatalf("%v\n%s", err, jobfile.Format(c.Job))
		}
		for _, mode := range modes() {
			got, s, err := h.atCentre(engine.Config{Mode: mode, Executors: rapid.IntRange(1, 3).Draw(t, "executors")}, edge)
			if err == nil && s.Late > 0 {
				continue
			}
			if err == nil {
				got.Dead = append(got.Dead, early.Dead...)
				err = twin.Compare(nowhere(got), nowhere(want))
			}
			if err == nil {
				err = h.balanced(s)
			}
			if err != nil {
				t.Fatalf("%s plan: %v\nthe edge\n%s\nthe whole\n%s\n%s", mode, err, jobfile.Format(h.edge), jobfile.Format(h.whole), c)
			}
			if counts {
				compared++
			}
		}
		if counts {
			entered += int(h.rows)
			behind += h.operations
		}
	})
	t.Logf("%d jobs drawn, %d runs compared, %d rows entered, %d operations besides tags were done", drawn, compared, entered, behind)
	if compared < drawn/2 || entered < drawn || behind < drawn/10 {
		t.Error("too few to prove anything")
	}
}

// placeless returns a job whose expressions ask for the hash of an event instead of
// its place, and for a time instead of that of the batch. All sources are
// read, and rows have a small identity.
func placeless(job *rdd.Job) *rdd.Job {
	in := strings.NewReplacer(rdd.ColSeq, rdd.ColHash, rdd.ColPart, rdd.ColHash, "now()", "TIMESTAMP '2024-01-01 00:00:00'").Replace
	list := func(set []rdd.Assign) []rdd.Assign {
		out := slices.Clone(set)
		for i := range out {
			out[i].Expr = in(out[i].Expr)
		}
		return out
	}
	out := rewritten(job, func(op rdd.Operation) rdd.Operation {
		switch op := op.(type) {
		case rdd.Tag:
			if op.HashColumn == "" {
				op.Identity = op.Identity[:1] // where more are, most operations change one
			}
			return op
		case rdd.Map:
			op.Set = list(op.Set)
			return op
		case rdd.Filter:
			op.Where = in(op.Where)
			return op
		case rdd.FlatMap:
			op.Rows = slices.Clone(op.Rows)
			for i := range op.Rows {
				op.Rows[i] = list(op.Rows[i])
			}
			return op
		case rdd.Reduce:
			op.Get = list(op.Get)
			return op
		default:
			return op
		}
	})
	out.Schedule = nil
	return out
}

// placed reports whether the final rows of a job depend on more than the events: on
// the time of a batch, or on the place of an event in its source, which is another
// where rows were written in between.
func placed(job *rdd.Job) bool {
	text := string(jobfile.Format(job))
	for _, s := range []string{"now(", "unix_timestamp()", rdd.ColSeq, rdd.ColPart, "first(", "last(", "sample("} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return slices.ContainsFunc(job.Datasets(), func(d *rdd.Dataset) bool {
		switch op := d.Op().(type) {
		case rdd.Limit, rdd.Sample:
			return true
		case rdd.Distinct:
			return len(op.By) > 0
		default:
			return false
		}
	})
}

// inBatches are all rows in one batch, or, for a job in which each window sees what the
// one before came to, in those of a run in which nothing is late.
func inBatches(t *rapid.T, c *twin.Case) ([]twin.Batch, bool) {
	if !readsItself(c.Job) {
		return inOneBatch(c), true
	}
	c.Job = oneInFlight(c.Job)
	book, store := new(ledger.Memory), memory.NewStore(nil)
	defer store.Release()
	_, s, err := runCase(c, engine.Config{Mem: arrowmem.NewGoAllocator(), Keep: book}, store, engine.Run)
	if err != nil {
		t.Fatalf("%v\n%s", err, jobfile.Format(c.Job))
	}
	batches, err := batchesOf(c, book)
	if err != nil {
		t.Fatal(err)
	}
	return batches, s.Late == 0
}

// inOneBatch is all input of a case, of which nothing is late.
func inOneBatch(c *twin.Case) []twin.Batch {
	var all []rdd.Split
	for _, cut := range c.Cuts {
		all = append(all, cut.Splits...)
	}
	b := c.Batch(all)
	last := c.Batches()[len(c.Cuts)-1]
	b.Closed, b.Watermark, b.Final, b.Now = c.Batches()[0].Closed, last.Watermark, true, last.Now
	return []twin.Batch{b}
}

// nowhere is a result without the places of its dead letters, in one order.
func nowhere(r *twin.Result) *twin.Result {
	out := *r
	out.Dead = nil
	for _, d := range r.Dead {
		out.Dead = append(out.Dead, twin.Dead{Reason: d.Reason, Op: d.Op, Source: min(d.Source, 0)})
	}
	return &out
}

// halves is a job cut in two.
type halves struct {
	c           *twin.Case
	edge, whole *rdd.Job
	parts       []map[int]bool // by source: partitions that go by the edge
	lies        []map[int]int  // by source and partition: how the list of a raw one is made of one of the edge
	sinks       [][]string     // by source: the names under which the edge writes
	rows        int64          // that it wrote
	operations  int            // that it applies, besides tags
}

// halve draws where the trunk of each label is cut, and what goes by the edge.
func halve(t *rapid.T, c *twin.Case) *halves {
	h := &halves{c: c}
	sets := c.Job.Datasets()
	var sinks []*rdd.Dataset
	source := 0
	for _, d := range sets {
		if _, ok := d.Op().(rdd.Tag); !ok {
			continue
		}
		h.parts, h.sinks, h.lies = append(h.parts, map[int]bool{}), append(h.sinks, nil), append(h.lies, map[int]int{})
		for p := range c.Inputs[source].Partitions {
			h.parts[source][p] = rapid.IntRange(0, 3).Draw(t, "raw") > 0
			h.lies[source][p] = rapid.IntRange(0, 4).Draw(t, "lie")
		}
		for _, l := range labelsOf(c.Job, d).Each() {
			way := trunkOf(c.Job, d, l)
			cut := len(way) - 1 - rapid.IntRange(0, len(way)-1).Draw(t, "cut short by")
			for _, d := range way[1 : cut+1] {
				if actsOn(d, l) {
					h.operations++
				}
			}
			name := fmt.Sprintf("%d.%d", source, l)
			h.sinks[source] = append(h.sinks[source], name)
			sinks = append(sinks, way[cut].Write(rdd.Write{From: 1 << l, Connector: "memory", Options: rdd.Options{"name": name}}))
		}
		source++
	}
	edge := *c.Job
	edge.Sinks, edge.Schedule = sinks, nil
	// A label that no Reduce of the edge makes would be one that its tags may give.
	n := 0
	for _, l := range (eventLabels(c.Job) | edge.All()&^eventLabels(&edge)).Each() {
		n = max(n, l+1)
	}
	edge.Labels = edge.Labels[:n]
	h.edge = &edge
	return h
}

// eventLabels are the labels that tags may give.
func eventLabels(job *rdd.Job) rdd.LabelSet {
	out := job.All()
	for _, d := range job.Datasets() {
		out &^= d.Result()
	}
	return out
}

// labelsOf are the labels that a tag may give.
func labelsOf(job *rdd.Job, tag *rdd.Dataset) rdd.LabelSet {
	op := tag.Op().(rdd.Tag)
	out := op.Otherwise
	for _, r := range op.Rules {
		out |= r.Label
	}
	for _, l := range op.Values {
		out |= l
	}
	if op.Column != "" && len(op.Values) == 0 {
		out |= eventLabels(job)
	}
	return out
}

// trunkOf follows rows of a label from their Tag as long as there is one way, and what
// is done to them depends on them alone.
func trunkOf(job *rdd.Job, tag *rdd.Dataset, l int) []*rdd.Dataset {
	way := []*rdd.Dataset{tag}
	for {
		var next []*rdd.Dataset
		for _, d := range job.Datasets() {
			for _, p := range d.Parents() {
				if p == way[len(way)-1] {
					next = append(next, d)
				}
			}
		}
		if len(next) != 1 || len(next[0].Parents()) != 1 || actsOn(next[0], l) && retags(next[0], tag) {
			return way
		}
		switch op := next[0].Op().(type) {
		case rdd.Reduce, rdd.Shuffle:
			if actsOn(next[0], l) {
				return way
			}
		default:
			if !steady(op) { // what it makes dead letters of, of any label, the edge would
				return way
			}
		}
		way = append(way, next[0])
	}
}

func actsOn(d *rdd.Dataset, l int) bool {
	of := func(s rdd.LabelSet) bool { return s == 0 || s.Has(l) }
	switch op := d.Op().(type) {
	case rdd.Map:
		return of(op.For)
	case rdd.Filter:
		return of(op.For)
	case rdd.FlatMap:
		return of(op.For)
	case rdd.Window:
		return of(op.For)
	case rdd.Reduce:
		return of(op.From)
	case rdd.Shuffle:
		return of(op.From)
	default:
		return true
	}
}

func steady(op rdd.Operation) bool {
	switch op.(type) {
	case rdd.Map, rdd.Filter, rdd.FlatMap:
		text := fmt.Sprintf("%+v", op)
		return !strings.Contains(text, "strict(") && !strings.Contains(text, "unix_timestamp()")
	default:
		return false
	}
}

// retags reports whether an operation changes what the event time or the identity of a
// row is made of: behind it rows cannot be taken up.
func retags(d, tag *rdd.Dataset) bool {
	var sets []string
	switch op := d.Op().(type) {
	case rdd.Map:
		for _, s := range op.Set {
			sets = append(sets, s.Column)
		}
		sets = append(sets, op.Drop...)
	case rdd.FlatMap:
		sets = append(op.Columns(false), op.Columns(true)...)
	default:
	}
	op := tag.Op().(rdd.Tag)
	return slices.ContainsFunc(sets, func(c string) bool { return c == "t0" || slices.Contains(op.Identity, c) })
}

// atEdge runs the first half on the partitions that go by the edge.
func (h *halves) atEdge(cfg engine.Config, store *memory.Store) (*twin.Result, error) {
	part := *h.c
	part.Job = h.edge
	part.Inputs = slices.Clone(h.c.Inputs)
	for i := range part.Inputs {
		part.Inputs[i].Partitions = nil
		for p, rows := range h.c.Inputs[i].Partitions {
			if h.parts[i][p] {
				part.Inputs[i].Partitions = append(part.Inputs[i].Partitions, rows)
			}
		}
	}
	got, _, err := runCase(&part, cfg, store, engine.Run)
	for _, names := range h.sinks {
		for _, name := range names {
			for _, b := range store.Batches(name) {
				h.rows += b.Record.NumRows()
				if err == nil && len(b.Done) == 0 {
					err = fmt.Errorf("rows written under %s have no list", name)
				}
			}
		}
	}
	return got, err
}

// resolved is the whole job over sources that have the columns which the edge added
// besides those of the raw input.
func (h *halves) resolved(edge *memory.Store) (*rdd.Job, error) {
	store := memory.NewStore(nil)
	defer store.Release()
	schemas := map[any]*arrow.Schema{}
	for i, in := range h.c.Inputs {
		if err := h.put(i, arrowmem.NewGoAllocator(), edge, store); err != nil {
			return nil, err
		}
		src, err := connectors.NewRegistry(store.Kind()).Source(context.Background(), rdd.From("memory", rdd.Options{"name": in.Name}), connectors.Env{})
		if err != nil {
			return nil, err
		}
		if schemas[in.Name], err = src.Schema(context.Background()); err != nil {
			return nil, err
		}
		if err := src.Close(); err != nil {
			return nil, err
		}
	}
	return rewritten(h.c.Job, func(op rdd.Operation) rdd.Operation {
		if read, ok := op.(rdd.Read); ok {
			read.Schema = schemas[read.Options["name"]]
			return read
		}
		return op
	}), nil
}

// atCentre runs the whole job on what the edge wrote and the rest of the input.
func (h *halves) atCentre(cfg engine.Config, edge *memory.Store) (*twin.Result, engine.Summary, error) {
	ctx := context.Background()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	store := memory.NewStore(mem)
	defer store.Release()
	for i := range h.c.Inputs {
		if err := h.put(i, mem, edge, store); err != nil {
			return nil, engine.Summary{}, err
		}
	}
	kind := store.Kind()
	dead, err := kind.Sink(ctx, rdd.Options{"name": "dead letters"}, connectors.Env{Labels: []string{executor.LetterLabel}})
	if err != nil {
		return nil, engine.Summary{}, err
	}
	cfg.Mem, cfg.Kinds, cfg.Dead = mem, connectors.NewRegistry(kind, broadcast.Kind()), dead
	h.whole = trusting(h.c.Job, "done")
	s, err := engine.Run(ctx, h.whole, cfg)
	if err != nil {
		return nil, s, err
	}
	got := resultOf(h.whole, store)
	store.Release()
	if left := mem.CurrentAlloc(); left != 0 {
		err = fmt.Errorf("%d bytes of Arrow memory were not released", left)
	}
	return got, s, err
}

// put makes the table of an input of what the edge wrote of it and of the other
// partitions as they are. It has the columns of both.
func (h *halves) put(i int, mem arrowmem.Allocator, edge, store *memory.Store) error {
	in := h.c.Inputs[i]
	half := []memory.Batch{{Record: emptyBatch(mem, in.Schema)}}
	var keep []memory.Batch
	for _, name := range h.sinks[i] {
		half = append(half, edge.Batches(name)...)
	}
	keep = append(keep, half[0])
	parts := [][]memory.Batch{half}
	for p, list := range in.Records(mem) {
		var raw []memory.Batch
		for _, b := range list {
			raw = append(raw, memory.Batch{Record: b, Done: lie(half[len(half)-1].Done, h.lies[i][p])})
		}
		keep = append(keep, raw...)
		if !h.parts[i][p] {
			parts = append(parts, raw)
		}
	}
	err := store.PutBatches(in.Name, parts...)
	for _, b := range keep {
		b.Record.Release()
	}
	return err
}

// lie makes of a list one that no rows of the job bear.
func lie(list []string, how int) []string {
	out := slices.Clone(list)
	switch {
	case how == 0 || len(list) == 0:
		return nil
	case how == 1:
		return append(out, out[len(out)-1])
	case how == 2:
		out[len(out)-1] += "0"
		return out
	case how == 3:
		slices.Reverse(out)
		return append(out, out[0])
	}
	return append([]string{"without:t0"}, out...)
}

// trusting returns a job whose reads, of sources whose schemas are not known, say what
// becomes of done-lists.
func trusting(job *rdd.Job, trust string) *rdd.Job {
	return rewritten(job, func(op rdd.Operation) rdd.Operation {
		if read, ok := op.(rdd.Read); ok {
			read.Schema, read.Trust = nil, trust
			return read
		}
		return op
	})
}

// rewritten returns a job with other operations.
func rewritten(job *rdd.Job, change func(rdd.Operation) rdd.Operation) *rdd.Job {
	known := map[*rdd.Dataset]*rdd.Dataset{}
	for _, d := range job.Datasets() {
		var parents []*rdd.Dataset
		for _, p := range d.Parents() {
			parents = append(parents, known[p])
		}
		known[d] = d.With(change(d.Op()), parents...)
	}
	out := *job
	out.Sinks = nil
	for _, s := range job.Sinks {
		out.Sinks = append(out.Sinks, known[s])
	}
	return &out
}

// balanced checks that every row that the edge wrote was taken up behind what was
// done to it, and none was looked at again.
func (h *halves) balanced(s engine.Summary) error {
	if n := s.RowsTagged + s.RowsPruned + atEntry(s); n != s.RowsIn {
		return fmt.Errorf("rows in %d, but tagged, pruned and dead-lettered at entry are %d", s.RowsIn, n)
	}
	var done, tagged int64
	for _, ops := range s.Bypassed["done"] {
		for op, n := range ops {
			if strings.HasPrefix(op, "tag#") {
				done += n
			}
		}
	}
	for op, labels := range s.Operations {
		for _, n := range labels {
			if strings.HasPrefix(op, "tag#") {
				tagged += n.In
			}
		}
	}
	if s.Form == "" && done != h.rows || s.Form != "" && done != 0 {
		return fmt.Errorf("%d rows passed by their tags, %d were written with a list", done, h.rows)
	}
	if tagged != s.RowsTagged-h.rows {
		return fmt.Errorf("%d rows were tagged anew, of %d tagged rows %d had been before", tagged, s.RowsTagged, h.rows)
	}
	return nil
}

// resultOf is what a job wrote to a store.
func resultOf(job *rdd.Job, store *memory.Store) *twin.Result {
	got := &twin.Result{}
	for _, d := range job.Datasets() {
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
	return got
}
