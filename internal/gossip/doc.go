// Package gossip tells the nodes of a cluster of each other: who there is, what it is
// for, where it is reached, and who has gone.
package gossip
