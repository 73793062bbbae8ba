package physical

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
)

// Join is the root of a stage that joins two sides by equal keys. Blocks of the
// left side come in by edges with the input 0, of the right by those with 1. Its
// state are the rows of both; those that leave are joined and emitted.
type Join struct {
	Sides         [2]Side
	Pairs         bool          // pairs are emitted
	Some, Lone    [2]bool       // by side: so are rows that have a partner, or that have none
	Before, After int64         // of the time between the sides, in microseconds
	Where         *expr.Program // over the left columns followed by the right ones, or nil
	Windowed      bool          // rows leave with their windows
	Size          int64         // of the windows in microseconds
	Lateness      int64         // in microseconds
	Label         int           // of the result
	// From says, by Out column, where it comes from: the left side's column or, in rows
	// that have no left side or where that is -1, the right side's. With both -1 it
	// is the label.
	From [][2]int
}

// Side is one side of a Join, and the target that sends its rows there, each to the
// key group of its keys. Keys, Time and Window are columns of Schema.
type Side struct {
	Stage   int
	Input   int           // 0 left, 1 right
	Schema  *arrow.Schema // of the rows sent
	From    []int         // of a target, by column sent: the In column, or FromNull
	Keys    []int
	InPlace bool // of a target: the rows of a task are of its own part
	Matched bool // rows with a null key, which match nothing, are of no use
	Time    int  // whose distance to the other side's is bounded, or -1
	Window  int  // the window's start, or -1
}
