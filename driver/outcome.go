package driver

import (
	"time"

	"github.com/idag/idag/planner/locator"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// Outcome is what a run came to.
type Outcome struct {
	Batches   int64        // committed, those of earlier runs that were run again included
	Tally     work.Tally   // of these batches
	Watermark int64        // of the last batch, microseconds since the epoch; planner.NoTime at first
	Final     bool         // the input ended: every window has left
	Stopped   bool         // the run was asked to stop before that
	Offsets   []rdd.Offset // by source: where the next batch begins
	Epoch     int64        // under which the run was taken up last
	// Again is how many tasks this driver has sent out again: because an attempt failed
	// or was late, its node or its rows were gone, or state had to be made again.
	Again int64
	// Located is how good predictions were, by source, for what this driver ran.
	Located [][]locator.Report
}

// Report is what one batch came to.
type Report struct {
	Batch     rdd.BatchID
	Splits    int
	Watermark int64 // at its end, microseconds since the epoch
	Final     bool
	Again     bool          // committed by an earlier run, run again to get its state back
	Wall      time.Duration // from its planned entry to its publication
	Tally     work.Tally
}

// Progress is how far a run is. It is a value of its own: the receiver may
// keep it.
type Progress struct {
	Batch     rdd.BatchID // the last one planned
	InFlight  int         // batches planned and not published
	Planned   int64       // rows of the splits planned so far, as far as sources know them
	Read      int64       // rows in, of all accepted tasks
	Written   int64       // rows out, of all committed batches
	Ended     bool        // nothing is left to plan: Planned is the total
	Watermark int64       // of the last batch planned
	Committed *Report     // the batch that was just committed, or nil
	Note      string      // something a person should know, told once; or ""
}
