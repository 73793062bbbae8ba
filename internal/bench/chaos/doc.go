// Package chaos hurts clusters while they run a job, and judges what is published.
//
// Every run is a cluster of its own: a driver, one that stands by, and three executors,
// processes of this machine with a link before each ([rig.Config.Links]). While the job
// runs, nodes are killed and started again, stopped for longer than the others wait for
// them, slowed, cut off, half or whole, held up, and left without a disk: their own, the
// drivers' home, or that of what is published. Drivers that are started again may have
// clocks that are wrong by up to a day. Then what the job has published is read by a reader
// that is not the engine's and compared with the rows that the generator makes, added up
// in plain loops ([bench.Truth]).
//
// Which faults meet which nodes follows from the seed. When they do is a matter of the
// machine, so that a run of the same seed is similar, not equal.
//
// # What is not there
//
// Clocks of executors are right: nothing is decided by them. Clocks of drivers are wrong
// from their start on and do not jump.
package chaos
