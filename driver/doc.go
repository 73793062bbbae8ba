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
//	run      → tasks of every stage whose inputs are there
//	publish  → all sinks of the batch, batches in order
//	log      → [Committed], in one append with what else has become due
//	release  → the blocks of the batch may go
//
// At most Settings.InFlight batches are at work, counted from the oldest one
// whose tasks are not all accepted: that is the back pressure. One more may have
// been cut and wait. Publication goes on beside the reading of the next batches;
// only when InFlight more are waiting for it does it hold them up.
//
// The first batches are small, so that the first row comes soon: a sixteenth of
// the size, a quarter, then whole ones. What a batch reads follows from sources
// and settings, never from the fleet.
//
// # Tasks and their order
//
// A stage that reads runs as up to three tasks a slot: one half of the batch in
// long tasks, the other in short ones, the longest first, so that the slots come
// to its end together. A narrow stage runs once for each task before it, where
// the blocks are. Any other stage that merges runs in parts, as many as the fleet
// has slots at first but not more than there are key groups, fixed for the run: blocks are
// cut by key group, and part p of n takes the groups g with g mod n = p. A part
// of a stateful stage has its state on one node, the parts of a stage on different
// ones, and goes through the batches in order.
//
// Of the tasks that are ready for a node, those of the oldest batch go first, and
// among them those that merge before those that read: what has not begun never
// delays the commit of an older batch.
//
// # Why watermarks do not depend on timing
//
// The watermark of batch n is computed from the receipts of the batches up to
// n - InFlight and from the time ranges that the sources gave with the splits
// up to n. Batch n is only planned once all tasks of n - InFlight and of every
// batch before it are accepted, so these receipts are always there; later ones,
// which may or may not be there depending on who was faster, are not looked at.
// Whether those batches are published does not matter: a task that must stage its
// parts again gives the same receipt again. Two runs that cut the same
// batches therefore fix the same watermarks, whatever the number of executors,
// the plan or the failures. A row is late by the watermark of the batch before
// its own, which was fixed before it was read.
//
// # Checkpoints
//
// Now and then a batch is marked when it is planned. Its tasks of stateful stages
// freeze what they know; once the batch is committed, [States] makes the parts
// durable, beside the batches that follow, and [Checkpointed] tells the ledger, with
// all else that is needed to go on behind that batch: offsets, what is known of event
// time, totals. A run that stops in order makes one of its last batch. The last two
// are kept. The next one waits for at least twenty times as long as the last one took.
//
// A run that is taken up restores the newest one that can be read, else the one
// before, else it begins with batch 1, and says so. What lies behind, as far as it
// was committed, runs again quietly: it makes its state and stages nothing.
//
// # A fleet that changes
//
// With Config.Changes nodes come and go while a run is under way. What that leads to
// follows from the list of nodes alone, and never touches what a batch reads or its
// watermark.
//
//	a node joins      it is given tasks at once, and parts of state move to it, each
//	                  between two of its batches: saved, adopted, emptied, gone on
//	one is draining   it is given no more tasks, and its parts move away
//	one is gone       what was out there runs elsewhere at once; its blocks are made
//	                  again when somebody needs them, and only these; parts without
//	                  state find another home. If it was home to state that somebody
//	                  needs, Run goes back to the last checkpoint, under a new epoch
//	there is none     the run waits
//	one fails         after two failures in a row it is set aside, for 0.2 s and twice
//	                  as long each time, up to 6.4 s; what fails there is not held
//	                  against the tasks
//	a task is late    when nine tenths of its stage are done and it takes three times as
//	                  long as the one in the middle, or its lease is over: it is run on
//	                  another node as well. With state, the node is taken for gone when
//	                  the lease is over
//
// The first receipt of a task counts, and no other changes anything: what another
// attempt staged is in no publication, for a publication is made of accepted receipts
// only. A run has at least sixteen parts, as far as there are key groups, so that there
// is something to move. Run gives up when it has gone back eight times without a batch
// that was committed.
//
// # Memory and ownership
//
// The driver holds no rows. Sources, sinks, fleet and ledger belong to the
// caller, who opens and closes them; Run leaves no goroutine behind.
package driver
