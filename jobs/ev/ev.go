// Package ev is the electric vehicles' job: cars drive past edge nodes, each node
// collects their events, predicts whether a car must charge, trains its own model, and
// sends it to a server, which aggregates the models and sends the global one back.
//
// The job is written twice, as the job file ev.yaml and with the Go API; a test holds
// the two to one meaning. It is an ordinary job: training is a function over the rows
// that an aggregate gathered of a node and window, averaging a function over what
// another aggregate gathered of the nodes, and the server's last result comes back to
// all rows as a broadcast. docs/ev.md has the picture, the variables and the limits.
//
// [Functions] are what the job calls; they are for other jobs as well. The package
// holds no memory.
package ev

import (
	_ "embed"
	"slices"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

//go:embed ev.yaml
var source []byte

// YAML returns the job file.
func YAML() []byte { return slices.Clone(source) }

// The labels of the events and of the results.
const (
	failure rdd.LabelSet = 1 << iota
	backup
	information
	update
	central
	global
	incident
)

// Vars returns the variables of the job file with their defaults.
func Vars() map[string]string {
	return map[string]string{
		"trips": "6", "cars": "13", "seed": "1", "drift": "none", "faults": "0.005", "topics": "electric_car_data",
		"round": "1 hour", "label": "reach", "client": "node",
		"model": "nn", "epochs": "4", "batch": "32", "rate": "0", "optimiser": "adam", "proximal": "0",
		"method": "samples", "staleness": "constant", "threshold": "0", "deadline": "10m", "max_stale": "-1",
		"participants": "all", "stale": "none", "poison": "none", "central": "off", "central_from": "information",
		"clip": "0", "noise": "0", "control": "off", "budget": "0.5", "link": "none", "warmup": "1", "step": "1", "keep": "256",
		"out": "out/ev", "sink": "parquet",
	}
}

// Job builds the job with the Go API. The vars replace those of [Vars]; another name is
// an error of the kind [fault.Invalid].
func Job(vars map[string]string) (*rdd.Job, error) {
	s, err := spell("ev", Vars(), vars)
	if err != nil {
		return nil, err
	}
	options := rdd.Options{"events": "ev-fleet"}
	for _, name := range simulated() {
		options[name] = scalar(s.vars[name])
	}
	return s.job("ev", rdd.From("generate", options))
}

// job builds the job over events.
func (s spelling) job(name string, read *rdd.Dataset) (*rdd.Job, error) {
	window, err := duration(s.vars["round"])
	if err != nil {
		return nil, err
	}
	from, ok := map[string]rdd.LabelSet{"backup": backup, "information": information}[s.vars["central_from"]]
	if !ok {
		return nil, fault.New(fault.Invalid, "central_from: expected information or backup, got %q", s.vars["central_from"])
	}
	events := read.Tag(rdd.Tag{Column: "kind", Identity: []string{"car_id", "timestamp"}, Time: "timestamp"}).
		Window(rdd.Tumbling("timestamp", window)).Named("events")
	known := s.known(events).Named("known")
	f := federation{s}
	nodes := f.nodes(known, gathered)
	rounds := f.server(nodes, f.central(known, from, gathered))
	sinks := []*rdd.Dataset{
		f.predictions(known).Write(s.write("predictions", information, "timestamp", "car_id", "node", "charge", "location", "version", "p", "must_charge", "y")),
	}
	sinks = append(sinks, f.sinks(nodes, rounds)...)
	sinks = append(sinks, events.Reduce(rdd.Reduce{From: failure, As: incident, By: []string{"node", rdd.WindowStart}, Get: []rdd.Assign{
		{Column: "emergencies", Expr: "count(emergency)"}, {Column: "faults", Expr: "sum(CASE WHEN emergency IS NULL THEN 1 ELSE 0 END)"},
	}}).Named("incidents").Write(s.write("incidents", incident)))
	job := rdd.NewJob(name, []string{"error", "backup", "information", "update", "central", "global", "incident"}, sinks...).With(rdd.Settings{InFlight: 1, BatchRows: 400})
	job.Functions = fn.NewSet(Functions()...)
	job.Dead.MaxShare = 0.01
	return job, nil
}

// known is what a node knows of a car: its columns, the distance to the next station, 0
// where none is ahead, and by how much the road makes it use more.
func (s spelling) known(events *rdd.Dataset) *rdd.Dataset {
	return events.Map(backup|information,
		"node", s.text("${client}"),
		"f1", "current_speed", "f2", "battery_capacity", "f3", "charge", "f4", "consumption", "f5", "location", "f6", "battery_life",
		"f7", "coalesce(distance_to_charging_point, 0.0)",
		"f8", "CASE weather WHEN 'rainy' THEN 1.1 WHEN 'snowy' THEN 1.2 ELSE 1.0 END "+
			"* CASE traffic WHEN 'moderate' THEN 1.1 WHEN 'heavy' THEN 1.2 ELSE 1.0 END "+
			"* CASE road_gradient WHEN 'uphill' THEN 1.2 WHEN 'downhill' THEN 0.8 ELSE 1.0 END",
		"y", s.text("CASE WHEN ${label} THEN 1.0 ELSE 0.0 END"))
}
