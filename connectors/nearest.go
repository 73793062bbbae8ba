package connectors

import "strings"

// Nearest returns the one of names that a person who wrote name most likely
// meant, or "" where none is near: the smallest edit distance (insertions,
// deletions, substitutions and swaps of neighbours, case ignored) of at most a
// third of the name's length, and of at least one.
func Nearest(name string, names []string) string {
	const longest = 64 // nobody mistypes more
	if len(name) > longest {
		return ""
	}
	best, limit := "", max(1, len(name)/3)
	for _, n := range names {
		if len(n) > longest {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d <= limit {
			best, limit = n, d-1
		}
	}
	return best
}

// distance is the restricted Damerau-Levenshtein distance of a and b.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// meant is the tail of a message about a name that is not known: the nearest
// name, or else what names there are.
func meant(name string, names []string) string {
	if n := Nearest(name, names); n != "" {
		return "; did you mean \"" + n + "\"?"
	}
	if len(names) == 0 {
		return ""
	}
	return "; there is " + strings.Join(names, ", ")
}
