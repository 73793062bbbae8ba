package rdd

import (
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Operation is one node of a job: a plain value that prints, compares and
// serialises. The set is closed; gochecksumtype checks that every switch
// over it is whole.
//
//sumtype:decl
type Operation interface {
	// Kind is the operation's name in job files, plans and metrics.
	Kind() string
	operation()
}

// Options are a connector's settings as its Kind documents them: strings,
// numbers, booleans, lists of these, and mappings of names to strings.
type Options map[string]any

// Assign computes one column: in Map and FlatMap from an expression over the
// row, in Reduce from an aggregate over the group, such as "sum(wh - back)".
type Assign struct {
	Column string
	Expr   string
}

// Rule gives a label (exactly one bit) to the rows for which When is true.
type Rule struct {
	Label LabelSet
	When  string
}

// Read is a source. Its rows have no label yet: the one operation that may
// follow is Tag.
type Read struct {
	Connector string
	Options   Options
	// Schema is nil until the job is resolved against its sources.
	Schema *arrow.Schema
	// Trust says what becomes of rows that bear the digests of operations of this
	// job: "done" takes the operations for applied, "none" applies them anew. Empty, a
	// digest that matches stops the job with a question.
	Trust string
	// Site names the site, as executors announce theirs, where the source is: they read it
	// and carry out what follows up to the next shuffle. It decides no rows and is in no
	// digest. While the site has no executor, others do it.
	Site string
}

// Tag gives every event its label and its tag. The label comes from Column
// (whose values are label names, or are mapped to them by Values) or from
// Rules, of which the first that is true decides. A row that gets no label takes
// Otherwise; without that it is dead-lettered as an abnormal tag. So is, with
// Exclusive, a row for which rules of several labels are true.
type Tag struct {
	Column    string
	Values    map[string]LabelSet
	Rules     []Rule
	Exclusive bool
	Otherwise LabelSet
	// Identity are the columns whose hash is the event's.
	Identity []string
	// Time is the event time, an expression over the source's columns. The
	// watermark follows it. Empty: the time column of the job's windows.
	Time string
	// HashColumn and SeqColumn name the columns of input that brings its own
	// tags; a wrong hash is an inaccurate tag, a missing one a partial release.
	HashColumn string
	SeqColumn  string
}

// Map sets columns, replacing or adding, and then drops some. All expressions
// see the operation's input.
type Map struct {
	For  LabelSet
	Set  []Assign
	Drop []string
}

// Filter keeps the rows of For for which Where is true.
type Filter struct {
	For   LabelSet
	Where string
}

// FlatMap makes of every row of For one row for each element of Rows, in that
// order: the row's columns with the element's assignments over them. Every
// element must assign the same columns with the same types.
//
// With Explode, and no Rows, it makes one row for each element of an array, in the
// column As, or for each entry of a map, in the two columns of As: "col", or "key" and
// "value", where As is empty. Position, where given, is a column for the element's
// place, from 0. A row without elements gives none; with Outer it gives one, with nulls
// in these columns. Element i of a row with child ordinal c has the ordinal c*2^20+i.
type FlatMap struct {
	For      LabelSet
	Rows     [][]Assign
	Explode  string
	As       []string
	Position string
	Outer    bool
}

// Columns returns the columns that a FlatMap sets; those of the entries of a map or
// else of the elements of an array, where it explodes.
func (f FlatMap) Columns(ofMap bool) []string {
	var out []string
	if f.Explode == "" {
		if len(f.Rows) > 0 {
			for _, s := range f.Rows[0] {
				out = append(out, s.Column)
			}
		}
		return out
	}
	switch {
	case len(f.As) > 0:
		out = append(out, f.As...)
	case ofMap:
		out = append(out, "key", "value")
	default:
		out = append(out, "col")
	}
	if f.Position != "" {
		out = append(out, f.Position)
	}
	return out
}

// Window assigns rows to event-time windows: it adds the columns window_start
// and window_end (timestamps; the end is exclusive). A window begins at every
// multiple of Slide since the Unix epoch; with Slide zero, which stands for Size,
// windows tumble. With a smaller Slide they overlap, and a row becomes one row for
// each of its windows, the child ordinals following their order; with a larger
// one there are gaps, and a row in none of the windows is dropped.
//
// A row all of whose windows have left already is late: dead-lettered and
// counted. Of a row that has left some of its windows only, those copies are
// dropped and counted as late, without a dead letter.
//
// With Gap, and no Size, windows are sessions: of the rows with the same other
// keys of a Reduce by window_start, which must be the one thing directly behind, those
// that follow one another by less than the gap. A session is from its first row's time to
// its last one's plus the gap. It leaves when the watermark passes its end; a row is
// late if its own time had passed before, whether it would have joined a session
// or not.
type Window struct {
	For   LabelSet
	Time  string
	Size  time.Duration
	Slide time.Duration
	Gap   time.Duration
}

// Shuffle redistributes the rows of From by hash of Keys.
type Shuffle struct {
	From LabelSet
	Keys []string
}

// Reduce groups the rows of From by the columns By and computes aggregates.
// The result has the label As (exactly one bit) and the columns By, then Get.
// With window_start among By a group leaves when the watermark passes its
// window; otherwise when the input ends.
type Reduce struct {
	From LabelSet
	As   LabelSet
	By   []string
	Get  []Assign
}

// Union is all rows of its parents.
type Union struct{}

// Cache keeps what comes out of its parent, so that the same split of the same
// source need not be read and taken through the operations before again, by a later
// run or another job of the process. It changes no row. It is without effect where
// what comes out depends on more than the split: behind a Window, a grouping
// operation, now() or strict(), or where rows also go another way.
type Cache struct{}

// Write ends in a sink. Columns, where given, are the ones to write, in order;
// columns a label lacks are null.
type Write struct {
	From      LabelSet
	Connector string
	Options   Options
	Columns   []string
}

// Tumbling returns the operation Window over the column time for all labels
// that have it.
func Tumbling(time string, size time.Duration) Window {
	return Window{Time: time, Size: size}
}

// Every returns the window with one at every multiple of slide: windows that slide.
func (w Window) Every(slide time.Duration) Window {
	w.Slide = slide
	return w
}

// Copies is how many windows a row can be in at the most: the child ordinals of
// a Window's rows are those of its input times Copies, and below.
func (w Window) Copies() int64 {
	if w.Slide <= 0 || w.Slide >= w.Size {
		return 1
	}
	return int64((w.Size + w.Slide - 1) / w.Slide)
}

// Names of the columns that Window adds and of the columns every tagged row
// has without being asked. The latter are named with an underscore and are
// written only where they are asked for by name.
const (
	WindowStart = "window_start"
	WindowEnd   = "window_end"
	ColLabel    = "_label"     // string: the label's name
	ColHash     = "_hash"      // bigint: the tag's hash, the bits of an unsigned 64-bit number
	ColSeq      = "_seq"       // bigint: the tag's sequence, the event's offset in its source partition
	ColPart     = "_partition" // bigint: the source partition's ordinal
	ColTime     = "_time"      // timestamp: the event time
)

// Kind implements Operation.
func (Read) Kind() string { return "read" }

// Kind implements Operation.
func (Tag) Kind() string { return "tag" }

// Kind implements Operation.
func (Map) Kind() string { return "map" }

// Kind implements Operation.
func (Filter) Kind() string { return "filter" }

// Kind implements Operation.
func (FlatMap) Kind() string { return "flatmap" }

// Kind implements Operation.
func (Window) Kind() string { return "window" }

// Kind implements Operation.
func (Shuffle) Kind() string { return "shuffle" }

// Kind implements Operation.
func (Reduce) Kind() string { return "reduce" }

// Kind implements Operation.
func (Union) Kind() string { return "union" }

// Kind implements Operation.
func (Cache) Kind() string { return "cache" }

// Kind implements Operation.
func (Write) Kind() string { return "write" }

func (Read) operation()    {}
func (Tag) operation()     {}
func (Map) operation()     {}
func (Filter) operation()  {}
func (FlatMap) operation() {}
func (Window) operation()  {}
func (Shuffle) operation() {}
func (Reduce) operation()  {}
func (Union) operation()   {}
func (Cache) operation()   {}
func (Write) operation()   {}
