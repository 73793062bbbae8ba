// Package wire carries what drivers, executors and those who submit jobs say to each
// other between processes: work orders, receipts and control over gRPC, blocks over
// Arrow Flight, all on one port.
//
// A node serves what it has, and calls others through the same interfaces:
//
//	s, err := wire.Serve(ctx, wire.ServerConfig{Listener: l, Executor: x, Blocks: x, Security: sec, Mem: mem})
//	…
//	c, err := wire.Dial("10.0.0.5:7101", sec, mem)
//	receipt, err := c.Executor().Run(ctx, run, task)
//	frames, err := c.Blocks().Block(ctx, run, block)
//	defer frames.Release()
//
// # Faults
//
// What the other side returns is returned here: kind, text, stack and missing blocks. A
// panic there is fault.Bug here, and its process goes on. A node that cannot be reached,
// does not answer for two seconds, or does not let the caller in is fault.Retry, for
// others may; a driver that does not let the caller in is fault.Invalid. What is too
// large for a message is fault.Invalid. A call ends on the other side when its context
// ends on this one, or when this one falls silent.
//
// # Blocks
//
// A fetched block has the frames that were put, with the same types, dictionaries and
// headers but for bounds; a frame that is too large for a message comes as several. Its
// rows and checksums are compared with what they should be; a block that is not what it
// should be is fault.Lost and says which one, so that it is made anew.
//
// Memory: the buffers of fetched frames come from the allocator given to Dial and are the
// caller's, who releases them, perhaps after the client is closed. What blocks are
// encoded in comes from that of ServerConfig. A fetch that fails leaves nothing.
//
// # Security
//
// Both sides show certificates of an authority that the other believes, with TLS 1.3, and
// every call brings the cluster's token. Package pki makes the certificates. Plain
// connections stay on the machine unless they are allowed by name. docs/wire.md says what
// this keeps out.
package wire
