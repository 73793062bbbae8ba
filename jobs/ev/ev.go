// Package ev is the electric vehicles' job: cars drive past edge nodes, each node
// collects their events, predicts whether a car must charge, trains its own model, and
// sends it to a server, which aggregates the models and sends the global one back.
package ev
