// Package parquet reads and writes Parquet files as a connector of jobs.
//
//	read: {parquet: data/meter}
//	write: {parquet: out/per_meter}
//
// # Reading
//
// A source is a set of files with one schema. Each file is a partition, its
// rows are the sequence, and a split is a row group or, of a row group of more
// than a million rows, a part. Splits come by event time where the statistics
// give it, so that files that cover the same time are replayed side by side. A
// split says all that is needed to read it: whoever reads it opens one file and
// lists no directories. The footer's hash in it proves that the file is still
// the one that was planned.
//
// Types are widened to the engine's. Columns whose types the engine does not
// have (nested, binary, decimal with a scale, time of day) are left out; the
// schema's metadata says why, under "left_out:" and the column's name, and
// asking for one by name is an error.
//
// Pages are read and decoded here, one at a time, with the codecs and the bit
// unpacking of parquet-go and its neighbours. Its page reader is not used: it
// trusts lengths that a corrupt file claims, and it copies strings once more.
// Numbers are copied from the decompressed page to the frame. Strings that the
// file holds as codes stay codes: all frames of a chunk share one dictionary.
// Strings are taken to be UTF-8, as the file says they are; that is not checked.
//
// # Writing
//
// Each task writes one file a label into a directory of its sink's own below
// PATH/.staging, and leaves it to the system when they reach the disk. To publish
// a batch its files are moved into one directory, all of it is made durable,
// several files at once, and the directory is renamed to
//
//	PATH/batch=000001/label=NAME/part-….parquet
//
// so that readers see the batch as a whole or not at all. A batch that is there
// already stays as it is. What sinks that died have staged is removed when the
// next one is opened: each holds a lock on its own staging directory.
//
// PATH/_idag.json says whose the batches are: the job, the run and the driver
// that wrote last. An older driver of the run is refused, and so is a run that
// another one has overtaken. A run that is resumed by its ledger keeps what is
// its own. What else is there when it is opened depends on the mode:
//
//	error      it is refused, an earlier run's too
//	overwrite  it goes when the first batch is ready, or when the run ends, and
//	           then the marker is written: a process that dies before that leaves
//	           the old marker, and the run, when it is resumed, replaces again
//	append     it stays; batches appear in PATH/job=NAME/run=NUMBER, which has a
//	           marker of its own
//
// Between the going of the old and the coming of the first batch readers may
// find nothing, and a process that is killed right there and never resumed
// leaves that.
//
// [Writer] writes a single file and is of use without a job.
//
// # Memory
//
// Every buffer of a frame comes from the projection's allocator, and so do the
// decompressed pages, which are given back when the stream ends. A batch is
// lent until the next step. Of open files and their footers a source keeps 64
// beyond those in use.
package parquet
