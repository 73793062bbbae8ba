package agg

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/idag/idag/internal/kernel"
)

// ContentHashes returns the hash of each of n rows by what they hold: columns count by
// name, in any order, and one that is null is as good as absent. It is the sum modulo
// 2^64 over the columns that are not null of the hash, as kernel.HashRows combines two, of
// the name and the value.
func ContentHashes(names []string, cols []arrow.Array, n int) []uint64 {
	out := make([]uint64, n)
	one := make([]uint64, n)
	for k, a := range cols {
		one = kernel.HashRows([]arrow.Array{a}, one)
		name := xxh3.HashString(names[k])
		for i, h := range one {
			if h != nullHash {
				out[i] += mix(name, h)
			}
		}
	}
	return out
}
