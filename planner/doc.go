// Package planner turns a job into a plan, and says what a task and its receipt
// are. It is pure: it has no clock, network or chance, so that every node that
// compiles the same job gets the same plan and the same digest.
//
// Compile works in three passes over the operations of a job:
//
//  1. analyse checks each and derives the schema of every label behind it.
//     Mistakes come back together, each at the author's line.
//  2. live goes back from the sinks and finds which columns are read, per label.
//     What nobody reads is left out: the bypass reason unscheduled.
//  3. build follows the rows of each source through the operations and lays the
//     plan's stages, a tree of operators each. In the I-DAG plan labels fork
//     behind their tag into routes, and meet again where an operation takes
//     several; in the linear plan all labels stay together.
//
// [Text], [JSON] and [Dot] print a plan. A plan is immutable and holds no Arrow
// memory.
package planner
