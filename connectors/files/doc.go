// Package files is a directory that grows, as a source without an end: files
// of one format, in the order in which they arrive, until the job is stopped.
//
// It reads nothing itself. The formats are kinds of other connectors, given
// where the program is wired, and must have the option follow, which is set:
//
//	files.Kind(csv.Kind(), json.Kind())
//
//	read: {files: {path: inbox, format: csv, delimiter: ";"}}
//
// A row is read once, also by a run that is stopped and goes on with its
// ledger. Frames, and the memory they lie in, are those of the format's own
// source.
package files
