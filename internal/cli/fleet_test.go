package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fleet that is recorded has its topics for files, and a job over the recording
// gives what it gives over the fleet itself, by both plans.
func TestFleetIsRecorded(t *testing.T) {
	app, dir := wired(t), t.TempDir()
	must(t, app, "generate", "--set", "events=ev-fleet", "--set", "trips=2", "--out", filepath.Join(dir, "ev"))
	want(t, files(t, filepath.Join(dir, "ev")), "node1_data.parquet node1_server_data.parquet node2_data.parquet node2_server_data.parquet "+
		"node3_data.parquet node3_server_data.parquet node4_data.parquet node4_server_data.parquet")
	const job = `
job: ev
datasets:
  events:
    - read: %s
    - tag: {column: kind, identity: [car_id, timestamp, kind]}
    - map: {for: [error, backup, information], set: {low: reach AND charge < 40}}
    - filter: {for: error, where: emergency IS NOT NULL}
    - reduce: {from: [error, backup, information], by: [node, weather, emergency], get: {n: count(), low: count(low), soc: avg(charge), far: max(distance_to_charging_point)}}
    - write: console
`
	var sums []string
	for _, read := range []string{"{generate: {events: ev-fleet, trips: 2}}", "{parquet: " + filepath.Join(dir, "ev") + "}"} {
		file := filepath.Join(dir, "job.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, job, read), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, plan := range [][]string{nil, {"--linear"}} {
			out, _ := must(t, app, append([]string{"run", file, "--json", "--no-ledger"}, plan...)...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			var summary struct {
				Checksum string
				RowsIn   int `json:"rows_in"`
				Dead     int `json:"dead_letters"`
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &summary); err != nil {
				t.Fatal(err)
			}
			if summary.RowsIn < 15_000 || summary.Dead != 0 {
				t.Errorf("%+v", summary)
			}
			sums = append(sums, summary.Checksum)
		}
	}
	for _, s := range sums {
		if s != sums[0] || s == "" {
			t.Fatalf("checksums %v", sums)
		}
	}
}
