package planner

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// raw is the key of the schema of rows that have no label yet.
const raw = -1

// node is one operation under analysis: what Op says of it and what the
// compiler needs besides.
type node struct {
	Op
	op        rdd.Operation
	acts      rdd.LabelSet                    // labels here that the operation is for
	windows   map[int]time.Duration           // by label: size of the window that window_start is of
	overlap   rdd.LabelSet                    // labels whose window_start is not a multiple of that size
	maps      rdd.LabelSet                    // labels of which a FlatMap explodes a map
	pane      time.Duration                   // of a Window and the Reduces over it: the panes that its windows share, or 0
	fn        *fn.Func                        // of an Apply
	gap       time.Duration                   // of a Reduce that makes sessions
	slide     time.Duration                   // of such a Reduce: that of its windows
	consumers []int                           // operations over this one, ascending
	inlets    []int                           // by consumer: which of its inputs this one is
	join      *joined                         // of a Join
	exprs     map[string]expr.Node            // parsed expressions by mark, "set.net", "where"
	aggs      map[int]map[string]physical.Agg // Reduce: aggregates by From label and column
	need      map[int]map[string]bool         // by label: columns of the output that somebody reads
	own       map[int]map[string]bool         // the same where rows of other labels are elsewhere, as in the I-DAG plan
	takes     map[int]map[string]bool         // by label: columns of the input that the operation or somebody behind it reads
	known     map[int]map[string]values       // by label: columns of which all values are known
	dead      map[int]bool                    // labels for which nothing asks for what the operation computes
	input     map[int]*arrow.Schema           // schemas before the operation, by label
	spelled   []string                        // its own parameters, once they are
	stage     int                             // of a Reduce or Shuffle: the stage behind it, or -1
	wrong     bool                            // it or one of its parents is mistaken: its schemas mean nothing
}

// analysis is a job whose operations are checked and typed.
type analysis struct {
	job    *rdd.Job
	nodes  []*node
	index  map[*rdd.Dataset]int
	events rdd.LabelSet // labels that Tag may give: those that no Reduce makes
	asks   bool         // the job calls a function that asks what values are known

	// found are the answers of matters, by operation, inlet and label; nil while what
	// they follow from may still change.
	found map[[3]int]bool

	mistakes []mistake
}

// analyse checks every operation and derives the schema of every label behind
// it. All mistakes are reported, each at the author's line.
func analyse(job *rdd.Job) (*analysis, error) {
	a := &analysis{job: job, index: map[*rdd.Dataset]int{}}
	a.checkJob()
	if err := a.err(); err != nil {
		return nil, err
	}
	a.asks = asking(job)
	for id, d := range job.Datasets() {
		n := &node{Op: Op{ID: id, Dataset: d, Schemas: map[int]*arrow.Schema{}}, op: d.Op(),
			windows: map[int]time.Duration{}, exprs: map[string]expr.Node{}, known: map[int]map[string]values{}, stage: -1}
		a.index[d] = id
		a.nodes = append(a.nodes, n)
		a.check(n)
	}
	a.checkBroadcasts()
	a.schedule()
	return a, a.err()
}

// check ties an operation to its parents and derives its schemas. What stands
// behind a mistake is not looked at: it would only repeat it.
func (a *analysis) check(n *node) {
	before := len(a.mistakes)
	for i, p := range n.Dataset.Parents() {
		if p == nil {
			a.fail(n.Dataset.At(""), "%s: input %d is nil", n.op.Kind(), i+1)
			continue
		}
		parent := a.nodes[a.index[p]]
		n.Parents = append(n.Parents, parent.ID)
		parent.consumers = append(parent.consumers, n.ID) // twice for a union with itself
		parent.inlets = append(parent.inlets, i)
		n.wrong = n.wrong || parent.wrong
	}
	var made *rdd.Error
	if errors.As(n.Dataset.Err(), &made) {
		a.fail(made.At, "%s", made.Text)
	}
	if !n.wrong && len(a.mistakes) == before {
		a.derive(n)
	}
	n.wrong = n.wrong || len(a.mistakes) > before
}

// checkJob checks what does not depend on schemas.
func (a *analysis) checkJob() {
	j := a.job
	if len(j.Labels) == 0 || len(j.Labels) > rdd.LabelSet(0).Most() {
		a.fail(j.At, "a job declares 1 to %d labels, this one has %d", rdd.LabelSet(0).Most(), len(j.Labels))
	}
	for i, l := range j.Labels {
		if l == "" || slices.Index(j.Labels, l) != i {
			a.fail(j.At, "label %q is empty or declared twice", l)
		}
	}
	if len(j.Sinks) == 0 {
		a.fail(j.At, "job %q writes nothing: end a dataset in a write", j.Name)
	}
	a.checkSettings()
	a.checkSchedule()
	a.checkFunctions()
	for _, s := range j.Sinks {
		if s == nil {
			a.fail(j.At, "a sink of job %q is nil", j.Name)
			return
		}
		if _, ok := s.Op().(rdd.Write); !ok {
			a.fail(s.At(""), "a sink must end in write, this one ends in %s", s.Op().Kind())
		}
	}
	a.events = j.All()
	for _, d := range j.Datasets() {
		a.events &^= d.Result()
	}
}

// checkSettings refuses what no default can mend.
func (a *analysis) checkSettings() {
	s := a.job.Settings
	for _, c := range []struct {
		name  string
		value int64
	}{{"batch_rows", s.BatchRows}, {"batch_bytes", s.BatchBytes}, {"in_flight", int64(s.InFlight)},
		{"lateness", int64(s.Lateness)}, {"key_groups", int64(s.KeyGroups)}, {"frame_rows", int64(s.FrameRows)}, {"memory", s.Memory},
		{"checkpoint_every", int64(s.CheckpointEvery)}, {"batch_wait", int64(s.BatchWait)}} {
		if c.value < 0 {
			a.fail(a.job.At, "settings: %s is negative", c.name)
		}
	}
	for _, c := range []struct {
		name  string
		value int
	}{{"key_groups", s.KeyGroups}, {"frame_rows", s.FrameRows}} {
		if c.value > math.MaxInt32 {
			a.fail(a.job.At, "settings: %s is over %d", c.name, math.MaxInt32)
		}
	}
}

// failExpr reports a mistake in the expression marked mark, at its place in
// the author's file where that is known. It is one for the labels given, or
// whatever the label is.
func (a *analysis) failExpr(n *node, mark, src string, labels rdd.LabelSet, err error) {
	at := n.Dataset.At(mark)
	here := rdd.LabelSet(0)
	if labels != 0 {
		here = labelsOf(n.input)
	}
	var e *expr.Error
	switch {
	case !errors.As(err, &e):
		a.failFor(labels, here, at, "%s: %v", n.op.Kind(), err)
	case at.Column == 0: // a Go call: only the line is known
		a.failFor(labels, here, at, "%s: in %q at %d:%d: %s", n.op.Kind(), around(src, e.Line, e.Column), e.Line, e.Column, e.Msg)
	default:
		a.failFor(labels, here, n.Dataset.AtText(mark, e.Line, e.Column), "%s: in %q: %s", n.op.Kind(), around(src, e.Line, e.Column), e.Msg)
	}
}

// around is the part of a long expression about a line and column, both from 1,
// with … where something is left out.
func around(src string, line, column int) string {
	const before, all = 40, 100 // characters
	text := []rune(src)
	if len(text) <= all {
		return src
	}
	at := 0
	for i, r := range text {
		if line == 1 {
			at = i
			break
		}
		if r == '\n' {
			line--
		}
	}
	from := max(min(at+column-1-before, len(text)-all), 0)
	to := min(from+all, len(text))
	out := string(text[from:to])
	if from > 0 {
		out = "…" + out
	}
	if to < len(text) {
		out += "…"
	}
	return out
}

// names spells labels for messages.
func (a *analysis) names(s rdd.LabelSet) string { return s.Names(a.job.Labels) }

// present returns the labels a row may have behind n.
func (n *node) present() rdd.LabelSet { return labelsOf(n.Schemas) }

func labelsOf(schemas map[int]*arrow.Schema) rdd.LabelSet {
	var s rdd.LabelSet
	for l := range schemas {
		if l != raw {
			s |= 1 << uint(l)
		}
	}
	return s
}

// one is the set of a label, empty for raw.
func one(label int) rdd.LabelSet {
	if label == raw {
		return 0
	}
	return 1 << uint(label)
}

// parse parses and keeps the expression marked mark.
func (a *analysis) parse(n *node, mark, src string) expr.Node {
	e, err := expr.Parse(src)
	if err != nil {
		a.failExpr(n, mark, src, 0, err)
		return nil
	}
	n.exprs[mark] = e
	return e
}

// typeFor checks e against the schema of label and returns its type, or nil
// after reporting the mistake.
func (a *analysis) typeFor(n *node, mark, src string, e expr.Node, label int, s *arrow.Schema) arrow.DataType {
	if e == nil {
		return nil
	}
	p, err := expr.Check(e, s)
	if err != nil {
		a.failExpr(n, mark, src, one(label), err)
		return nil
	}
	return p.Type()
}

// ordered returns the labels of s in ascending order.
func ordered[V any](m map[int]V) []int {
	out := make([]int, 0, len(m))
	for l := range m {
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

// field returns the named field of s, or nil.
func field(s *arrow.Schema, name string) *arrow.Field {
	if s == nil {
		return nil
	}
	if i := s.FieldIndices(name); len(i) > 0 {
		f := s.Field(i[0])
		return &f
	}
	return nil
}

// withField returns s with a field set, in its old place where it has one.
func withField(s *arrow.Schema, name string, t arrow.DataType) *arrow.Schema {
	f := arrow.Field{Name: name, Type: t, Nullable: true}
	fields := slices.Clone(s.Fields())
	if i := s.FieldIndices(name); len(i) > 0 {
		fields[i[0]] = f
	} else {
		fields = append(fields, f)
	}
	return arrow.NewSchema(fields, nil)
}

// without returns s without the named fields.
func without(s *arrow.Schema, names []string) *arrow.Schema {
	if len(names) == 0 {
		return s
	}
	var fields []arrow.Field
	for _, f := range s.Fields() {
		if !slices.Contains(names, f.Name) {
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// timestamp is the engine's one type of time.
func timestamp() arrow.DataType {
	return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
}

// system reports whether name is one of the columns that every tagged row has
// without being asked.
func system(name string) bool {
	switch name {
	case rdd.ColLabel, rdd.ColHash, rdd.ColSeq, rdd.ColPart, rdd.ColTime:
		return true
	}
	return false
}
