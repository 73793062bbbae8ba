// Package learn is models that are fitted to rows, on gonum: neural networks,
// linear and logistic regression, random forests.
//
//	Network  layers of ReLU, one output: sigmoid for a probability, or as it is.
//	         Without hidden layers it is logistic or linear regression
//	Forest   trees over bootstrapped rows; a probability or a mean
//	Scaler   brings features to mean 0 and deviation 1; made from Moments, which merge
//
// Around them: learn/score measures models, learn/choose selects hyperparameters
// and features, learn/fed aggregates the models of many nodes, learn/private
// bounds what they tell, and learn/exact sums without rounding.
//
// # Use
//
// Make [Rows]; scale them; make a model; Fit it, which begins anew, or Update it,
// which goes on from what it has; Predict. Models are written with AppendBinary
// and read with [Decode], which takes no byte on trust. A network is one flat
// vector of parameters, [Network.Params], so that others can average it.
//
// # What is promised
//
// All chance is drawn from Training.Seed (PCG), and all sums are in a fixed order:
// the same rows, options and seed give the same model, bit for bit, on machines of
// one architecture. (Compilers for others may fuse a multiplication with an
// addition, gonum has other loops there, and for x86 without FMA, of before 2013,
// math.Exp has another form.) Moments, and so the scaler, do not
// depend on the order of rows either: they are summed exactly. Bad rows, NaN in
// them, and training that diverges are Invalid, and leave the model as it was.
//
// # Memory
//
// Rows are lent to a call. Models own their parameters; what Params returns is
// theirs until the next change. A network keeps its buffers, so training one
// again, or another's parameters with it, allocates nothing. A model is for one
// goroutine; Predict counts as a change.
package learn
