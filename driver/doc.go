// Package driver turns time into micro-batches: it cuts the sources, logs what
// a batch will read before it is read, hands the tasks of the plan to a fleet
// of executors, publishes the results batch by batch, and knows what to do
// when something fails.
//
// It is two things. The core decides and touches nothing: events in, commands
// out, no goroutine, clock, network or lock, so that the same events always
// give the same commands; the golden scripts in testdata/driver are its
// manual. The shell, [Run], acts and decides nothing: it carries commands out,
// each in a goroutine of its own, and turns what comes of them into events.
//
// # One batch
//
//	cut      → what lies behind the last offset of every source, as splits
//	log      → the [Planned] entry: splits, watermark, end, time. From here on the
//	           batch is fixed; a rerun reads and decides the same
//	run      → tasks of every stage whose inputs are there; a stateful key group
//	           goes through the batches in order
//	publish  → all sinks of the batch, batches in order
//	log      → [Committed], in one append with the next planned entry
//	release  → the blocks of the batch may go
//
// At most Settings.InFlight batches are between their planned entry and their
// publication: that is the back pressure. One more may have been cut and wait.
//
// # Why watermarks do not depend on timing
//
// The watermark of batch n is computed from the receipts of the batches up to
// n - InFlight and from the time ranges that the sources gave with the splits
// up to n. Batch n is only planned once n - InFlight is published, so these
// receipts are always there; later receipts, which may or may not be there
// depending on who was faster, are not looked at. Two runs that cut the same
// batches therefore fix the same watermarks, whatever the number of executors,
// the plan or the failures. A row is late by the watermark of the batch before
// its own, which was fixed before it was read.
//
// # Memory and ownership
//
// The driver holds no rows. Sources, sinks, fleet and ledger belong to the
// caller, who opens and closes them; Run leaves no goroutine behind.
package driver
