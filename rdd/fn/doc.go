// Package fn is what a program declares of functions of its own: how jobs call
// them, which columns they read and write, and how they are carried out. A job names
// them, for Go cannot ship closures: every node of a cluster runs the same binary.
//
// A [Func] takes columns of rows and gives others; the operation Apply of package rdd
// applies it. An [Aggregate] makes one value of the rows of a group; it is called in
// a Reduce like those that ship. A [Set] holds both by name:
//
//	func main() {
//		funcs := fn.NewSet(speeding(), median())
//		os.Exit(idag.Main("1.0", idag.Jobs(), idag.Kinds(), funcs))
//	}
//
// A job built in Go that is run by idag.Local brings them itself: rdd.Job.Functions.
//
// # What a function owes the engine
//
//  1. What it makes of a row depends on the row alone, and what an aggregate makes of a
//     group on which rows there are, not on their order: no clock, no chance without a
//     fixed seed, no state of its own from one call to the next, no other row. The
//     engine calls it in batches of any size, on any node, again after a failure, or not
//     at all where nobody reads what it computes.
//  2. It is total. An error stops the job; what cannot be computed is null.
//  3. It may be called by several tasks at once.
//  4. A change of what it computes is a change of its Version. Name, version and
//     declaration are part of the digest of each operation that uses it: rows that
//     another version was applied to are not taken for done, nothing that it made is
//     found in a cache, and a run that began with it cannot be taken up again.
//
// Nothing of this can be checked by the engine, and all that it promises rests on it.
//
// # Memory
//
// Columns that a function is given are lent until it returns, and so are the strings and
// bytes in them: what is kept is cloned, also before it is assigned to a key that a map
// has already, for a map may take over the newer of two equal strings. Columns are of the declared
// types; strings are plain, and dictionaries only where Reads asks for them: then values may be
// there twice, or be used by no row, and be null themselves. They may be slices of longer arrays, at an
// offset, and may hold nulls, so they are read by Value, IsNull and the typed slices
// that know the offset, not by buffers. Columns that it returns are made with
// the allocator given and are the engine's, which releases them; strings may be plain or
// dictionaries of int32. On an error it has released what it made.
package fn
