// Package fed makes one model out of the models of many nodes. It decides and
// touches nothing: there is no network, no clock and no chance in it.
//
//	Method     how: which weights, or which robust estimate
//	Tally      an aggregate of models under way: Add, Merge, Result
//	Round      a tally with a threshold and a deadline, which counts a node once
//	           and refuses what does not fit, with a reason
//	Async      FedAsync: every model is mixed into the global one as it comes
//
// A model is its parameters, one flat vector; all of a tally are of one width.
//
// # The caller's part
//
//  1. Send the global model, with its version and the round's number.
//  2. Nodes train on it and submit an [Update]. For FedProx they train with
//     Training.Proximal; what is aggregated is as in FedAvg.
//  3. Give updates to Submit, and note whom it refuses; when the round is Due,
//     Close it. The result is the next version; without any the model stays.
//  4. For the method "buffered" (FedBuff), updates are differences to the model
//     that training began with, and so is the result: [Step] adds it.
//
// # What is promised
//
// A tally's result and bytes are functions of the set of updates in it: not of
// their order, nor of how they were spread over tallies that were merged. Means
// are sums without rounding, rounded once; robust methods sort first. Means take
// 560 bytes a parameter however many updates there are; median, trimmed mean and
// Krum keep all vectors, and Krum takes time quadratic in their number.
//
// # Memory
//
// Update.Params are lent: a tally adds or copies them. Values are for one goroutine.
package fed
