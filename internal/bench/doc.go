// Package bench measures the engine from outside: what it has to be compared
// with, and how figures are made of runs.
//
// # What to compare with
//
// [Decode] reads the columns that a plan reads, and does nothing with them: no
// engine on these files and this reader can be faster. [IdealMeter] is the job
// meter written by hand with nothing left to decide; what the engine takes
// longer is what planning, dispatch, shuffling and bookkeeping cost.
//
// # How to measure
//
//  1. Make a [Contender] of everything that is to be compared.
//  2. [Rounds] runs them in turn, in another order each round, throws the first
//     round away and checks that all results are equal.
//  3. Put what a round gave, and the ratios within that round, into [Samples].
//  4. A [Figure] is the median of the rounds, with the smallest and the largest.
//
// A ratio is never made of two medians: times of one round were taken within
// seconds of one another, on a machine in one mood.
//
// # Memory
//
// What is measured allocates from a pool of its own, as a run of the engine does,
// and gives everything back before it returns.
package bench
