// Package rig runs clusters of processes on this machine, to be measured and hurt.
//
// # How it is used
//
//  1. [Start] starts drivers and executors of a program in a directory, on the loopback,
//     and waits until they are ready. What they say is in NAME.log there.
//  2. [Rig.Submit] sends a job file, from a process of its own, and follows it.
//  3. Meanwhile nodes are hurt: [Node.Kill] and [Node.Start], [Node.Signal], and, where
//     [Config.Links] is set, the [Link] before each node: cut off, half or whole, made
//     slow, healed. [Node.Skew] makes the clock of a driver wrong.
//  4. [Rig.Close] ends every process that the rig has started, by its id, and waits for
//     them.
//
// # Links
//
// With links, nodes tell each other the addresses of relays in place of their own: one
// for TCP before what a node serves, one for TCP and UDP before its gossip. A link that
// is cut keeps connections open and lets nothing pass, as a cable does that was pulled:
// nothing that others send to the node arrives, and no packet of its gossip arrives
// elsewhere. Connections that the node itself opens to others cannot be told from those
// of its neighbours and stay: a cut is half a cut, which a cluster sees in the world as
// well, and which is harder to judge for it than a whole one.
package rig
