// Package meter is the smart-grid job of the I-DAG paper: errors, backup supply
// and consumption of a grid of smart meters, each label with the operations it
// needs and without those it does not.
//
// The job is written twice, as the job file meter.yaml and with the Go API; a
// test holds the two to one meaning. Its input has the columns that the
// generate connector makes. The package holds no memory.
package meter

import (
	_ "embed"
	"slices"
	"strings"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

//go:embed meter.yaml
var source []byte

// YAML returns the job file.
func YAML() []byte { return slices.Clone(source) }

// The labels of the events and of the results.
const (
	failure rdd.LabelSet = 1 << iota
	backup
	information
	perMeter
	perFeeder
	outages
)

// Job builds the job with the Go API. The vars replace the defaults of the job
// file: path (data/meter), window (24h, as [time.ParseDuration] reads it, or
// "1 day"), out (out/meter) and sink (parquet). Another name is an error of the
// kind [fault.Invalid].
func Job(vars map[string]string) (*rdd.Job, error) {
	v := map[string]string{"path": "data/meter", "window": "1 day", "out": "out/meter", "sink": "parquet"}
	for name, text := range vars {
		if _, ok := v[name]; !ok {
			return nil, fault.New(fault.Invalid, "the job meter has no variable %q", name)
		}
		v[name] = text
	}
	window, err := duration(v["window"])
	if err != nil {
		return nil, err
	}
	write := func(name string, from rdd.LabelSet, columns ...string) rdd.Write {
		return rdd.Write{From: from, Connector: v["sink"], Options: target(v["sink"], v["out"]+"/"+name), Columns: columns}
	}
	ev := consumption(supply(failures(tagged(v["path"])))).Window(rdd.Tumbling("ts", window)).Named("events")
	return rdd.NewJob("meter", []string{"error", "backup", "information", "per_meter", "per_feeder", "outages"},
		ev.Reduce(rdd.Reduce{
			From: backup | information, As: perMeter, By: []string{"meter", rdd.WindowStart},
			Get: []rdd.Assign{{Column: "wh", Expr: "sum(net)"}, {Column: "n", Expr: "count()"}},
		}).Named("per_meter").Write(write("per_meter", perMeter)),
		ev.Reduce(rdd.Reduce{
			From: information, As: perFeeder, By: []string{"feeder", "tariff", rdd.WindowStart},
			Get: []rdd.Assign{
				{Column: "power", Expr: "avg(power)"}, {Column: "peak", Expr: "max(power)"},
				{Column: "load_factor", Expr: "avg(load_factor)"}, {Column: "n", Expr: "count()"},
			},
		}).Named("per_feeder").Write(write("per_feeder", perFeeder)),
		ev.Reduce(rdd.Reduce{
			From: backup, As: outages, By: []string{"feeder", rdd.WindowStart},
			Get: []rdd.Assign{
				{Column: "share", Expr: "avg(share)"}, {Column: "worst", Expr: "max(share)"},
				{Column: "restored", Expr: "sum(CASE WHEN restored THEN 1 ELSE 0 END)"}, {Column: "n", Expr: "count()"},
			},
		}).Named("outages").Write(write("outages", outages)),
		ev.Filter(failure, "is_critical").Named("alerts").Write(write("alerts", failure,
			"ts", "meter", "feeder", "code", "severity", "fault", "firmware", rdd.ColHash, rdd.ColSeq)),
	), nil
}

// tagged reads the events and labels them.
func tagged(path string) *rdd.Dataset {
	return rdd.From("parquet", rdd.Options{"path": path}).
		Tag(rdd.Tag{Column: "kind", Identity: []string{"meter", "ts"}, Time: "ts"})
}

// failures says how bad an error is and of what class.
func failures(ev *rdd.Dataset) *rdd.Dataset {
	return ev.Map(failure, "severity", "code div 100").
		Map(failure, "fault", "CASE WHEN code % 100 < 40 THEN 'communication' "+
			"WHEN code % 100 < 70 THEN 'sensor' "+
			"WHEN code % 100 < 90 THEN 'power' ELSE 'tamper' END").
		Map(failure, "is_critical", "severity >= 4 AND fault IN ('power', 'tamper')")
}

// supply says how much of a house its own battery or roof feeds.
func supply(ev *rdd.Dataset) *rdd.Dataset {
	return ev.Map(backup|information, "net", "wh - back").
		Map(backup, "share", "back / (wh + back)").
		Map(backup, "restored", "share < 0.25").
		Map(backup, "autonomy", "round(1000 * back / wh, 1)") // nobody reads it: unscheduled
}

// consumption says what a house draws, and in which band of the tariff.
func consumption(ev *rdd.Dataset) *rdd.Dataset {
	return ev.Map(information, "power", "mv * ma / 1000000").
		Map(information, "load_factor", "power / 7360").
		Map(information, "tariff", "CASE WHEN hour(ts) < 6 OR hour(ts) >= 22 THEN 'night' "+
			"WHEN hour(ts) >= 17 THEN 'peak' ELSE 'day' END")
}

// target is the main option of the sinks that take one.
func target(sink, where string) rdd.Options {
	if sink == "parquet" {
		return rdd.Options{"path": where}
	}
	return rdd.Options{"name": where}
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
	return 0, fault.New(fault.Invalid, "window: expected a duration such as 1 day or 15m, got %q", text)
}
