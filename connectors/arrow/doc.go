// Package arrow reads and writes Arrow IPC files and streams as a connector of
// jobs. Feather files of version 2 are IPC files.
//
//	read: {arrow: data/meter}
//	write: {arrow: out/per_meter}
//
// # Reading
//
// Each file is a partition, its rows are the sequence, and a record batch is a
// split. A file says in its footer where its batches lie; a stream is walked
// once from message to message, without its rows, and read in the same way.
// Of a batch only the buffers of the wanted columns are read and unpacked, with
// the dictionaries they need: in a stream those that came before the batch, with
// replacements and deltas, in a file all of them.
//
// Types are widened to the engine's. Columns whose types it does not have are
// left out; the schema's metadata says why, under "left_out:" and the column's
// name, and asking for one by name is an error. So is a value that does not fit
// the wider type, such as an unsigned integer of 64 bits.
//
// Metadata and buffers are not trusted: every offset, length, code and offset of
// a list is checked before it is used. arrow-go only decodes the schema.
//
// # Writing
//
// A sink writes one file a label and part, see package files. Small batches are
// joined, texts are plain, buffers are compressed with LZ4.
//
// # Memory
//
// Every buffer of a frame comes from the projection's allocator. Frames of one
// batch share its buffers.
package arrow
