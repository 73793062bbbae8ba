package bypass

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

// The reason Partitioned is sound because where a row goes depends on nothing but
// the values of its keys, in their order, by a hash that is the same everywhere: for
// equal keys, of equal types, in as many key groups, another shuffle would bring every
// row where it is. The hash goes by value, whatever a column is encoded in: null is a
// value like others, every NaN is one, -0 is 0; so rows that SQL takes for equal were
// together before and stay so. Nothing may have changed a key since, not even to an
// equal value: that is not looked into. A shuffle moves rows and makes nothing of
// them, so that leaving it out leaves the rows as they are.

// Partitioning says by what rows have been brought together: rows that agree in Keys
// are in the same part of Groups key groups. Without keys nothing is known.
type Partitioning struct {
	Keys   []string
	Types  []arrow.DataType
	Groups int
}

// InPlace reports whether rows that are partitioned as have says are where a shuffle
// by want would bring them.
func InPlace(have, want Partitioning) bool {
	return len(have.Keys) > 0 && have.Groups == want.Groups && slices.Equal(have.Keys, want.Keys) &&
		slices.EqualFunc(have.Types, want.Types, func(a, b arrow.DataType) bool { return arrow.TypeEqual(a, b) })
}

// Without is what is still known once columns have been set: nothing, where a key is
// among them.
func (p Partitioning) Without(columns []string) Partitioning {
	if slices.ContainsFunc(columns, func(c string) bool { return slices.Contains(p.Keys, c) }) {
		return Partitioning{}
	}
	return p
}
