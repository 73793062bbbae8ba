// Package twizy is a job over recorded trips of an electric car: energy, speed
// and regeneration by trip and minute, and by route, weather and traffic.
//
// The job is written twice, as the job file twizy.yaml and with the Go API; a
// test holds the two to one meaning. The recording is found below the directory in
// IDAG_DATA; see docs/recordings.md. The package holds no memory.
package twizy

import (
	_ "embed"
	"os"
	"slices"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

//go:embed twizy.yaml
var source []byte

// YAML returns the job file.
func YAML() []byte { return slices.Clone(source) }

// The labels of the events and of the results.
const (
	standing rdd.LabelSet = 1 << iota
	driving
	second
	minutes
	conditions
	speeding
)

const (
	moment = "to_timestamp(concat(CAST(Date AS string), ' ', Time))"
	onMap  = "LAT BETWEEN 33 AND 35 AND LON BETWEEN -8 AND -6"
)

// Job builds the job with the Go API. The vars replace the defaults of the job
// file: data (IDAG_DATA, or ../shared/data), out (out/twizy) and sink (parquet).
// Another name is an error of the kind [fault.Invalid].
func Job(vars map[string]string) (*rdd.Job, error) {
	v := map[string]string{"data": os.Getenv("IDAG_DATA"), "out": "out/twizy", "sink": "parquet"}
	if v["data"] == "" {
		v["data"] = "../shared/data"
	}
	for name, text := range vars {
		if _, ok := v[name]; !ok {
			return nil, fault.New(fault.Invalid, "the job twizy has no variable %q", name)
		}
		v[name] = text
	}
	write := func(name string, from rdd.LabelSet) rdd.Write {
		o := rdd.Options{"path": v["out"] + "/" + name}
		if v["sink"] == "console" || v["sink"] == "memory" {
			o = rdd.Options{"name": v["out"] + "/" + name}
		}
		return rdd.Write{From: from, Connector: v["sink"], Options: o}
	}
	ev := readings(v["data"]).Named("readings")
	sec := seconds(ev).Named("seconds")
	job := rdd.NewJob("twizy", []string{"standing", "driving", "second", "minutes", "conditions", "speeding"},
		sec.Reduce(rdd.Reduce{From: second, As: minutes, By: []string{"trip", "minute", "Weather", "Traffic"}, Get: []rdd.Assign{
			{Column: "seconds", Expr: "count()"}, {Column: "km", Expr: "sum(km)"}, {Column: "speed", Expr: "avg(Speed)"},
			{Column: "fastest", Expr: "max(Speed)"}, {Column: "used_wh", Expr: "sum(used)"}, {Column: "regained_wh", Expr: "sum(regained)"},
		}}).Named("minutes").Write(write("minutes", minutes)),
		sec.Reduce(rdd.Reduce{From: second, As: conditions, By: []string{"route", "Weather", "Traffic"}, Get: []rdd.Assign{
			{Column: "seconds", Expr: "count()"}, {Column: "km", Expr: "sum(km)"}, {Column: "speed", Expr: "avg(Speed)"},
			{Column: "used_wh", Expr: "sum(used)"}, {Column: "regained_wh", Expr: "sum(regained)"},
		}}).Map(conditions, "wh_per_km", "(used_wh - regained_wh) / km", "regained_share", "regained_wh / used_wh").
			Named("conditions").Write(write("conditions", conditions)),
		ev.Reduce(rdd.Reduce{From: driving, As: speeding, By: []string{"trip"}, Get: []rdd.Assign{
			{Column: "seconds", Expr: "sum(CASE WHEN excess > 0 THEN 1 ELSE 0 END)"}, {Column: "worst", Expr: "max(excess)"},
		}}).Named("speeding").Write(write("speeding", speeding)),
	).With(rdd.Settings{Lateness: time.Minute})
	job.Dead.MaxShare = 0.01
	return job, nil
}

// readings reads the trips. Rows with an impossible date cannot be parsed, and
// positions off the map get no label: both are dead letters.
func readings(data string) *rdd.Dataset {
	return rdd.From("csv", rdd.Options{
		"path": data + "/twizy/*.csv", "filename": "file", "types": map[string]any{"Date": "date", "Time": "string", "Traffic": "bigint"}, "date_format": "M/d/yyyy",
	}).Tag(rdd.Tag{
		Time: moment, Identity: []string{"file", "Time"},
		Rules: []rdd.Rule{{Label: driving, When: onMap + " AND Mode <> 'N'"}, {Label: standing, When: onMap + " AND Mode = 'N'"}},
	}).
		Map(0, "at", moment, "trip", "regexp_extract(file, '([^/]+)[.]csv$', 1)", "km", "Speed / 3600").
		Map(driving, "excess", "Speed - SpeedLimit")
}

// seconds compares each reading with that of the second before: the battery
// gives energy, and takes it up when the car brakes. It holds 6.1 kWh, so one
// percent is 61 Wh; more than one percent a second is an error of the meter.
func seconds(ev *rdd.Dataset) *rdd.Dataset {
	earlier := ev.Map(0, "next", "at + INTERVAL '1 second'").Named("earlier")
	return ev.Join(rdd.Join{
		As: second, How: "left", Prefix: "earlier_",
		On: []rdd.JoinKey{{Left: "trip", Right: "trip"}, {Left: "at", Right: "next"}},
	}, earlier).Map(second,
		"minute", "date_trunc('minute', at)",
		"route", "substring(trip, 1, 2)",
		"used", "CASE WHEN earlier_Soc - Soc BETWEEN 0 AND 1 THEN 61 * (earlier_Soc - Soc) END",
		"regained", "CASE WHEN Soc - earlier_Soc BETWEEN 0 AND 1 THEN 61 * (Soc - earlier_Soc) END")
}
