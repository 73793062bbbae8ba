// Package kernel holds the vector loops that the engine runs over Arrow
// arrays: gather, filter, scatter, blend, concatenate, hash, sort and
// checksum, and the allocator behind them.
//
// # Types
//
// Kernels take the engine's physical types, which package types lists: Boolean,
// Int64, Float64, Timestamp, Date32, Decimal128, Duration, Binary, List, Struct,
// Map, and String, either plain or as a dictionary of [StringDict]. Both
// spellings of String are one logical type: they may be mixed, they compare,
// hash and sort alike, and a dictionary may hold duplicate, unused or null
// values, because nothing here trusts a code further than the value behind it.
// Kernels that only move values ([Take], [Scatter], [Blend], [Concat], [Nulls])
// take every fixed-width type of 1, 8, 16, 32, 64 or 128 bits. What lies under a
// null of a List or Map, or outside of all its rows, is never looked at.
//
// # Values
//
// Where values are compared, NaN equals NaN and is larger than every other
// float, and -0 equals 0. Lists, Structs and Maps are equal item by item, a null
// being equal to a null, and have no order. Package canon spells values as bytes
// that are equal if they are.
//
// # Memory
//
// Every array that is returned is owned by the caller, who releases it; its
// buffers come from the allocator given and from nowhere else, except that a
// dictionary is shared by reference where it can be. Arguments are borrowed.
// Arguments may be slices at any offset. Buffers are not assumed to be zeroed
// by the allocator, so a [Pool] may hand out what it was given back.
//
// # Misuse
//
// A kernel that cannot fail on data returns no error. A type that it does not
// know, arrays of different lengths or a row number out of range are faults of
// the caller and panic; the task boundary turns that into a bug report.
package kernel

import "github.com/apache/arrow-go/v18/arrow"

// Sel is a selection: row numbers of a batch, usually ascending and unique.
// [Take] accepts any order and duplicates.
type Sel = []int32

// StringDict returns the dictionary spelling of String: int32 codes into utf8
// values.
func StringDict() *arrow.DictionaryType {
	return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
}
