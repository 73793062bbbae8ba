package driver_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// source has a number of splits of ten rows in one partition. Cut gives one of
// them at a time, whatever is wished.
type source struct {
	connectors.Source
	splits int64
	stall  int64         // the split at which Cut waits for its context's end; 0: none
	pause  time.Duration // before a split is there: Cut gives none meanwhile
	fails  []error       // what the first cuts say

	mu   sync.Mutex
	cuts int
	free time.Time // when the next split is there
}

func (s *source) Cut(ctx context.Context, from rdd.Offset, _ rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cuts++; s.cuts <= len(s.fails) {
		return nil, "", s.fails[s.cuts-1]
	}
	at, _ := strconv.ParseInt(string(from), 10, 64)
	switch {
	case s.stall > 0 && at >= s.stall:
		<-ctx.Done()
		return nil, "", ctx.Err()
	case at >= s.splits:
		return nil, from, io.EOF
	case s.pause > 0 && time.Now().Before(s.free):
		return nil, from, nil
	}
	s.free = time.Now().Add(s.pause)
	return []rdd.Split{{First: at * 10, Rows: 10, Bytes: -1}}, rdd.Offset(strconv.FormatInt(at+1, 10)), nil
}

// fleet stages one part for every task of stage 0 and makes a block for key
// group 0 of stage 1, where there is one.
type fleet struct {
	nodes []driver.Node
	takes time.Duration
	fails func(work.Task) error // nil: never
	hangs bool                  // tasks wait for their context's end

	mu       sync.Mutex
	ran      int
	released []rdd.BatchID
	begun    []int64 // epochs
}

func (f *fleet) Begin(_ context.Context, epoch int64) error {
	f.begun = append(f.begun, epoch)
	return nil
}

func (f *fleet) Nodes() []driver.Node { return f.nodes }

func (f *fleet) Run(ctx context.Context, node string, t work.Task) (work.Receipt, error) {
	f.mu.Lock()
	f.ran++
	f.mu.Unlock()
	if f.hangs {
		<-ctx.Done()
		return work.Receipt{}, ctx.Err()
	}
	time.Sleep(f.takes)
	if f.fails != nil {
		if err := f.fails(t); err != nil {
			return work.Receipt{}, err
		}
	}
	var r work.Receipt
	for _, s := range t.Splits {
		r.Tally.RowsIn += s.Rows
		r.Times = append(r.Times, work.PartTime{Max: s.First})
		r.Staged = append(r.Staged, rdd.Staged{Sink: 0, Rows: s.Rows, Part: fmt.Appendf(nil, "%d", s.First)})
		r.Blocks = append(r.Blocks, rdd.Block{Batch: t.Batch, Stage: t.Stage, Task: t.Index, Node: node})
	}
	return r, nil
}

func (f *fleet) Release(b rdd.BatchID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released = append(f.released, b)
}

// sink remembers what was published.
type sink struct {
	connectors.Sink
	fails []error // what the first publications say

	mu      sync.Mutex
	calls   int
	batches []rdd.Commit
	parts   []string
}

func (s *sink) Publish(_ context.Context, c rdd.Commit, parts []rdd.Staged) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls++; s.calls <= len(s.fails) {
		return s.fails[s.calls-1]
	}
	s.batches = append(s.batches, c)
	for _, p := range parts {
		s.parts = append(s.parts, string(p.Part))
	}
	return nil
}

// book is a ledger in memory that fails at first.
type book struct {
	fails []error

	mu      sync.Mutex
	calls   int
	entries []driver.Entry
}

func (b *book) Append(_ context.Context, entries ...driver.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls++; b.calls <= len(b.fails) {
		return b.fails[b.calls-1]
	}
	b.entries = append(b.entries, entries...)
	return nil
}

func (b *book) Replay(context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for _, e := range b.entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (b *book) Trim(context.Context, rdd.BatchID) error { return nil }

// rig is a run with everything around it.
type rig struct {
	source source
	fleet  fleet
	sink   sink
	book   book
	cfg    driver.Config
}

// newRig makes a job that reads splits of ten rows, stages them, and merges.
func newRig(splits int64) *rig {
	r := &rig{source: source{splits: splits}, fleet: fleet{nodes: []driver.Node{{Name: "a", Slots: 1}, {Name: "dead"}, {Name: "b", Slots: 1}}}}
	schema := arrow.NewSchema([]arrow.Field{{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_us}}, nil)
	read := rdd.From("test", nil)
	read = read.With(rdd.Read{Connector: "test", Schema: schema})
	r.cfg = driver.Config{
		Plan: &planner.Plan{
			Job: rdd.NewJob("job", nil).With(rdd.Settings{InFlight: 2, KeyGroups: 1}), Digest: "digest", Mode: planner.IDAG,
			Ops: []planner.Op{{Dataset: read}}, Reads: []int{0}, Writes: []int{0},
			Stages: []planner.Stage{
				{ID: 0, Sinks: []int{0}},
				{ID: 1, Source: -1, Inputs: []planner.Edge{{Stage: 0}}, Stateful: true},
			},
		},
		Sources: []connectors.Source{&r.source}, Sinks: []connectors.Sink{&r.sink}, Fleet: &r.fleet, Ledger: &r.book,
	}
	return r
}

func retries(n int) []error {
	var out []error
	for range n {
		out = append(out, fault.New(fault.Retry, "not now"))
	}
	return out
}
