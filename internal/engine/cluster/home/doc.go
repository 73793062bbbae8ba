// Package home keeps the home directory of the drivers of a cluster: which of them
// drives, and what each job's story is. The directory is on storage that all drivers
// share.
//
// # Terms
//
// Whoever drives holds a term, a number that only grows. It is a file that appears
// under its name, term-00000007, by a hard link, which only one process can make; the
// file is locked (flock) as long as its process lives, and touched every half second.
// The driver of the highest term is the driver. Another one takes over
//
//   - at once, if the lock is gone: the kernel takes it from a process that has died;
//   - after [Lease], if the file is locked but was not touched, by the clock of who
//     watches: the process was stopped, or its machine is gone.
//
// A process that was only stopped goes on one day and believes that it drives. Nothing
// that it does then may count, whatever it was doing when it was stopped:
//
//   - [Home.Check] finds that there is a higher term. The ledger checks before an
//     append, so that it is not made, and behind it, so that nobody is told that it was.
//   - An append in between, and whatever else comes too late, goes to files of its own
//     term, which the next term does not read: the ledger of a job is a directory a
//     term, and records have the term in their name. A new term begins with copies.
//
// What such a driver still publishes is therefore of batches that were logged before
// the next term began. The next driver publishes the same rows for them, and in every
// sink the first publication of a batch is the one that counts.
//
// # Shared storage
//
// Hard links and flock have to work between all drivers; [Open] tries both. On NFS this
// needs version 4 and a mount with lookupcache=positive or none: else a driver would not
// see for some seconds that there is a higher term.
//
// A Home is safe for concurrent use. It holds one goroutine and one open file until it
// is closed.
package home
