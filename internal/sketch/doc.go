// Package sketch is summaries of streams that are small, can be merged, and are
// wrong by no more than a proven amount.
//
//	CountMin  how many rows have a key: too many by at most error × all rows
//	Moment    the sum of squares of such counts, and the size of a join: AMS
//	Distinct  how many keys there are: the k smallest of their hashes
//	Sample    k rows, each as likely as any other: the k smallest of their ranks
//	Heavy     the keys of many rows, with about how many each has
//
// # Use
//
// Make one with its constructor, whose parameters fix the error; feed it with Add;
// Merge others of the same parameters and seed; ask. [CountMin.Fresh] and its like
// make empty sketches that share what never changes, for many groups. They are
// written with AppendBinary and read with UnmarshalBinary; MergeBinary reads
// straight into a sketch.
//
// # What is promised
//
// A key is a hash of 64 bits that the caller made of a value; two values of one
// hash are one key (the chance is n²/2^65 among n values). What a sketch holds is a
// function of the multiset of rows it was given: not of their order, nor of how they
// were spread over sketches that were merged. Equal content has equal bytes.
// Distinct is idempotent too: a row that comes twice counts once.
//
// The bounds are over the choice of the hash functions, which the seed makes, for
// data chosen before it. All seeds are given by the caller, so results repeat; who
// knows the seed can make keys that collide. Nothing but speed and estimates may
// depend on a sketch where data are hostile.
//
// # Memory
//
// Add does not allocate once a sketch has its size; Bytes says what it holds. Bytes
// handed in are copied, those handed out belong to the sketch until its next change.
// A sketch is for one goroutine.
package sketch
