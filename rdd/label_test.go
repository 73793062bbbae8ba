package rdd_test

import (
	"slices"
	"testing"

	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// A LabelSet is a set of the numbers 0 to 63: every method agrees with one that
// is kept as a map.
func TestLabelSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rdd.LabelSet(rapid.Uint64().Draw(t, "bits"))
		var want []int
		for i := range rdd.LabelSet(0).Most() {
			if uint64(s)&(uint64(1)<<uint(i)) != 0 {
				want = append(want, i)
			}
			if s.Has(i) != slices.Contains(want, i) {
				t.Fatalf("Has(%d) is %t", i, s.Has(i))
			}
		}
		if got := s.Each(); !slices.Equal(got, want) {
			t.Fatalf("Each is %v, want %v", got, want)
		}
		if s.Len() != len(want) {
			t.Fatalf("Len is %d, want %d", s.Len(), len(want))
		}
		first := -1
		if len(want) > 0 {
			first = want[0]
		}
		if s.First() != first {
			t.Fatalf("First is %d, want %d", s.First(), first)
		}
	})
}

// Numbers that are no label are in no set.
func TestHasOutOfRange(t *testing.T) {
	all := ^rdd.LabelSet(0)
	for _, i := range []int{-1, 64, 1 << 40} {
		if all.Has(i) {
			t.Errorf("%d is in the set of all labels", i)
		}
	}
}

func TestLabelNames(t *testing.T) {
	labels := []string{"error", "backup", "information"}
	for set, want := range map[rdd.LabelSet]string{
		0:         "∅",
		1:         "error",
		0b101:     "error|information",
		0b111:     "error|backup|information",
		0b1001:    "error|?",
		1 << 63:   "?",
		0b1 << 40: "?",
	} {
		if got := set.Names(labels); got != want {
			t.Errorf("%b is spelled %q, want %q", set, got, want)
		}
	}
}

// A job of 64 labels has all bits, one of none has no bit.
func TestAllLabels(t *testing.T) {
	for n, want := range map[int]rdd.LabelSet{0: 0, 1: 1, 3: 7, 63: 1<<63 - 1, 64: ^rdd.LabelSet(0)} {
		job := rdd.NewJob("j", make([]string, n))
		if got := job.All(); got != want {
			t.Errorf("all of %d labels are %b, want %b", n, got, want)
		}
		if got := job.All().Len(); got != n {
			t.Errorf("all of %d labels are %d", n, got)
		}
	}
}
