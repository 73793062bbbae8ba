// Package bypass holds the reasons for which rows may pass by an operation and
// still give the rows of the linear plan, and the proof of each: one file a
// reason. A proof looks at a plan, or at what a frame's header says of rows that
// nobody has looked at; it errs on the side of doing the work.
//
// The package is pure: it holds no rows, and no Arrow memory.
package bypass

// Reason says why rows pass by an operation.
type Reason string

// The reasons. The first three are decided when the plan is made, the next three
// for each frame, the last for each batch.
const (
	// Label: the operation is not for this label.
	Label Reason = "label"
	// Unscheduled: nothing that is written asks for what it computes.
	Unscheduled Reason = "unscheduled"
	// Partitioned: a shuffle of rows that are where it would bring them.
	Partitioned Reason = "partitioned"
	// Done: whoever wrote the rows has applied the operation to them.
	Done Reason = "done"
	// Identity: it would change none of these rows.
	Identity Reason = "identity"
	// Empty: nothing comes out of the operations on rows that are left.
	Empty Reason = "empty"
	// Cached: what comes out is stored.
	Cached Reason = "cached"
)

// Reasons returns all reasons, in the order in which they are decided.
func Reasons() []Reason {
	return []Reason{Label, Unscheduled, Partitioned, Done, Identity, Empty, Cached}
}
