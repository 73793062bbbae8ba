// Package service is a driver as those who submit jobs see it. A [Service] checks jobs,
// runs them side by side, each on a share of the executors, remembers them in the home
// of the drivers and takes up those that the driver before it has not ended. A [Desk]
// is what a node serves, whether it drives or not: it passes calls on to its service or
// says who drives.
//
// # One job
//
//	waiting   → it has no executors: there are none, or as many jobs run as there are slots
//	running   → its batches are read, published and logged
//	stopping  → somebody stopped it; the batches in flight are published if it drains
//	stopped   → it can be submitted again and goes on where it was
//	finished  → it has come to the end of its input, or
//	failed    → it could not go on
//
// What is known of a job is durable before Submit returns, and when it ends. In between
// its ledger tells how far it is. A driver that ends, in order or not, leaves its jobs as
// they are; the next one takes up those that were not ended.
//
// # Shares
//
// Each job has a [Seat]: the executors, with the slots that are its share, which change
// as jobs and executors come and go.
package service
