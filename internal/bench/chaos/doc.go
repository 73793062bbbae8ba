// Package chaos hurts clusters while they run a job, and judges what is published.
//
// Every run is a cluster of its own: a driver, one that stands by, and three executors,
// processes of this machine with a link before each ([rig.Config.Links]). While the job
// runs, nodes are killed and started again, stopped for longer than the others wait for
// them, slowed, cut off, held up, and left without a disk. Then what the job has
// published is read by a reader that is not the engine's and compared with the rows that
// the generator makes, added up in plain loops ([bench.Truth]).
//
// Which faults meet which nodes follows from the seed. When they do is a matter of the
// machine, so that a run of the same seed is similar, not equal.
//
// # What is not there
//
// Clocks of nodes cannot be set apart: the engine asks the system for the time, and no
// process has a clock of its own. Terms and leases compare a clock with itself only.
package chaos
