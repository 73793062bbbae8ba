// Package node is what the edge nodes of the electric vehicles' job do: collect rows to
// learn from, test the model they have on them, train it, and predict.
//
//	Examples   an aggregate: the rows of a node and window, in an order of their own
//	Trainer    test, then train: what a node submits in a round
//	Predictor  probabilities for single rows, by the model that a node has
//
// All are functions of what they are given: the options, the server's state and rows.
// A Trainer and a Predictor keep one model and its buffers for all nodes, so that a
// hundred thousand of them cost no memory; they are for one goroutine.
package node
