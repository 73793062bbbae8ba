package idag

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
)

// TestTwoWaysOneMeaning proves that the job file of every shipped job and its
// Go version compile to one digest, with the defaults and with other variables,
// in every plan.
func TestTwoWaysOneMeaning(t *testing.T) {
	events := filepath.Join(t.TempDir(), "events")
	call(t, "generate", "--rows", "2000", "--out", events)
	for _, job := range Jobs() {
		t.Run(job.Name, func(t *testing.T) {
			all := []map[string]string{{"path": events}, {"path": events, "window": "15 minutes", "out": "elsewhere"}}
			switch job.Name {
			case "meter":
			case "ev":
				all = []map[string]string{nil, {"round": "30m", "label": "threshold", "method": "median", "participants": "node1,node2", "sink": "console", "central": "on"},
					{"topics": "node1_data,node2_server_data", "central_from": "backup", "cars": "2"}}
			case "ev-recorded":
				fleet := filepath.Join(t.TempDir(), "fleet")
				call(t, "generate", "--set", "events=ev-fleet", "--set", "topics=electric_car_data", "--out", fleet)
				all = []map[string]string{{"path": fleet}, {"path": fleet, "model": "linear"}}
			default:
				data := recording(t, "")
				t.Setenv("IDAG_DATA", data)
				all = []map[string]string{nil, {"data": data, "out": "elsewhere", "sink": "console"}}
			}
			for _, vars := range all {
				sameMeaning(t, job, vars)
			}
		})
	}
}

func sameMeaning(t *testing.T, job Job, vars map[string]string) {
	t.Helper()
	file, err := jobfile.Parse(job.Name+".yaml", job.YAML, vars, Kinds())
	if err != nil {
		t.Fatal(err)
	}
	file.Functions = Functions()
	built, err := job.Build(vars)
	if err != nil {
		t.Fatal(err)
	}
	if file.Settings != built.Settings || file.Dead.Limit() != built.Dead.Limit() {
		t.Errorf("%s: %+v and %+v", job.Name, file.Settings, built.Settings)
	}
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		cfg := engine.Config{Mode: mode, Kinds: Kinds()}
		a, err := engine.Compile(context.Background(), file, cfg)
		if err != nil {
			t.Fatal(err)
		}
		b, err := engine.Compile(context.Background(), built, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if a.Digest != b.Digest {
			t.Errorf("%s with %v, %s plan: the job file has digest %s, the Go job %s", job.Name, vars, mode, a.Digest, b.Digest)
		}
	}
}

// TestRecordedFleet proves that the job over recorded events comes to the same rounds as over the
// generator, by their checksum, though one is read at once and the other bit by bit.
func TestRecordedFleet(t *testing.T) {
	dir := t.TempDir()
	call(t, "generate", "--set", "events=ev-fleet", "--set", "topics=electric_car_data", "--set", "trips=1", "--out", filepath.Join(dir, "fleet"))
	sum := func(args ...string) string {
		out := call(t, append([]string{"run", "--json", "--schedule", "rounds"}, args...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		var s struct {
			Checksum string `json:"checksum"`
			Rows     int64  `json:"rows_in"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &s); err != nil || s.Checksum == "" || s.Rows < 1000 {
			t.Fatalf("%v: %s", err, lines[len(lines)-1])
		}
		return s.Checksum
	}
	made := sum("ev", "--set", "trips=1", "--set", "out="+filepath.Join(dir, "made"))
	read := sum("ev-recorded", "--set", "path="+filepath.Join(dir, "fleet"), "--set", "out="+filepath.Join(dir, "read"))
	if made != read {
		t.Errorf("rounds have the checksum %s, over recorded events %s", made, read)
	}
}
