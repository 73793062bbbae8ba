package ev

import (
	_ "embed"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

//go:embed twizy-ev.yaml
var twizySource []byte

// TwizyYAML returns the job file of the same training over recorded trips of a small
// electric car, whose three routes are three nodes.
func TwizyYAML() []byte { return slices.Clone(twizySource) }

// TwizyVars returns the variables of that job file with their defaults: those of training in
// [Vars], and data, minutes, points, low and day.
func TwizyVars() map[string]string {
	v := Vars()
	maps.DeleteFunc(v, func(name, _ string) bool {
		return slices.Contains([]string{"trips", "cars", "drift", "faults", "topics", "label", "central_from"}, name)
	})
	maps.Copy(v, map[string]string{
		"data": os.Getenv("IDAG_DATA"), "minutes": "3.0", "points": "2.5", "low": "50.0", "day": "2021-06-30",
		"round": "10 minutes", "warmup": "12", "client": "substring(regexp_extract(file, '([^/]+)[.]csv$', 1), 1, 2)", "out": "out/twizy-ev",
	})
	if v["data"] == "" {
		v["data"] = "../shared/data"
	}
	return v
}

// TwizyJob builds the job over recorded trips with the Go API, as [Job] does the other.
func TwizyJob(vars map[string]string) (*rdd.Job, error) {
	s, err := spell("twizy-ev", TwizyVars(), vars)
	if err != nil {
		return nil, err
	}
	window, err := duration(s.vars["round"])
	if err != nil {
		return nil, err
	}
	const onMap = "LAT BETWEEN 33 AND 35 AND LON BETWEEN -8 AND -6"
	moment := s.text("to_timestamp(concat('${day} ', Time))")
	known := rdd.From("csv", rdd.Options{
		"path": s.vars["data"] + "/twizy/*.csv", "filename": "file",
		"types": map[string]string{"Date": "date", "Time": "string", "Traffic": "bigint"}, "date_format": "M/d/yyyy",
	}).Tag(rdd.Tag{Time: moment, Identity: []string{"file", "Time"}, Rules: []rdd.Rule{{Label: information, When: onMap}}}).
		Map(information, "at", moment).
		Window(rdd.Tumbling("at", window)).
		Map(information, "node", s.text("${client}"), "trip", "regexp_extract(file, '([^/]+)[.]csv$', 1)",
			"f1", "Speed", "f2", "Soc", "f3", "SpeedLimit", "f4", "CAST(Traffic AS double)", "f5", "ALT", "f6", "Temperature", "f7", "WindSpeedAv", "f8", "LON").
		Named("known")
	f := federation{s}
	rows := s.text("ev_ahead(trip, at, Soc, f1, f2, f3, f4, f5, f6, f7, f8, ${minutes}, ${points}, ${low})")
	nodes := f.nodes(known, rows)
	sinks := []*rdd.Dataset{
		f.predictions(known).Write(s.write("predictions", information, "at", "trip", "node", "Soc", "version", "p", "must_charge")),
	}
	sinks = append(sinks, f.sinks(nodes, f.server(nodes, f.central(known, information, rows)))...)
	job := rdd.NewJob("twizy-ev", []string{"error", "backup", "information", "update", "central", "global"}, sinks...).
		With(rdd.Settings{InFlight: 1, Lateness: 24 * time.Hour})
	job.Functions = fn.NewSet(Functions()...)
	job.Dead.MaxShare = 0.01
	return job, nil
}
