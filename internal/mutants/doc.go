// Package mutants breaks on purpose what allows a bypass, one place at a time,
// and holds the property tests of the engine to finding it: a test that a broken
// proof passes proves nothing.
//
// A mutant is an exact text in one file and what stands there instead. Nothing
// of it is in the program: the go command is given the changed file as an overlay
// over the one in the tree (go help build, -overlay), and runs the tests with it.
//
//	make mutants
//
// runs all of them, or those that MUTANTS names, fails if one survives, and writes their
// verdicts to docs/mutants.md, each with the digest of the tests that gave it.
// Without it the tests only see to it that every mutant still applies and has its row.
package mutants
