// Package files is what sources and sinks of files have in common: finding the
// files, locally or in object storage, unpacking them, cutting them into splits,
// following a directory that grows, and publishing a batch of written files at
// once. What a row looks like inside of a file is a [Format] for reading and a
// [Encoder] for writing; connectors are made of one of each.
//
// # Sequences
//
// A file is a source partition. The sequence of a row is the offset of its
// first byte in the unpacked file, so that files of lines can be cut anywhere
// without being read, and a dead letter says where its row stands.
package files
