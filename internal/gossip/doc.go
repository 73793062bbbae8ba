// Package gossip tells the nodes of a cluster of each other: who there is, what it is
// for, where it is reached, and who has gone.
//
//	node, err := gossip.Start(ctx, gossip.Config{
//		Self:   gossip.Member{Name: "e1", Role: gossip.Executor, RPC: ":7700", Slots: 4},
//		Join:   []string{"driver.example.org"},
//		Preset: gossip.Local(),
//	})
//	for members := range node.Watch(ctx) { … }
//
// It is memberlist, that is SWIM with Lifeguard, with settings that were measured
// (docs/decisions/0026), and what memberlist lacks: what nodes say of themselves has a
// format and limits; who leaves is told from who dies; those that have gone stay to be
// seen for five minutes; a node goes on looking for the others when nobody answers yet,
// and for those that a cut network has parted; of two nodes with one name the newcomer
// is told so and ends. Names are sorted, lists are the caller's, times are by the clock
// of the node that tells them.
//
// # Duties of who runs a node
//
//  1. Give it a name that no other node of the cluster has.
//  2. Announce what changes: slots, plans, role.
//  3. To go in order: announce Leaving, finish the tasks, call Leave, then Close. A Close
//     without Leave is a death in the eyes of the others.
//  4. Look at Done: a node that had to end by itself says why with Err.
//
// # What to expect
//
// Membership is a view, not the truth: each node has its own, they agree after some
// hundred milliseconds, and a node that is stopped for a second may be dead and back
// again. Nothing that must be unique may rest on it. Task leases and the fencing of the
// ledger are for that.
//
// # What a key is for
//
// With keys every packet and connection is encrypted with AES-GCM, and whoever has none
// of the keys can neither read, nor say, nor be anything. Whoever has one can say
// anything, in the name of others as well: it is one secret for all. Packets may be
// replayed; counters in them make old ones lose against newer ones. Without keys anybody
// who reaches the port can do all that. What others say is never believed to be in
// order: metadata that is not is refused, with the node, and a line in the log.
//
// # How it is made
//
// What events mean, whom to look for, who yields a name, what goes into metadata and
// what into the log are decided by plain functions of values (table.go, seek.go, meta.go,
// sift.go), with tests of their own. node.go and run.go do what these say: three
// goroutines a node, besides those of memberlist, all of which have ended when Close
// returns. Memberlist calls into events.go while it holds its lock: nothing there calls
// back.
package gossip
