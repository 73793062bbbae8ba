package ev

import (
	"fmt"
	"strings"
)

// cell is a figure: the mean over its configurations of what one measures.
type cell struct {
	name, doc, unit string
	of              []Vars
	measure         func(scored) float64
	all             bool // every seed takes all configurations, however many
}

// experiment is a set of cells, and what is said of them.
type experiment struct {
	name, title, doc string
	cells            func(s *Settings) []cell
}

func experiments() []experiment {
	return []experiment{participants(), staleness(), weights(), central(), methods(), poison(), drift(), control()}
}

// Names lists the experiments, in their order.
func Names() []string {
	var out []string
	for _, x := range experiments() {
		out = append(out, x.name)
	}
	return out
}

func accuracy(r scored) float64 { return r.said.Accuracy() }

// accurate is a cell of accuracies.
func accurate(name, doc string, of ...Vars) cell {
	return cell{name: "accuracy_" + name, doc: doc, unit: "share", of: of, measure: accuracy}
}

// each makes cells for all models; those of the network also go by their name alone.
func each(s *Settings, of func(model string) []cell) []cell {
	var out []cell
	for _, m := range s.models() {
		for _, c := range of(m) {
			c.all = m == "nn"
			plain := c
			c.name += "_" + m
			c.doc = fmt.Sprintf("%s; model %s", c.doc, m)
			if m == "nn" {
				plain.doc += "; of the network, as with the suffix _nn"
				out = append(out, plain)
			}
			out = append(out, c)
		}
	}
	return out
}

func participants() experiment {
	return experiment{"participants", "Participants", "Rounds in which four, three or two of the four nodes submit models, the others never answer. " +
		"Models are scored on the cars of all nodes.",
		func(s *Settings) []cell {
			return each(s, func(model string) []cell {
				var out []cell
				for _, n := range []int{4, 3, 2} {
					var of []Vars
					for _, who := range subsets(n) {
						v := ofModel(model)
						if n < 4 {
							v["participants"] = strings.Join(who, ",")
						}
						of = append(of, v)
					}
					out = append(out, accurate(fmt.Sprintf("%dof4", n), fmt.Sprintf("accuracy of the global model on other cars, %d of 4 nodes taking part", n), of...))
				}
				return out
			})
		}}
}

// staleVars are configurations in which n nodes are late, each choice of them one.
func staleVars(s *Settings, n int, v Vars) []Vars {
	var out []Vars
	for _, who := range subsets(n) {
		var late []string
		for _, name := range who {
			late = append(late, fmt.Sprintf("%s:%d", name, s.Delay))
		}
		one := v.with(nil)
		if n > 0 {
			one["stale"] = strings.Join(late, ",")
		}
		out = append(out, one)
	}
	return out
}

func staleness() experiment {
	return experiment{"staleness", "Stale models", "All four nodes submit, none to four of them some rounds late: a model that arrives was made from the global model, " +
		"and the roads, of that many rounds before. Models are averaged by samples, whatever their age.",
		func(s *Settings) []cell {
			return each(s, func(model string) []cell {
				var out []cell
				for n := range len(nodes()) + 1 {
					out = append(out, accurate(fmt.Sprintf("stale_%d", n),
						fmt.Sprintf("accuracy of the global model on other cars, models of %d of 4 nodes %d rounds late", n, s.Delay), staleVars(s, n, ofModel(model))...))
				}
				return out
			})
		}}
}

// weighting is a way to take in late models.
type weighting struct {
	name string // the end of its figure's name
	vars Vars
}

// weightings are those that are compared: weights of late models in the mean, and
// methods that take in what training changed instead of its result.
func weightings() []weighting {
	of := func(name, method, staleness string) weighting {
		return weighting{name, Vars{"method": method, "staleness": staleness}}
	}
	return []weighting{
		of("polynomial_0p5", "samples", "polynomial:0.5"), of("polynomial_1", "samples", "polynomial:1"), of("polynomial_2", "samples", "polynomial:2"),
		of("hinge", "samples", "hinge:2:1"), of("fedasync", "fedasync", "polynomial:0.5"), of("fedbuff_constant", "fedbuff", "constant"),
		of("fedbuff_0p5", "fedbuff", "polynomial:0.5"), of("fedbuff_0p2", "fedbuff", "polynomial:0.2"),
	}
}

func weights() experiment {
	return experiment{"weights", "Weights by staleness", "Two stale nodes, whose models weigh less the older they are: (τ+1)^-a, or 1 up to one round and 1/(a·(τ-1)+1) beyond; " +
		"in the mean of models, in FedAsync, which mixes in one model after another, and in FedBuff, which adds up what training changed. " +
		"Recovered is the share of what two stale nodes cost under the plain mean that " + recovering + " wins back.",
		func(s *Settings) []cell {
			var out []cell
			for _, w := range weightings() {
				c := accurate("stale_2_"+w.name, fmt.Sprintf("accuracy of the global network on other cars, two stale nodes, method %s, weights %s", w.vars["method"], w.vars["staleness"]),
					staleVars(s, 2, ofModel("nn").with(w.vars))...)
				c.all = c.name == recoveringCell // it is compared with a cell of which all are run
				out = append(out, c)
			}
			return out
		}}
}

// recovering is what staleness_recovered is about, and the cell of it. The exponent was
// chosen on seeds 301 to 312, which the default ones are apart from: what late nodes
// have learned is of roads that others do not know, so it should not weigh much less.
const (
	recovering     = "FedBuff with the weights (τ+1)^-0.2"
	recoveringCell = "accuracy_stale_2_fedbuff_0p2"
)

func central() experiment {
	return experiment{"central", "Central training", "After aggregation the server trains the global model on, two passes over the raw rows of all nodes; or it does not. Forests vote and have no central training.",
		func(s *Settings) []cell {
			return each(s, func(model string) []cell {
				out := []cell{accurate("central_off", "accuracy of the global model on other cars, aggregation alone", ofModel(model))}
				if model != "forest" {
					out = append(out, accurate("central_on", "accuracy of the global model on other cars, aggregation and central training", ofModel(model).with(Vars{"central": "on"})))
				}
				return out
			})
		}}
}

// aggregations are the methods that are compared.
func aggregations() [][2]string {
	return [][2]string{{"fedavg", "samples"}, {"mean", "mean"}, {"weighted_by_accuracy", "accuracy"}, {"fedprox", "fedprox"}, {"fedasync", "fedasync"},
		{"fedbuff", "fedbuff"}, {"median", "median"}, {"trimmed", "trimmed"}, {"krum", "krum"}}
}

func methods() experiment {
	return experiment{"methods", "Aggregations", "The network, all four nodes on time, aggregated by each method.",
		func(*Settings) []cell {
			var out []cell
			for _, m := range aggregations() {
				out = append(out, accurate("by_"+m[0], "accuracy of the global network on other cars, aggregated by "+m[1], ofModel("nn").with(Vars{"method": m[1]})))
			}
			return out
		}}
}

// robust are the methods that are tried with a poisoned node.
func robust() []string { return []string{"samples", "median", "trimmed", "krum"} }

func poison() experiment {
	return experiment{"poison", "A poisoned node", "One node submits the tenfold of what its training changed, the wrong way round.",
		func(*Settings) []cell {
			var out []cell
			for _, m := range robust() {
				var of []Vars
				for _, name := range nodes() {
					of = append(of, ofModel("nn").with(Vars{"method": m, "poison": name + ":sign"}))
				}
				out = append(out, accurate("poisoned_"+m, "accuracy of the global network on other cars, one node of four poisoned, aggregated by "+m, of...))
			}
			return out
		}}
}

func drift() experiment {
	return experiment{"drift", "Drift", "What four stale nodes cost where the roads stay as they are, beside what they cost where winter comes and traffic grows.",
		func(s *Settings) []cell {
			still := ofModel("nn").with(Vars{"drift": "none"})
			return []cell{
				accurate("still_stale_0", "accuracy of the global network on other cars, no drift, no node stale", still),
				accurate("still_stale_4", "accuracy of the global network on other cars, no drift, all nodes stale", staleVars(s, 4, still)...),
			}
		}}
}

// controls are the ways to decide who exchanges models when.
func controls() [][2]string {
	return [][2]string{{"fixed_1", "fixed:1"}, {"fixed_2", "fixed:2"}, {"fixed_4", "fixed:4"}, {"learned", "learned"}}
}

// links are how often the nodes of the experiment on control can be reached.
const links = "node1:0.9,node2:0.5,node3:0.7,node4:0.3"

func control() experiment {
	return experiment{"control", "Control over the exchange", "Nodes can be reached in a part of the rounds (" + links + ", over stretches of three rounds). Models are exchanged every round, every second, " +
		"every fourth, or when control, which learns of each node's link and of how much its updates change, thinks it worth the bytes.",
		func(*Settings) []cell {
			var out []cell
			for _, c := range controls() {
				v := ofModel("nn").with(Vars{"control": c[1], "link": links})
				live := accurate("live_control_"+c[0], "accuracy of the nodes' own networks on what came to them, in all rounds, control "+c[1], v)
				live.measure = func(r scored) float64 { return r.live }
				out = append(out, accurate("control_"+c[0], "accuracy of the global network on other cars, control "+c[1], v), live,
					cell{name: "bytes_control_" + c[0], doc: "bytes of models up and down in all rounds, control " + c[1], unit: "B", of: []Vars{v},
						measure: func(r scored) float64 { return float64(r.up + r.down) }})
			}
			return out
		}}
}
