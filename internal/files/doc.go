// Package files is what sources and sinks of files have in common: finding the
// files, locally or in object storage, unpacking them, cutting them into splits,
// following a directory that grows, and publishing a batch of written files at
// once. What a row looks like inside of a file is a [Format] for reading and a
// [Encoder] for writing; connectors are made of one of each.
//
// # Reading
//
// A [Source] is a set of files with one schema. Each file is a partition. Files
// whose rows are lines are cut into splits by byte offsets, and a row belongs to
// the split in which its first byte lies; packed files (gzip, zstd, bzip2, known
// by their first bytes) and those of other formats are one split each. The split
// holds the size and the time of the file: one that has shrunk or changed since it
// was planned is an error, one that has only grown is read up to its old size.
// A packed file that is broken is an error behind the rows before.
//
// The sequence of a row is the offset of its first byte in the unpacked file, so
// that files of lines can be cut anywhere without being read, and a dead letter
// says where its row stands.
//
// # Following
//
// With the option follow a source has no end: it looks for what comes into its
// directories, and takes a file when it has not changed for some time. Files that
// are found complete at once come in the order in which they were last changed,
// then by name. What was taken is known by its name, its inode and when that was
// made, never by time alone, so that a file which is moved in and brings an old
// time is not lost. A journal in a directory beside the ledger holds the names in
// the order of taking; an offset is a place in it, and the ordinal of a partition
// too. What a file of lines has grown by is a partition of its own. A file that is
// rewritten in place at its old size is not noticed.
//
// # Writing
//
// Each task writes one file a label into a directory of its sink's own below
// PATH/.staging, and leaves it to the system when they reach the disk. To publish
// a batch its files are moved into one directory, all of it is made durable,
// several files at once, and the directory is renamed to
//
//	PATH/batch=000001/label=NAME/part-…
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
// In object storage files are staged on this machine, uploaded under their final
// names, and counted by PATH/_committed/batch=000001, which is created last;
// readers pass over batches without it. The marker lies beside it. There is no
// mode overwrite.
//
// # Memory
//
// Every buffer of a frame comes from the projection's allocator. A packed file
// is unpacked in a goroutine of its own, a megabyte ahead, which ends with the
// stream.
package files
