// Package lorawan is a job over recorded frames of LoRaWAN devices: an
// environment sensor and three trackers, whose payloads differ. It gives loss,
// climate, batteries and signal by device and hour, alerts, frames that came late, and
// gaps in the frame counters.
//
// The job is written twice, as the job file lorawan.yaml and with the Go API; a
// test holds the two to one meaning. The recording is found below the directory
// in IDAG_DATA; see docs/recordings.md. The package holds no memory.
package lorawan

import (
	_ "embed"
	"os"
	"slices"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

//go:embed lorawan.yaml
var source []byte

// YAML returns the job file.
func YAML() []byte { return slices.Clone(source) }

// The labels of the events and of the results.
const (
	failure rdd.LabelSet = 1 << iota
	backup
	information
	hours
	delays
	gap
)

// schema is what the job reads of a frame: the union of all payloads.
const schema = "name string, dev_eui string, fcnt bigint, port bigint, reported_at bigint, _timestamp bigint, " +
	"hotspots array<struct<rssi: double, snr: double>>, " +
	"decoded struct<payload: struct<temperature: double, humidity: double, vdd: double, waterleak: bigint, " +
	"batteryVoltage: double, latitude: double, longitude: double>>"

// Conditions that make a frame an error.
const (
	noReading  = "decoded.payload.temperature IS NULL"
	waterLeak  = "decoded.payload.waterleak > 0"
	lowVoltage = "decoded.payload.vdd < 3560 OR decoded.payload.batteryVoltage < 3400"
	noPosition = "port = 1 AND (decoded.payload.latitude IS NULL OR decoded.payload.latitude = 0)"
)

// Job builds the job with the Go API. The vars replace the defaults of the job
// file: data (IDAG_DATA, or ../shared/data), out (out/lorawan) and sink (parquet).
// Another name is an error of the kind [fault.Invalid].
func Job(vars map[string]string) (*rdd.Job, error) {
	v := map[string]string{"data": os.Getenv("IDAG_DATA"), "out": "out/lorawan", "sink": "parquet"}
	if v["data"] == "" {
		v["data"] = "../shared/data"
	}
	for name, text := range vars {
		if _, ok := v[name]; !ok {
			return nil, fault.New(fault.Invalid, "the job lorawan has no variable %q", name)
		}
		v[name] = text
	}
	write := func(name string, from rdd.LabelSet, columns ...string) rdd.Write {
		o := rdd.Options{"path": v["out"] + "/" + name}
		if v["sink"] == "console" || v["sink"] == "memory" {
			o = rdd.Options{"name": v["out"] + "/" + name}
		}
		return rdd.Write{From: from, Connector: v["sink"], Options: o, Columns: columns}
	}
	ev := frames(v["data"]).Named("frames")
	next := ev.Map(0, "next", "fcnt + 1").Named("predecessors")
	return rdd.NewJob("lorawan", []string{"error", "backup", "information", "hours", "delays", "gap"},
		perHour(ev).Named("hours").Write(write("hours", hours)),
		ev.Write(write("alerts", failure, "at", "dev_eui", "fcnt", "cause", "battery", "temperature")),
		ev.Reduce(rdd.Reduce{From: backup, As: delays, By: []string{"dev_eui"}, Get: []rdd.Assign{
			{Column: "frames", Expr: "count()"}, {Column: "longest", Expr: "max(delay)"}, {Column: "mean", Expr: "avg(delay)"},
		}}).Named("delays").Write(write("delays", delays)),
		ev.Join(rdd.Join{
			As: gap, How: "anti", On: []rdd.JoinKey{{Left: "dev_eui", Right: "dev_eui"}, {Left: "fcnt", Right: "next"}},
			Within: rdd.JoinTime{Left: "at", Right: "at", Before: 24 * time.Hour},
		}, next).Named("gaps").Write(write("gaps", gap, "dev_eui", "at", "fcnt")),
	).With(rdd.Settings{Lateness: time.Hour}), nil
}

// frames reads and labels the frames, and brings their payloads to one form.
func frames(data string) *rdd.Dataset {
	return rdd.From("json", rdd.Options{"path": data + "/lorawan/*.ndjson.gz", "schema": schema}).
		Tag(rdd.Tag{
			Time: "timestamp_millis(reported_at)", Identity: []string{"dev_eui", "fcnt", "reported_at"},
			Rules: []rdd.Rule{
				{Label: backup, When: "_timestamp - reported_at > 60000"},
				{Label: failure, When: noReading}, {Label: failure, When: waterLeak},
				{Label: failure, When: lowVoltage}, {Label: failure, When: noPosition},
			},
			Otherwise: information,
		}).
		Map(0,
			"at", "timestamp_millis(reported_at)",
			"temperature", "decoded.payload.temperature",
			"battery", "coalesce(decoded.payload.vdd, decoded.payload.batteryVoltage)",
			"rssi", "hotspots[0].rssi",
			"snr", "hotspots[0].snr").
		Map(backup, "delay", "(_timestamp - reported_at) / 1000").
		Map(failure, "cause", "CASE WHEN "+noReading+" THEN 'no reading' WHEN "+waterLeak+" THEN 'water leak' WHEN "+
			lowVoltage+" THEN 'low voltage' ELSE 'no position' END").
		Window(rdd.Tumbling("at", time.Hour))
}

// perHour counts and averages by device and hour. Frames are lost where
// counters are missing between the least and the greatest; an hour in which the
// counter started again says nothing of it.
func perHour(ev *rdd.Dataset) *rdd.Dataset {
	get := func(pairs ...string) (out []rdd.Assign) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, rdd.Assign{Column: pairs[i], Expr: pairs[i+1]})
		}
		return out
	}
	return ev.Reduce(rdd.Reduce{
		From: failure | backup | information, As: hours, By: []string{"dev_eui", rdd.WindowStart},
		Get: get(
			"frames", "count()",
			"errors", "sum(CASE WHEN _label = 'error' THEN 1 ELSE 0 END)",
			"backups", "sum(CASE WHEN _label = 'backup' THEN 1 ELSE 0 END)",
			"counters", "count(DISTINCT fcnt)",
			"first_counter", "first(fcnt)", "last_counter", "last(fcnt)",
			"least", "min(fcnt)", "greatest", "max(fcnt)",
			"temperature", "avg(temperature)", "coldest", "min(temperature)", "warmest", "max(temperature)",
			"battery", "avg(battery)", "weakest_battery", "min(battery)", "rssi", "avg(rssi)", "snr", "avg(snr)"),
	}).
		Map(hours, "loss", "CASE WHEN first_counter = least AND last_counter = greatest THEN 1 - counters / (greatest - least + 1) END").
		Drop(hours, "first_counter", "last_counter", "least", "greatest", "counters")
}
