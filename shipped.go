package idag

import (
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/arrow"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/files"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/jobs/ev"
	"github.com/idag/idag/jobs/lorawan"
	"github.com/idag/idag/jobs/meter"
	"github.com/idag/idag/jobs/twizy"
	"github.com/idag/idag/rdd/fn"
)

// Jobs returns the jobs that ship.
func Jobs() []Job {
	return []Job{{
		Name: "meter", Doc: "Errors, backup supply and consumption of a grid of smart meters", YAML: meter.YAML(), Build: meter.Job, Shipped: true,
	}, {
		Name: "lorawan", Doc: "Loss, climate, batteries and signal of LoRaWAN devices by the hour, from a recording",
		YAML: lorawan.YAML(), Build: lorawan.Job, Shipped: true,
	}, {
		Name: "twizy", Doc: "Energy, speed and regeneration of an electric car by trip and minute, from a recording",
		YAML: twizy.YAML(), Build: twizy.Job, Shipped: true,
	}, {
		Name: "ev", Doc: "Federated training of a charging model on the nodes that electric vehicles drive past",
		YAML: ev.YAML(), Build: ev.Job, Shipped: true,
	}, {
		Name: "ev-recorded", Doc: "The job ev over recorded events",
		YAML: ev.RecordedYAML(), Build: ev.RecordedJob, Shipped: true,
	}, {
		Name: "twizy-ev", Doc: "Federated training of a charging model on recorded trips of an electric car, a route a node",
		YAML: ev.TwizyYAML(), Build: ev.TwizyJob, Shipped: true,
	}}
}

// Functions returns the functions that ship: those of the jobs ev and twizy-ev.
func Functions() fn.Set { return fn.NewSet(ev.Functions()...) }

// Kinds returns the connectors that ship.
func Kinds() connectors.Registry {
	return connectors.NewRegistry(arrow.Kind(), broadcast.Kind(), console.Kind(), csv.Kind(), files.Kind(csv.Kind(), json.Kind()), generate.Kind(), json.Kind(), parquet.Kind())
}
