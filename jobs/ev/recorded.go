package ev

import (
	"maps"
	"slices"
	"strings"

	"github.com/idag/idag/rdd"
)

// simulated are the variables of the simulation.
func simulated() []string { return []string{"trips", "cars", "seed", "drift", "faults", "topics"} }

// RecordedYAML returns the job file of the same job over events that were recorded as
// Parquet, such as `idag generate --set events=ev-fleet` writes: it is that of [YAML] but
// for what it reads.
func RecordedYAML() []byte {
	var out strings.Builder
	for line := range strings.Lines(string(source)) {
		name, _, isVar := strings.Cut(strings.TrimPrefix(line, "  "), ":")
		switch {
		case strings.HasPrefix(line, "#"):
			continue // what it tells is of the other
		case line == "job: ev\n":
			line = "# Federated training over recorded events of electric vehicles; see docs/ev.md.\n#\n" +
				"#   idag run ev-recorded --set path=data/ev/electric_car_data.parquet\n\njob: ev-recorded\n"
		case strings.HasPrefix(line, "  trips: "):
			line = "  path: data/ev\n"
		case isVar && strings.HasPrefix(line, "  ") && name != "seed" && slices.Contains(simulated(), name):
			continue
		case strings.HasPrefix(line, "    - read: "):
			line = "    - read: {parquet: \"${path}\"}\n"
		}
		out.WriteString(line)
	}
	return []byte(strings.TrimLeft(out.String(), "\n"))
}

// RecordedVars returns the variables of that job file with their defaults: path, and those of
// [Vars] that are not of the simulation.
func RecordedVars() map[string]string {
	v := Vars()
	maps.DeleteFunc(v, func(name, _ string) bool { return name != "seed" && slices.Contains(simulated(), name) })
	v["path"] = "data/ev"
	return v
}

// RecordedJob builds the job over recorded events with the Go API, as [Job] does the other.
func RecordedJob(vars map[string]string) (*rdd.Job, error) {
	s, err := spell("ev-recorded", RecordedVars(), vars)
	if err != nil {
		return nil, err
	}
	return s.job("ev-recorded", rdd.From("parquet", rdd.Options{"path": s.vars["path"]}))
}
