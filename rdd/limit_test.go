package rdd_test

import (
	"testing"

	"github.com/idag/idag/rdd"
)

// A limit is exceeded by more than it says, by whichever of its two bounds.
func TestLimit(t *testing.T) {
	for _, c := range []struct {
		l          rdd.DeadLetters
		dead, rows int64
		want       bool
		text       string
	}{
		{rdd.DeadLetters{}, 1 << 60, 0, false, ""},
		{rdd.DeadLetters{MaxShare: 0.01}, 10, 1000, false, "1%"},
		{rdd.DeadLetters{MaxShare: 0.01}, 11, 1000, true, "1%"},
		{rdd.DeadLetters{MaxShare: 0.005}, 1, 0, true, "0.5%"},
		{rdd.DeadLetters{MaxRows: 5}, 5, 5, false, "5"},
		{rdd.DeadLetters{MaxRows: 5}, 6, 1 << 40, true, "5"},
		{rdd.DeadLetters{MaxShare: 1, MaxRows: 5}, 6, 6, true, "100%, 5"},
	} {
		if got := c.l.Exceeded(c.dead, c.rows); got != c.want || c.l.Limit() != c.text {
			t.Errorf("%+v: %d of %d is %t, spelled %q", c.l, c.dead, c.rows, got, c.l.Limit())
		}
	}
}
