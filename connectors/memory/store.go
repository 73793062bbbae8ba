// Package memory is a connector over record batches held by the program: for
// tests, and for jobs run from Go. A [Store] holds named tables to read and
// collects, by name, what is written.
//
//	store := memory.NewStore(mem)
//	defer store.Release()
//	err := store.Put("meter", []arrow.RecordBatch{b1, b2}, []arrow.RecordBatch{b3}) // two partitions
//	… run a job over connectors.NewRegistry(store.Kind()) …
//	for _, row := range store.Rows("per_meter") { … }
//
// # Memory
//
// Put retains its batches; reading lends slices of them, so the source copies
// nothing and its frames' buffers are those of the batches put, not the
// projection's. What is written is copied into the store's allocator, with
// dictionaries decoded. Release gives all of it back.
package memory

import (
	"errors"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Store holds tables to read and what was written, by name. It is safe for
// concurrent use.
type Store struct {
	mem memory.Allocator

	mu     sync.Mutex
	tables map[string]*table
	staged map[int64]part // by the id in their Staged
	lastID int64
	desks  map[string]bool // of sinks that publish what others of this store stage
	out    map[target]*output
}

// Batch is a record batch that was published. Record is the store's. Done is the
// list of operations that its writer says to have applied to the rows.
type Batch struct {
	ID     rdd.BatchID
	Label  string
	Done   []string
	Record arrow.RecordBatch
}

// Row is one row that was published. Values holds its non-null values as bool,
// int64, float64, string, [arrow.Timestamp], [arrow.Date32], [arrow.Duration], []byte
// (Binary), [json.Number] (decimals, with all their digits behind the point), []any
// (lists), map[string]any (structs) and [][2]any (maps, key and value of each entry in
// order). Within these a null is nil.
type Row struct {
	Batch  rdd.BatchID
	Label  string
	Values map[string]any
}

// target is one Write of a job: several may write to one name.
type target struct {
	name string
	sink int
}

type output struct {
	epoch     int64
	published map[rdd.BatchID]bool
	parts     []part
}

// part is what one Stage wrote.
type part struct {
	owner   *sink
	batches []Batch
}

func (p part) release() {
	for _, b := range p.batches {
		b.Record.Release()
	}
}

// NewStore returns an empty store that copies what is written into mem; nil
// means the Go heap.
func NewStore(mem memory.Allocator) *Store {
	if mem == nil {
		mem = memory.NewGoAllocator()
	}
	return &Store{mem: mem, tables: map[string]*table{}, staged: map[int64]part{}, out: map[target]*output{}, desks: map[string]bool{}}
}

// Put gives the table name its partitions, each a list of batches in sequence.
// All batches have one schema, of the engine's types; only a string may be plain
// in one and dictionary-encoded in another. A table can be put once.
func (s *Store) Put(name string, partitions ...[]arrow.RecordBatch) error {
	list := make([][]Batch, len(partitions))
	for i, p := range partitions {
		for _, b := range p {
			list[i] = append(list[i], Batch{Record: b})
		}
	}
	return s.put(name, list, false)
}

// PutBatches is Put for batches that were published: they keep their lists of operations
// applied, and columns that a batch lacks are null in its rows.
func (s *Store) PutBatches(name string, partitions ...[]Batch) error {
	return s.put(name, partitions, true)
}

func (s *Store) put(name string, partitions [][]Batch, unite bool) error {
	t, err := newTable(name, partitions, unite)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.tables[name]; ok {
		return fault.New(fault.Invalid, "memory: the table %q was put before", name)
	}
	t.retain()
	s.tables[name] = t
	return nil
}

// Batches returns what was published under name, by batch, sink and the order
// of the parts. They are lent until Release.
func (s *Store) Batches(name string) []Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var targets []target
	for t := range s.out {
		if t.name == name {
			targets = append(targets, t)
		}
	}
	slices.SortFunc(targets, func(a, b target) int { return a.sink - b.sink })
	var out []Batch
	for _, t := range targets {
		for _, p := range s.out[t].parts {
			out = append(out, p.batches...)
		}
	}
	slices.SortStableFunc(out, func(a, b Batch) int { return int(a.ID - b.ID) })
	return out
}

// Rows returns the rows published under name, in the order of [Store.Batches].
func (s *Store) Rows(name string) []Row {
	var out []Row
	for _, b := range s.Batches(name) {
		out = appendRows(out, b)
	}
	return out
}

// Release lets go of all tables and results. The store can be used again.
func (s *Store) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tables {
		t.release()
	}
	for _, p := range s.staged {
		p.release()
	}
	for _, o := range s.out {
		for _, p := range o.parts {
			p.release()
		}
	}
	clear(s.tables)
	clear(s.staged)
	clear(s.out)
}

// Kind describes the connector over this store.
func (s *Store) Kind() connectors.Kind {
	return connectors.Kind{
		Name:   "memory",
		Listed: true,
		Doc: "Tables held by the program itself, for tests and for jobs run from Go. " +
			"It exists only in Go programs that bring a store; the program idag does not have it, so that a job file with it runs only there. " +
			"A sink collects rows under a name; the store outlives the job.",
		Fields: []connectors.Field{
			{Name: "name", Type: connectors.String, Required: true, Main: true, Doc: "The table to read, or the name to collect under."},
			{Name: "split_rows", Type: connectors.Int, Default: int64(64 << 10), For: connectors.Reading, Doc: "Rows of one split at the most. Splits do not stop at batches."},
			{Name: "shuffle", Type: connectors.Int, Default: int64(0), For: connectors.Reading, Doc: "Seed of the order in which partitions are cut; 0 cuts them in turn."},
			{Name: "times", Type: connectors.Bool, Default: true, For: connectors.Reading, Doc: "Whether splits tell their range of event time."},
			{Name: "bounds", Type: connectors.Bool, Default: true, For: connectors.Reading, Doc: "Whether the bounds of columns are told, so that frames are left out, or pass by operations, where they allow it."},
		},
		Examples: []connectors.Example{
			{Title: "Read a table that the program has put", YAML: "read: {memory: meter}"},
			{Title: "The same in splits of 100 rows, for a test", YAML: "read: {memory: {name: meter, split_rows: 100, shuffle: 7}}"},
			{Title: "Collect rows", YAML: "write: {memory: per_meter}"},
		},
		Source: s.source,
		Sink:   s.sink,
	}
}

func (s *Store) table(name string) (*table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tables[name]; ok {
		return t, nil
	}
	names := make([]string, 0, len(s.tables))
	for n := range s.tables {
		names = append(names, n)
	}
	slices.Sort(names)
	text := "no table has this name"
	if n := connectors.Nearest(name, names); n != "" {
		text += "; did you mean \"" + n + "\"?"
	}
	return nil, &connectors.OptionError{Kind: "memory", Option: "name", Text: text}
}

// publish makes the staged parts of one sink visible. The first for a batch
// wins.
func (s *Store) publish(t target, c rdd.Commit, ids []int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.out[t]
	if o == nil {
		o = &output{published: map[rdd.BatchID]bool{}}
		s.out[t] = o
	}
	if c.Epoch < o.epoch {
		return fault.New(fault.Invalid, "memory: %s: epoch %d is over, %d has begun", t.name, c.Epoch, o.epoch)
	}
	var parts []part
	var err error
	for _, id := range ids {
		p, ok := s.staged[id]
		if !ok && !o.published[c.Batch] {
			err = errors.Join(err, fault.New(fault.Lost, "memory: %s: part %d of batch %d is gone", t.name, id, c.Batch))
		}
		parts = append(parts, p)
	}
	if err != nil {
		return err
	}
	for i, p := range parts {
		delete(s.staged, ids[i])
		if o.published[c.Batch] {
			p.release()
		}
	}
	if !o.published[c.Batch] {
		o.parts = append(o.parts, parts...)
	}
	for i := range parts {
		setID(parts[i].batches, c.Batch)
	}
	o.epoch, o.published[c.Batch] = c.Epoch, true
	return nil
}

func setID(batches []Batch, id rdd.BatchID) {
	for i := range batches {
		batches[i].ID = id
	}
}
