// Package codec writes rows as Arrow streams and reads them without taking a byte on
// trust: arrow-go believes the lengths, offsets and codes of what it reads, and kernels
// believe what arrow-go gives them.
//
// [Verify] is asked of the metadata of a message before arrow-go reads it, a [Checker] of
// each batch before anything else does, and an [Arena] bounds what either allocates and
// gives it back when they give up. [EncodeRow] and [DecodeRow] are both, for a single
// row that travels inside of something else.
//
// Memory: batches that are returned are the caller's to release.
package codec
