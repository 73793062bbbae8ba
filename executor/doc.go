// Package executor runs tasks: it reads the splits or blocks that a work order
// names, pushes their rows through the operators of a stage, and answers with a
// receipt.
//
// Inside a stage rows travel as chunks: columns of one length, a set of labels,
// and where the rows come from. A chunk is lent by the operator that made it
// until the step it was lent to returns. A stage is a tree, so operators push:
// apply(ctx, chunk, emit). At the edges rows are frames.
//
// Running a task twice is safe: blocks replace one another, parts of sinks are
// published once, and the state of a key group is versioned by batch, so that a
// second run starts from the same version as the first.
//
// What a part of a stateful stage knows is a keeper. Between tasks it can be frozen,
// saved to a file, and restored by another process: package snapshot has the files.
//
// Memory: all buffers come from the allocator given to New. What a task made is
// released when it ends, except its blocks, which live until their batch is
// dropped, and the state of its key group. Rows that wait for a join go to disk
// where they take more than Settings.Memory.
package executor
