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
// Types are widened to the engine's: decimals of every physical type to
// Decimal128, times of day to durations since midnight, bytes of fixed length to
// Binary. Groups are structs; LIST and MAP groups, those of old writers with two
// levels too, and repeated fields are lists and maps. Columns whose types the
// engine does not have (decimals of more than 38 digits, FLOAT16, INTERVAL) are
// left out; the schema's metadata says why, under "left_out:" and the column's
// name, and asking for one by name is an error.
//
// Pages are read and decoded here, one at a time, with the codecs and the bit
// unpacking of parquet-go and its neighbours. Its page reader is not used: it
// trusts lengths that a corrupt file claims, and it copies strings once more.
// Numbers are copied from the decompressed page to the frame. Strings that the
// file holds as codes stay codes: all frames of a chunk share one dictionary.
// A string that is not UTF-8, though the file says that it is text, is an error, as
// is a number that does not fit. Bounds are known of flat columns.
//
// # Headers
//
// A file that was written here has a header in its footer: of each row group the
// done-list of its rows (rdd.Header.Done) and checksums of its column chunks. It is
// believed in two steps. When the footer is read its own checksum must be that of the
// label, the schema, the counts and the statistics beside it. Before a row group is
// decoded whose list somebody wants to use (rdd.Projection.Enter), the bytes of
// every column that is to be read must have the checksums of the header. Otherwise
// the group is read as rows to which nothing was done, and rdd.Header.Unbound says
// why. The checksums find what was changed by mistake, or by a tool that copies
// footers; they are no signature, and keep nobody from writing a header that lies.
//
// # Writing
//
// Files are staged and published as internal/files describes, each with its
// label in the footer. A row group holds rows of one done-list.
//
// Decimals become INT32, INT64 or 16 bytes by their precision, lists and maps the
// groups of three levels that the format asks for. Parquet has no type for a
// duration: it is written as INT64 microseconds, and the footer's "idag.intervals"
// lists the leaves that are durations, by number.
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
