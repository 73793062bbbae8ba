//go:build !race

package engine_test

// checks is how many random jobs each property draws.
const checks = "200"
