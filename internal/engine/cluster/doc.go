// Package cluster makes nodes of a cluster: executors and drivers that are processes of
// their own.
package cluster
