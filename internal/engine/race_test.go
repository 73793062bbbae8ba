//go:build race

package engine_test

// checks is how many random jobs each property draws: with the race detector
// fewer, for it is ten times slower and looks for something else.
const checks = "50"
