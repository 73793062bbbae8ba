// Package server is the central server of the electric vehicles' job: what gathers the
// submissions of a round's window, and what makes the next state of the last one and of
// them.
//
//	Submissions  an aggregate: what came in of a window
//	Advance      one round: who is in, the new global model, who is sent what
//
// Both are functions of what they are given. Submissions that do not fit are refused and
// counted with a reason, as package fed does; they stop nothing.
package server
