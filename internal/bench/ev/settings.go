package ev

import (
	"fmt"
	"slices"
	"strings"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
)

// Settings say how much is measured.
type Settings struct {
	Seeds     int   // of each configuration
	FirstSeed int64 // the others follow it
	Trips     int   // days, each one round
	Cars      int
	TestCars  int // that models are scored on
	TestDays  int // the last ones
	Delay     int // rounds by which a stale node's updates come late
	// Full runs all configurations of a cell with every seed, and more models; else it
	// does so for what the main figures of the network are made of, and of the others a
	// seed takes one configuration, in turn.
	Full    bool
	Only    []string // names of experiments; empty: all
	Workers int      // runs at once
}

// Defaults are settings that end within minutes.
func Defaults() Settings {
	return Settings{Seeds: 10, FirstSeed: 101, Trips: 16, Cars: 26, TestCars: 52, TestDays: 3, Delay: 4, Workers: 1}
}

// base are the variables of the job in all runs: the roads become worse from day to
// day, so that old models are of another world; a round is a day, in which each node
// hears cars; Adam has the rate of the thesis, 0.001, and one pass a round.
func (s *Settings) base() Vars {
	return Vars{"trips": fmt.Sprint(s.Trips), "cars": fmt.Sprint(s.Cars), "drift": "both", "round": "24h", "label": "reach",
		"model": "nn", "epochs": "1", "method": "samples", "staleness": "constant"}
}

// ofModel are the variables of a model. Networks learn at the rate of the thesis, the
// others at their own.
func ofModel(model string) Vars {
	if model == "nn" {
		return Vars{"model": model, "rate": "0.001"}
	}
	return Vars{"model": model}
}

func (s *Settings) models() []string {
	if s.Full {
		return []string{"nn", "linear", "forest", "logistic"}
	}
	return []string{"nn", "linear", "forest"}
}

// check refuses settings that nothing can be measured with.
func (s *Settings) check() error {
	for _, name := range s.Only {
		if !slices.Contains(Names(), name) {
			hint := ""
			if near := connectors.Nearest(name, Names()); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", near)
			}
			return fault.New(fault.Invalid, "there is no experiment %q%s; there are %s", name, hint, strings.Join(Names(), ", "))
		}
	}
	if s.Seeds < 1 || s.Trips < 2 || s.Cars < 1 || s.TestCars < 1 || s.TestDays < 1 || s.Delay < 1 || s.Workers < 1 {
		return fault.New(fault.Invalid, "seeds, cars and days of the experiments must be positive, trips two at least")
	}
	return nil
}

// nodes are those of the road.
func nodes() []string { return []string{"node1", "node2", "node3", "node4"} }

// subsets are the choices of n nodes, in order.
func subsets(n int) [][]string {
	var out [][]string
	all := nodes()
	for bits := range 1 << len(all) {
		var one []string
		for i, name := range all {
			if bits>>i&1 == 1 {
				one = append(one, name)
			}
		}
		if len(one) == n {
			out = append(out, one)
		}
	}
	return out
}
