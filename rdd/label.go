package rdd

import (
	"math/bits"
	"strings"
)

// LabelSet is a set of a job's labels: bit i stands for the label at index i
// of [Job.Labels]. The zero value, where an operation takes it, means all.
type LabelSet uint64

// maxLabels is how many bits there are.
const maxLabels = 64

// Most is how many labels a job may declare.
func (LabelSet) Most() int { return maxLabels }

// Has reports whether s holds the label with index i.
func (s LabelSet) Has(i int) bool { return s>>uint(i)&1 == 1 }

// Len returns the number of labels in s.
func (s LabelSet) Len() int { return bits.OnesCount64(uint64(s)) }

// First returns the smallest index in s, or -1 for the empty set.
func (s LabelSet) First() int {
	if s == 0 {
		return -1
	}
	return bits.TrailingZeros64(uint64(s))
}

// Each returns the indices in s in ascending order.
func (s LabelSet) Each() []int {
	out := make([]int, 0, s.Len())
	for r := uint64(s); r != 0; r &= r - 1 {
		out = append(out, bits.TrailingZeros64(r))
	}
	return out
}

// Names spells s with a job's label names, joined by "|"; the empty set is "∅".
func (s LabelSet) Names(labels []string) string {
	if s == 0 {
		return "∅"
	}
	parts := make([]string, 0, s.Len())
	for _, i := range s.Each() {
		if i < len(labels) {
			parts = append(parts, labels[i])
			continue
		}
		parts = append(parts, "?")
	}
	return strings.Join(parts, "|")
}
