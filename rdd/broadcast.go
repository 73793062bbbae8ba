package rdd

import "github.com/idag/idag/rdd/fn"

// Broadcast adds a last result of the job to the rows of For: columns of the newest row
// that was written to the sink of the connector "broadcast" whose name is Of, null
// before there is one. Batch n sees what batches up to n - Settings.InFlight came to, as
// its watermark does, so which row that is follows from the ledger and from nothing
// else. The row may have been computed from rows that saw the one before it: that is how a
// job goes on from what it knows.
//
// The sink takes rows of one label, of the results of a Reduce by window_start alone; of
// several the one of the latest window is the newest. In a job with a Broadcast a batch
// moves the watermark past the end of one such window at the most, so with one batch in
// flight the row of a window sees that of the window before, however the input is cut.
type Broadcast struct {
	For     LabelSet
	Of      string
	Columns []fn.Column // by the names and types that they have there
}

// Broadcast adds a last result of the job to the rows of b.For.
func (d *Dataset) Broadcast(b Broadcast) *Dataset { return Extend(b, caller(), nil, d) }

// Names returns the names of the columns.
func (b Broadcast) Names() []string { return Apply{}.Names(b.Columns) }

// Kind implements Operation.
func (Broadcast) Kind() string { return "broadcast" }

func (Broadcast) operation() {}
