package parquet

import (
	"math"
	"testing"
)

// TestWithin puts a code that is no index, of each kind, at each place.
func TestWithin(t *testing.T) {
	for rows := range 40 {
		codes := make([]int32, rows)
		for i := range codes {
			codes[i] = int32(i % 5)
		}
		if !within(codes, 5) {
			t.Fatalf("%v are said not to be less than 5", codes)
		}
		for i := range codes {
			for _, wrong := range []int32{5, 6, math.MaxInt32, -1, math.MinInt32} {
				was := codes[i]
				codes[i] = wrong
				if within(codes, 5) {
					t.Fatalf("%v are said to be indices of 5", codes)
				}
				codes[i] = was
			}
		}
	}
	if !within(nil, 0) {
		t.Error("no code is out of bounds")
	}
}
