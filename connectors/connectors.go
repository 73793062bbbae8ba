// Package connectors says what a source and a sink promise, and how a
// connector describes itself. Each connector lives in a folder of its own
// below this one; a [Registry] is a value that holds the ones a program has.
//
// # Duties of a source
//
//  1. Schema returns the types that its frames will have. Numbers, strings and
//     times are widened to the engine's types (bool, int64, float64, string or
//     dictionary-encoded string, timestamp in microseconds UTC, date).
//  2. Cut slices what lies after an offset and never reads rows to do so.
//     Splits of one partition come in sequence. At the end of a bounded source
//     it returns [io.EOF] with whatever splits are left.
//  3. Read yields exactly the rows of the split, every time, in sequence.
//     Each frame's header bears its origin. Buffers come from the
//     projection's allocator. A row that cannot be parsed is in the header's
//     Bad, with its bytes; it ends nothing.
//  4. Sequences rise within a partition and need not be dense: a file of lines
//     gives every row the offset of its first byte.
//
// # Duties of a sink
//
//  1. Stage writes where no reader can see it, and may be called again for the
//     same block after a failure.
//  2. Publish makes all parts of a batch visible at once. It may be called again
//     for the same batch: the first call wins, and the parts of a second are
//     thrown away. A batch without parts for the sink need not be published in
//     it; when a run has ended well its last batch is, without parts if need be.
//  3. What another run has published is never taken for this one's: Open refuses
//     it, replaces it or keeps apart from it. A resumed run goes on with its own.
package connectors

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/rdd"
)

// Source is a replayable stream of rows without labels.
type Source interface {
	// Schema of the rows, before anything runs. Its metadata may say, under
	// "idag.values." and the name of a column, all texts that rows can have there, none of
	// them null, as a JSON list: options of a job are checked against them.
	Schema(ctx context.Context) (*arrow.Schema, error)
	// Cut slices what lies after from. Rows and bytes are a wish. The error is
	// io.EOF when nothing will ever come after next.
	Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) (splits []rdd.Split, next rdd.Offset, err error)
	// Read yields exactly the rows of s.
	Read(ctx context.Context, s rdd.Split, want rdd.Projection) rdd.Stream
	// Close frees what the source holds open.
	Close() error
}

// Sink takes the rows of one Write.
type Sink interface {
	// Stage writes the rows of one block where no reader can see them. The
	// frames of in bear one label each.
	Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error)
	// Publish makes the parts of a batch visible at once.
	Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) error
	// Close frees what the sink holds and removes what was staged and never
	// published.
	Close() error
}

// Env is what a connector is opened with besides its options.
type Env struct {
	Job    string
	Labels []string // names of the job's labels
	// Resume says that the ledger holds an earlier part of this run: what that
	// published stays and counts. Without it whatever is in the place of a sink
	// is of another run.
	Resume bool
	// Published says that the earlier part is known to have published rows in
	// this sink: if they are gone, the run must not go on as if they were there.
	Published bool
	// Run tells runs of a job apart: the epoch of its first driver, which is the
	// time it began, in microseconds since 1970. A resumed run keeps it.
	Run int64
	// Ledger is the flag by which whoever runs the job has it go on by a ledger of their
	// choice, for advice; "" where they cannot choose, as on a cluster.
	Ledger string
	// Desk, where it is not empty, is a name for what a sink has staged, that several
	// sinks of one Write in several processes share: one that publishes, and others with
	// Stages set, which only stage. What they stage lives as long as the one that publishes,
	// which alone judges the place. A sink that cannot do so refuses to be opened.
	Desk   string
	Stages bool
	// State is a directory that a source may make and keep what it must know of
	// its past beyond an offset in; it belongs to the run's ledger and goes with it.
	// It is "" where the ledger is in memory.
	State string
	// Time names the column that holds the event time, or is "": a source that
	// knows its range without reading rows gives it in its splits.
	Time string
	// Schema, for a source, is the one that the run began with, or nil for a new
	// run. A source that would infer its schema takes this one.
	Schema *arrow.Schema
	// Schemas that a sink will be given, by label index; nil for sources.
	Schemas map[int]*arrow.Schema
	// Mem is for what a connector keeps beyond one read.
	Mem memory.Allocator
	// Out is the terminal or whatever stands for it.
	Out io.Writer
	// Point, if not nil, is told "publish.half" in the middle of a publication, for
	// tests that end the process there.
	Point func(string)
}
