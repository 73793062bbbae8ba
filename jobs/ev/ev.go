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
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
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
	incident
	update
	central
	global
)

func labels() []string {
	return []string{"error", "backup", "information", "incident", "update", "central", "global"}
}

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

// optionsText is the options as the functions read them.
const optionsText = "'model=${model};seed=${seed};epochs=${epochs};batch=${batch};rate=${rate};optimiser=${optimiser};proximal=${proximal}; " +
	"method=${method};staleness=${staleness};threshold=${threshold};deadline=${deadline};max_stale=${max_stale}; " +
	"participants=${participants};stale=${stale};poison=${poison};central=${central};clip=${clip};noise=${noise}; " +
	"control=${control};budget=${budget};link=${link};warmup=${warmup};step=${step};keep=${keep}'"

// spelling puts variables into texts, as a job file does.
type spelling struct {
	vars map[string]string
	put  *strings.Replacer
}

func spell(job string, defaults, given map[string]string) (spelling, error) {
	s := spelling{vars: defaults}
	for name, text := range given {
		if _, ok := defaults[name]; !ok {
			return s, fault.New(fault.Invalid, "the job %s has no variable %q", job, name)
		}
		s.vars[name] = text
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		pairs = append(pairs, "${"+name+"}", s.vars[name])
	}
	s.put = strings.NewReplacer(pairs...)
	return s, nil
}

func (s spelling) text(t string) string { return s.put.Replace(t) }

// write is a sink of the job.
func (s spelling) write(name string, from rdd.LabelSet, columns ...string) rdd.Write {
	o := rdd.Options{"path": s.vars["out"] + "/" + name}
	if k := s.vars["sink"]; k == "console" || k == "memory" {
		o = rdd.Options{"name": s.vars["out"] + "/" + name}
	}
	return rdd.Write{From: from, Connector: s.vars["sink"], Options: o, Columns: columns}
}

// Job builds the job with the Go API. The vars replace those of [Vars]; another name is
// an error of the kind [fault.Invalid].
func Job(vars map[string]string) (*rdd.Job, error) {
	s, err := spell("ev", Vars(), vars)
	if err != nil {
		return nil, err
	}
	window, err := duration(s.vars["round"])
	if err != nil {
		return nil, err
	}
	options := rdd.Options{"events": "ev-fleet"}
	for _, name := range []string{"trips", "cars", "seed", "drift", "faults", "topics"} {
		options[name] = scalar(s.vars[name])
	}
	events := rdd.From("generate", options).
		Tag(rdd.Tag{Column: "kind", Identity: []string{"car_id", "timestamp"}, Time: "timestamp"}).
		Window(rdd.Tumbling("timestamp", window)).Named("events")
	known := s.known(events).Named("known")
	nodes := s.nodes(known).Named("nodes")
	rounds := s.server(nodes, s.central(known).Named("centre")).Named("rounds")
	sinks := []*rdd.Dataset{
		events.Reduce(rdd.Reduce{From: failure, As: incident, By: []string{"node", rdd.WindowStart}, Get: []rdd.Assign{
			{Column: "emergencies", Expr: "count(emergency)"}, {Column: "faults", Expr: "sum(CASE WHEN emergency IS NULL THEN 1 ELSE 0 END)"},
		}}).Named("incidents").Write(s.write("incidents", incident)),
		s.predictions(known),
		nodes.Write(s.write("nodes", update, nodeColumns()...)),
		rounds.Write(s.write("rounds", global, roundColumns()...)),
		rounds.Write(rdd.Write{From: global, Connector: "broadcast", Options: rdd.Options{"name": "server"},
			Columns: []string{rdd.WindowStart, "state", "version"}}).Named("server"),
	}
	job := rdd.NewJob("ev", labels(), sinks...).With(rdd.Settings{InFlight: 1, BatchRows: 400})
	job.Functions = fn.NewSet(Functions()...)
	job.Dead.MaxShare = 0.01
	return job, nil
}

func nodeColumns() []string {
	return []string{"node", rdd.WindowStart, rdd.WindowEnd, "n", "round", "version", "samples", "accuracy_before", "log_loss", "tp", "fp", "tn", "fn", "accuracy", "accuracy_global", "arrives"}
}

func roundColumns() []string {
	return []string{rdd.WindowStart, rdd.WindowEnd, "version", "nodes", "samples", "staleness", "stalest", "late", "refused", "reasons", "change",
		"bytes_up", "bytes_down", "epsilon", "accuracy", "accuracy_global"}
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

// newest are columns of the server's last row.
func newest(to rdd.LabelSet, version bool) rdd.Broadcast {
	b := rdd.Broadcast{For: to, Of: "server", Columns: []fn.Column{{Name: "state", Type: arrow.BinaryTypes.String}}}
	if version {
		b.Columns = append(b.Columns, fn.Column{Name: "version", Type: arrow.PrimitiveTypes.Int64})
	}
	return b
}

// predictions are those of the model that a node has now.
func (s spelling) predictions(known *rdd.Dataset) *rdd.Dataset {
	return known.Map(information, "how", s.text(optionsText)).
		Broadcast(newest(information, true)).
		Apply(rdd.Apply{For: information, Func: "ev_predict"}).
		Map(information, "must_charge", "p >= 0.5").Named("predictions").
		Write(s.write("predictions", information, "timestamp", "car_id", "node", "charge", "location", "version", "p", "must_charge", "y"))
}

const gathered = "ev_examples(f1, f2, f3, f4, f5, f6, f7, f8, y)"

// nodes test and train the model that they have on the rows of a window.
func (s spelling) nodes(known *rdd.Dataset) *rdd.Dataset {
	return known.Reduce(rdd.Reduce{
		From: information, As: update, By: []string{"node", rdd.WindowStart, rdd.WindowEnd},
		Get: []rdd.Assign{{Column: "rows", Expr: gathered}, {Column: "n", Expr: "count()"}},
	}).Map(update, "how", s.text(optionsText)).
		Broadcast(newest(update, false)).
		Apply(rdd.Apply{For: update, Func: "ev_train"}).
		Map(update, "accuracy_global", "global_hits / (tp + fp + tn + fn)")
}

// central is the rows that the centre trains on, one row a window, or none.
func (s spelling) central(known *rdd.Dataset) *rdd.Dataset {
	from := map[string]rdd.LabelSet{"backup": backup, "information": information}[s.vars["central_from"]]
	return known.Filter(from, s.text("'${central}' NOT IN ('off', '0')")).
		Reduce(rdd.Reduce{From: from, As: central, By: []string{rdd.WindowStart, rdd.WindowEnd}, Get: []rdd.Assign{{Column: "rows", Expr: gathered}}})
}

// server makes a round of what came in of a window.
func (s spelling) server(nodes, centre *rdd.Dataset) *rdd.Dataset {
	none := func(columns ...string) (pairs []string) {
		for _, c := range columns {
			typ, name, _ := strings.Cut(c, " ")
			pairs = append(pairs, name, "CAST(NULL AS "+typ+")")
		}
		return pairs
	}
	submitted := nodes.Map(update, append(none("binary rows"), "scored", "tp + fp + tn + fn", "hits", "tp + tn")...).Named("submitted")
	raw := centre.Map(central, none("string how", "string node", "bigint round", "bigint newest", "bigint version", "bigint samples", "double accuracy",
		"binary params", "binary moments", "timestamp arrives", "bigint scored", "bigint hits", "bigint global_hits")...).Named("raw")
	return submitted.Union(raw).
		Reduce(rdd.Reduce{From: update | central, As: global, By: []string{rdd.WindowStart, rdd.WindowEnd}, Get: []rdd.Assign{
			{Column: "submissions", Expr: "ev_submissions(how, node, round, newest, version, samples, accuracy, params, moments, arrives, window_end, rows)"},
			{Column: "scored", Expr: "sum(scored)"}, {Column: "hits", Expr: "sum(hits)"}, {Column: "global_hits", Expr: "sum(global_hits)"},
		}}).
		Map(global, "how", s.text(optionsText), "accuracy", "hits / scored", "accuracy_global", "global_hits / scored").
		Broadcast(newest(global, false)).
		Apply(rdd.Apply{For: global, Func: "ev_advance"})
}

// scalar is a text as a job file takes it: as a number if it is one.
func scalar(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	return text
}

// duration reads "15m" and the long spellings of one number and one unit.
func duration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	number, unit, _ := strings.Cut(text, " ")
	switch strings.TrimSuffix(unit, "s") {
	case "second", "minute", "hour":
		if d, err := time.ParseDuration(number + unit[:1]); err == nil && d > 0 {
			return d, nil
		}
	case "day":
		if d, err := time.ParseDuration(number + "h"); err == nil && d > 0 {
			return 24 * d, nil
		}
	}
	return 0, fault.New(fault.Invalid, "round: expected a duration such as 1 day or 15m, got %q", text)
}
