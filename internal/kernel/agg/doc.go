// Package agg is hash aggregation: rows come in as Arrow columns, are grouped
// by the values of key columns, and leave as one row a group.
//
// # Use
//
//  1. Check every [Spec] with [Spec.ResultType]; [NewTable] panics on a bad one.
//  2. Feed raw rows to [Table.Update], partial states to [Table.Merge], in any
//     order and any mixture.
//  3. Take out [Table.Keys] with [Table.States] (to be merged elsewhere) or with
//     [Table.Results]; [Table.Hashes] says where a group belongs.
//  4. Drop groups that are done with [Table.Compact]; at the end [Table.Release].
//
// # Meaning
//
// The result does not depend on how rows are split over tables, nor on the
// order in which they and the partial states arrive. Sums of integers are kept
// in 128 bits, and only a final value out of range is null. Sums of floats are
// kept as unevaluated sums of two floats (Knuth's TwoSum), those of stddev of
// three, so that what rounding loses is some 2^-100 of the largest partial sum.
// That leaves two ways for order to show: terms that cancel over more than a
// hundred bits, and a sum that leaves the range of float64 on the way, which stays
// infinite. first and last go by [Order].
//
// Keys are equal by value: a String and a dictionary alike, null equal to null,
// NaN to NaN, -0 to 0. min and max take NaN for the largest float. All functions
// but count without an argument, first and last pass over nulls. Without keys
// there is one group, also before the first row.
//
// # Memory
//
// State is kept in Go memory, sized by [Table.Bytes]. Arrays that come out are
// the caller's, from the table's allocator; those that go in are borrowed, but a
// few dictionaries last seen are kept (by reference count) until Release. A Table
// is for one goroutine.
package agg
