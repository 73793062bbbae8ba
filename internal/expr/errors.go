package expr

import (
	"fmt"
	"strings"
)

// Error is a mistake in an expression, at the line and column (from 1) of the
// source where it shows.
type Error struct {
	Line, Column int
	Msg          string
}

// Error is the message with its position in front.
func (e *Error) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
}

func errorAt(p Pos, format string, args ...any) *Error {
	return &Error{Line: max(p.Line, 1), Column: max(p.Column, 1), Msg: fmt.Sprintf(format, args...)}
}

// didYouMean is "; did you mean ...?" for the name nearest to the one that
// was not found, or nothing when none is near.
func didYouMean(name string, known []string) string {
	best, at := "", len(name)/3+2
	for _, k := range known {
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d < at || d == at && best != "" && k < best {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the Damerau-Levenshtein distance with adjacent transpositions,
// in bytes.
func distance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
