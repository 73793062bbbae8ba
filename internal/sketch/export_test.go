package sketch

import "math/rand/v2"

// Streams are the streams of the tests, for those of them that stand outside of the
// package.
func Streams() []stream { return streams() } //nolint:revive // for tests

// Called is the name of a stream, and Draw n keys of it.
func (s stream) Called() string { return s.name }

// Draw draws n keys of a stream.
func (s stream) Draw(r *rand.Rand, n int) []uint64 { return s.keys(r, n) }

// Counts counts keys exactly.
func Counts(keys []uint64) map[uint64]uint64 { return counts(keys) }

// Must is v, unless there is an error.
func Must[T any](v T, err error) T { return must(v, err) }
