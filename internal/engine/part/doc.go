// Package part is what a process needs to take part in a run that another one
// drives: the job, as it travels, and what of it has to be open where tasks run.
//
// The driver packs the job that it has resolved against its sources:
//
//	err := part.Pack(plan.Job, &opening)
//
// Who takes part compiles what it unpacks, and has the driver's plan if and only if
// the digests are equal:
//
//	p, err := part.Open(ctx, opening, kinds, functions, mem)
//	…
//	defer p.Close()
//
// The sinks of a part stage and do not publish; its sources read splits and are not
// asked to cut. What they keep comes from the allocator given to Open.
package part
