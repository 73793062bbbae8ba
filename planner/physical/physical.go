// Package physical holds the operators of a compiled plan: what one task runs
// between two shuffles, as a tree of nodes. The planner makes the trees, the
// executor carries them out. They are values; nothing here decides anything but
// Prune, which says what a reader may leave out.
//
// Columns are named by their ordinal in a node's schemas In and Out.
package physical

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// Bypass is an operation left out of a label's route.
type Bypass struct {
	Op, Label int
	Reason    bypass.Reason
}

// MarshalText spells the bypass as "operation/label/reason", for the keys of JSON
// objects.
func (b Bypass) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d/%d/%s", b.Op, b.Label, b.Reason), nil
}

// UnmarshalText reads what MarshalText spells.
func (b *Bypass) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d/%d/%s", &b.Op, &b.Label, &b.Reason)
	return err
}

// Node is one physical operator of a stage's tree. Frames arrive with the
// schema In, those that leave have the schema Out, and go to every one of Next.
type Node struct {
	Op     int          // ordinal in Plan.Ops of the operation it carries out
	Labels rdd.LabelSet // of the rows that arrive
	Action Action
	In     *arrow.Schema
	Out    *arrow.Schema
	// Skipped are the operations that rows pass by after they leave this node.
	Skipped []Bypass
	Next    []*Node
	// Cache, if not "", says that the rows that leave here are cached, and names all
	// that they depend on besides the split.
	Cache string
}

// Action is what a node does. The set is closed.
//
//sumtype:decl
type Action interface{ action() }

// Scan reads a split and labels its rows. It is the root of a reading stage.
// The Next nodes of its Node are routes: each takes the rows of its Labels.
type Scan struct {
	Source  int
	Columns []string      // what is read, in the order of Raw
	Raw     *arrow.Schema // of the columns read
	Tag     Tagging
	Prune   *Prune // nil: no row group can be left out
	// Entries are where rows may enter whose header lists operations that were applied
	// to them: a Route each, by its Done. Unless Trusted, such rows stop the job.
	Entries []*Node
	Trusted bool
	// Bounds are the source's columns whose bounds in a row group may prove that its
	// rows pass by operations; nil in the linear plan, which proves nothing.
	Bounds []string
}

// Tagging is a Tag operation compiled against Scan.Raw.
type Tagging struct {
	Op        int
	Column    int            // field of Raw that holds the label, or -1
	Values    map[string]int // value of Column to label
	Rules     []TagRule
	Exclusive bool
	Otherwise int           // label, or -1
	Identity  []int         // fields of Raw that are hashed, in order; nil where nothing reads the hash
	Hash      int           // field of Raw with an incoming hash, or -1
	Seq       int           // field of Raw with an incoming sequence, or -1
	Time      *expr.Program // the event time, or nil
}

// TagRule is one rule of a Tagging.
type TagRule struct {
	Label int
	When  *expr.Program
}

// System columns as Route.From names them.
const (
	FromLabel = -1 - iota
	FromHash
	FromSeq
	FromPart
	FromTime
	FromNull // a column that the rows lack
)

// Route takes rows of its node's Labels off the root of a stage. Out column i
// is column From[i] of the root's frames, or one of the system's columns.
//
// With Done it takes rows of Label that the operations of this list were applied to,
// and leads on behind them: what follows it follows the last of them too. In is then
// of the columns that are read of these rows. In is nil in the stages behind the one that
// reads, in which the rows pass on.
type Route struct {
	From     []int
	Label    int
	Done     []string
	Time     *expr.Program // the event time over In, or nil
	Identity []int         // columns of In that are hashed
	// Wrong says why the rows cannot enter here, or is "".
	Wrong string
}

// Compute sets columns: Out column i is In column From[i], or null for
// FromNull, or the result of Programs[Program[i]] where that is not negative.
type Compute struct {
	Change
	Programs []*expr.Program
	Program  []int
	// Clear are the Out columns that rows of For lose while others keep them.
	Clear []int
}

// Mask says how an operation treats rows that it is not for.
type Mask string

// The masks: there are no other rows; the operation computes all rows and blends;
// it computes its own rows and scatters them.
const (
	Whole     Mask = ""
	Blended   Mask = "masked"
	Scattered Mask = "selection"
)

// Change is what operations over rows have in common: the rows they are for,
// and where columns they do not touch come from. With a Mask, rows of other
// labels are present and stay as they are.
type Change struct {
	For  rdd.LabelSet
	Mask Mask
	From []int
}

// Keep drops the rows of For for which Where is not true.
type Keep struct {
	Change
	Where *expr.Program
}

// Only drops the rows that are not of For.
type Only struct{ Change }

// Expand makes of every row of For one row an element.
type Expand struct {
	Change
	Rows []Compute
}

// Explode makes of every row of For one row for each item of the list, or the map,
// that List gives: Items are the Out columns of the elements, or of keys and values,
// Position that of their places; -1 where nothing reads them. With Outer a row
// without items is kept, with nulls.
type Explode struct {
	Change
	List     *expr.Program
	Items    []int
	Position int
	Outer    bool
}

// Apply applies a function of the program to the rows of For: to the columns Reads of In,
// and sets the columns Writes of Out; -1 where nothing reads them.
//
// With Last it calls nothing: the columns are those of the last row that was written to
// a sink, as the task is given it, or null.
type Apply struct {
	Change
	Last   bool
	Sink   int // its ordinal
	Func   *fn.Func
	Reads  []int
	Writes []int
}

// Assignment assigns windows of Size at every multiple of Slide; times are in
// microseconds. A row becomes up to Copies rows. With Pane a row stays one, and
// gets the start of its pane, the multiple of Pane at or before its time.
type Assignment struct {
	Change
	Time       int // In column
	Size       int64
	Slide      int64
	Copies     int64
	Pane       int64
	Lateness   int64
	Start, End int // Out columns, or -1 where nothing reads them
}

// Outlet ends a branch of the tree. The labels in For leave here.
type Outlet struct {
	ID  int // ordinal within the stage
	For rdd.LabelSet
	To  Target
}

// Target says where an outlet leads. The set is closed.
//
//sumtype:decl
type Target interface{ target() }

// Grouping is an aggregation by keys: partial before the shuffle, and whole in
// the stage behind it.
type Grouping struct {
	Keys     []Column
	Aggs     []Agg
	Window   int   // which key is the window's start, or -1
	Size     int64 // of the window in microseconds
	Pane     int64 // in microseconds: the key Window is the start of a pane that windows share; or 0
	Slide    int64 // in microseconds: where there are panes, windows begin at its multiples
	Gap      int64 // in microseconds: windows are sessions; or 0. The last of Aggs is the time of the last row
	Lateness int64 // in microseconds
	Label    int   // of the result
}

// Column is a named column of a type.
type Column struct {
	Name string
	Type arrow.DataType
}

// Agg is one aggregate of a Grouping.
type Agg struct {
	Column string // of the result
	Func   string
	Arg    int            // In column on the partial side, or -1 for count()
	Type   arrow.DataType // of the argument; nil for count()
	Result arrow.DataType
	K      int     // how many values approx_top and sample give
	Error  float64 // of what is approximate; 0: the function's own
	Key    uint64  // the hash of the value that approx_count counts
	// Own is an aggregate of the program, whose argument is a struct of all of them; nil
	// for those that ship.
	Own *fn.Aggregate
}

// Partial aggregates rows and sends the groups to the stage that merges them,
// each to its key group.
type Partial struct {
	Grouping
	InPlace bool  // the groups of a task are of its own part: none has to be looked for
	By      []int // In columns of the keys
	Order   bool  // some aggregate needs the order of events
	// Places says that some aggregate tells rows apart: events by their place, rows
	// of the labels in Groups by the columns of Content.
	Places  bool
	Groups  rdd.LabelSet
	Content []int
	Time    int // In column of the event time where Order is set, or -1
	Stage   int
}

// Exchange sends rows to the key group of Keys, or to the task of the same
// ordinal where Keys is empty. With Done they are on their way to where rows with
// this list enter.
type Exchange struct {
	Keys  []int
	Stage int
	Done  []string
}

// SinkPart writes rows to a sink.
type SinkPart struct {
	Sink    int
	Columns map[int][]int         // by label: the In columns in the order in which they are written
	Schemas map[int]*arrow.Schema // by label
	Done    map[int][]string      // by label: what was applied to the rows; nil where that cannot be said
}

// Merge is the root of a stage that takes blocks. With a Grouping it merges
// partial groups into the state of its part and emits those that leave:
// Out column i is key From[i] or, where that is negative, aggregate ^From[i], or
// for GroupLabel the label and for GroupEnd the end of the window.
// Without one it passes rows on to the routes of their labels.
type Merge struct {
	Grouping *Grouping
	From     []int
	Entries  []*Node // of rows that enter in this stage or behind it: Routes with Done
}

// What stands in Merge.From for columns that are neither keys nor aggregates:
// the label of the result, and the end of the window where it is no key.
const (
	GroupLabel = math.MinInt
	GroupEnd   = math.MinInt + 1
)

func (Join) action()       {}
func (Scan) action()       {}
func (Route) action()      {}
func (Compute) action()    {}
func (Keep) action()       {}
func (Only) action()       {}
func (Expand) action()     {}
func (Explode) action()    {}
func (Apply) action()      {}
func (Assignment) action() {}
func (Outlet) action()     {}
func (Merge) action()      {}
func (Draw) action()       {}
func (Rank) action()       {}

func (Partial) target()  {}
func (Side) target()     {}
func (Exchange) target() {}
func (SinkPart) target() {}
func (Ranked) target()   {}
