package twin

import (
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// noTime is the watermark before any event has been seen.
const noTime = math.MinInt64

// Batch is one micro-batch as the ledger has it. Times are microseconds since
// the epoch; math.MinInt64 is the watermark before any event.
type Batch struct {
	Closed    int64           // the watermark at the end of the batch before: decides lateness
	Watermark int64           // at the end of this batch: decides which windows leave
	Final     bool            // the input ends here: every group leaves
	Now       int64           // what now() is
	Rows      map[int][]InRow // by source, in the order in which job.Datasets has the reads
}

// InRow is one event of a source.
type InRow struct {
	Partition int32
	Seq       int64
	Values    map[string]any // by column; a column left out is null
}

// Hash computes a tag's hash from the values of the identity columns.
type Hash func(types []arrow.DataType, identity []any) uint64

// schema is the columns of one label with their types.
type schema map[string]arrow.Type

// row is one row within a job.
type row struct {
	label     int
	source    int // -1 after a grouping operation
	partition int32
	seq       int64
	// child is the ordinal among the rows made of one event: a FlatMap with n
	// elements turns ordinal c into c*n, c*n+1, ... c*n+n-1.
	child  int64
	time   any   // event time, or nil
	size   int64 // of the row's window in microseconds
	values map[string]any
}

// run is one interpretation of a job.
type run struct {
	job     *rdd.Job
	hash    Hash
	batch   Batch
	number  int // of the batch
	source  map[*rdd.Dataset]int
	schemas map[*rdd.Dataset]map[int]schema
	groups  map[*rdd.Dataset]map[string]*group
	waiting map[*rdd.Dataset]*waiting
	kept    map[*rdd.Dataset][]row // rows that wait in a Distinct, Sort, Limit or Sample
	told    map[string][]told      // rows that the job has written for itself
	exprs   map[string]expr.Node
	result  *Result
}

// Run interprets a job, whose reads must have schemas, over batches. Hash is
// called for tags with identity columns; nil makes every hash zero.
func Run(job *rdd.Job, batches []Batch, hash Hash) (*Result, error) {
	r := &run{
		job: job, hash: hash, source: map[*rdd.Dataset]int{}, schemas: map[*rdd.Dataset]map[int]schema{},
		groups: map[*rdd.Dataset]map[string]*group{}, waiting: map[*rdd.Dataset]*waiting{}, exprs: map[string]expr.Node{}, kept: map[*rdd.Dataset][]row{},
		told:   map[string][]told{},
		result: &Result{Loose: map[string]bool{}},
	}
	sets := job.Datasets()
	sinks := map[*rdd.Dataset]int{}
	for _, d := range sets {
		if _, ok := d.Op().(rdd.Read); ok {
			r.source[d] = len(r.source)
		}
		if _, ok := d.Op().(rdd.Write); ok {
			sinks[d] = len(sinks)
		}
		if err := r.derive(d); err != nil {
			return nil, fmt.Errorf("twin: %s: %w", d.Op().Kind(), err)
		}
	}
	r.result.Sinks = make([][]Row, len(sinks))
	wanted := scheduled(job)
	for _, r.batch = range batches {
		r.number++
		rows := map[*rdd.Dataset][]row{}
		for _, d := range sets {
			if !wanted[d] {
				continue
			}
			var in [][]row
			for _, p := range d.Parents() {
				in = append(in, rows[p])
			}
			out, err := r.step(d, in)
			if err != nil {
				return nil, fmt.Errorf("twin: %s: %w", d.Op().Kind(), err)
			}
			if i, ok := sinks[d]; ok {
				r.write(d, d.Op().(rdd.Write), i, out)
			}
			rows[d] = out
		}
	}
	return r.result, nil
}

// scheduled returns the datasets that the scheduled sinks are made of. Nothing
// becomes of the others, not even dead letters.
func scheduled(job *rdd.Job) map[*rdd.Dataset]bool {
	wanted := map[*rdd.Dataset]bool{}
	var want func(*rdd.Dataset)
	want = func(d *rdd.Dataset) {
		wanted[d] = true
		for _, p := range d.Parents() {
			want(p)
		}
	}
	for _, s := range job.Sinks {
		if len(job.Schedule) == 0 || slices.Contains(job.Schedule, s.Name()) {
			want(s)
		}
	}
	for again := true; again; { // what is wanted may read what the job writes for itself
		again = false
		for _, d := range job.Datasets() {
			op, ok := d.Op().(rdd.Broadcast)
			for _, s := range job.Sinks {
				if name, told := toldAs(s.Op().(rdd.Write)); ok && wanted[d] && told && name == op.Of && !wanted[s] {
					want(s)
					again = true
				}
			}
		}
	}
	return wanted
}

// emptyGlobal says that a Reduce without By gives its one row at the end even
// if no row came: counts of 0, all else null, as in SQL.
const emptyGlobal = true

// group is a group of a Reduce with everything that came into it.
type group struct {
	key   []any
	size  int64    // of its window: one for all rows of a group
	items [][]item // by aggregate
	rows  []row    // those of items
}

// item is the argument of an aggregate for one row.
type item struct {
	value any
	row   row
}

// each applies f to the rows with a label of labels (zero: all) and passes the
// others on. A row is dead-lettered for the reason that f gives, or where a
// strict() failed.
func (r *run) each(d *rdd.Dataset, labels rdd.LabelSet, in []row, f func(*scope, row) ([]row, string)) ([]row, error) {
	var out []row
	for _, x := range in {
		if labels != 0 && !labels.Has(x.label) {
			out = append(out, x)
			continue
		}
		s := r.scope(d.Parents()[0], x)
		made, dead := f(s, x)
		if s.err != nil {
			return nil, s.err
		}
		if s.failed {
			made, dead = nil, "strict"
		}
		if dead != "" {
			r.result.Dead = append(r.result.Dead, Dead{
				Reason: dead, Op: d.Op().Kind(), Source: x.source, Partition: x.partition, Seq: x.seq, Child: x.child,
			})
		}
		out = append(out, made...)
	}
	return out, nil
}

// scope is where expressions over a row of parent are evaluated.
func (r *run) scope(parent *rdd.Dataset, x row) *scope {
	return &scope{types: r.schemas[parent][x.label], row: x.values, now: arrow.Timestamp(r.batch.Now)}
}

// parse reads an expression once.
func (r *run) parse(s *scope, src string) expr.Node {
	if n, ok := r.exprs[src]; ok {
		return n
	}
	n, err := expr.Parse(src)
	if err != nil {
		s.unsupported("%q: %v", src, err)
		return &expr.Literal{}
	}
	r.exprs[src] = n
	return n
}
