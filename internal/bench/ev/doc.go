// Package ev makes the experiments of the electric vehicles' job: it runs the job many
// times, of each configuration with several seeds, scores the models that come out on
// cars that nobody learned from, and says which of the assertions about federated
// learning hold, by how much.
//
//	Measure   runs the experiments; a Result has figures, cells and verdicts
//	Write     makes the report of a Result: one page, charts as SVG and PNG
//	Story     is what one run of the job told in its outputs nodes and rounds; it
//	          has a report of its own
//
// # How it is measured
//
// A configuration is variables of the job; a run is a configuration and a seed, which all
// configurations share, so that comparisons are paired: of a seed the cars, the roads and
// the first model are the same. What a run is scored by is the accuracy of its last
// global model on the last days of cars of another seed, which drove through the same
// drift. A cell is a figure: the mean over its configurations (which three of the four nodes
// take part, say), one value a seed. Intervals are of 95 %, by Student's t
// distribution over the seeds.
//
// The package holds no memory beyond its results; tables of a run are released with it.
package ev
