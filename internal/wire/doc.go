// Package wire carries what drivers, executors and those who submit jobs say to each
// other between processes: work orders, receipts and control over gRPC, blocks over
// Arrow Flight.
package wire
