package physical

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/expr"
	"github.com/idag/idag/rdd"
)

// Join is the root of a stage that joins two sides by equal keys. Blocks of the
// left side come in by edges with the input 0, of the right by those with 1. Its
// state are the rows of both; those that leave are joined and emitted.
type Join struct {
	How           rdd.JoinKind
	Sides         [2]JoinSide
	Before, After int64         // of the time between the sides, in microseconds
	Where         *expr.Program // over the left columns followed by the right ones, or nil
	Windowed      bool          // rows leave with their windows
	Size          int64         // of the windows in microseconds
	Lateness      int64         // in microseconds
	Label         int           // of the result
	From          []JoinColumn  // by Out column
}

// JoinSide is one side of a Join: its columns by their ordinals in Schema.
type JoinSide struct {
	Schema *arrow.Schema
	Keys   []int
	Time   int // whose distance to the other side's is bounded, or -1
	Window int // the window's start, or -1
}

// JoinColumn says where a column of a Join's result comes from: the left side's
// column or, in rows that have no left side or where Left is -1, the right side's. With
// both -1 it is the label.
type JoinColumn struct{ Left, Right int }

// Side sends the rows of one side to the stage that joins them, each to the key
// group of its keys.
type Side struct {
	Stage   int
	Input   int           // 0 left, 1 right
	Schema  *arrow.Schema // of the rows sent
	From    []int         // by column sent: the In column, or FromNull
	Keys    []int         // columns sent
	Matched bool          // rows with a null key, which match nothing, are of no use
}
