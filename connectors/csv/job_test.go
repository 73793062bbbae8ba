package csv_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

const trips = `
job: trips
labels: [drive, neutral, reverse]
vars: {from: "", to: ""}
datasets:
  events:
    - read: {csv: {path: "${from}", types: {Date: date}, date_format: M/d/yyyy}}
    - tag: {column: Mode, values: {D: drive, N: neutral, R: reverse}, identity: [Date, Time]}
    - map: {for: drive, set: {fast: Speed > SpeedLimit}}
    - filter: {for: [neutral, reverse], where: Soc > 0}
    - write: {csv: "${to}"}
`

// outcome runs the job and returns what it came to, dead letters included.
func outcome(t *testing.T, from string, mode planner.Mode, executors int) (engine.Summary, []string) {
	t.Helper()
	dir := t.TempDir()
	kinds := connectors.NewRegistry(csv.Kind())
	job, err := jobfile.Parse("job.yaml", []byte(trips), map[string]string{"from": from, "to": filepath.Join(dir, "out")}, kinds)
	if err != nil {
		t.Fatal(err)
	}
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	sum, err := engine.Run(context.Background(), job.With(rdd.Settings{BatchRows: 9000}), engine.Config{
		Mode: mode, Executors: executors, Kinds: kinds, Mem: mem, DeadLetters: filepath.Join(dir, "dead")})
	if err != nil {
		t.Fatal(err)
	}
	mem.AssertSize(t, 0)
	var dead []string
	if err := filepath.WalkDir(filepath.Join(dir, "dead"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(filepath.Ext(path), ".json") || strings.HasPrefix(d.Name(), "_") {
			return err
		}
		text, err := os.ReadFile(path)
		dead = append(dead, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return sum, dead
}

func samePlans(t *testing.T, from string, rows, bad int64, original string) {
	t.Helper()
	first := engine.Summary{}
	for i, mode := range []planner.Mode{planner.Masked, planner.IDAG, planner.Selection, planner.IDAG} {
		sum, dead := outcome(t, from, mode, i+1)
		if i == 0 {
			first = sum
		}
		if sum.RowsIn != rows || sum.DeadLetters != bad || sum.Checksum != first.Checksum || sum.RowsOut != first.RowsOut || sum.RowsOut == 0 {
			t.Errorf("%v: %d rows in, %d out, %d dead letters, checksum %s; want %d, %d, %d, %s", mode,
				sum.RowsIn, sum.RowsOut, sum.DeadLetters, sum.Checksum, rows, first.RowsOut, bad, first.Checksum)
		}
		if int64(len(dead)) != bad || !strings.Contains(strings.Join(dead, "\n"), original) {
			t.Errorf("%v: %d dead letters are written, none has %q: %.500s", mode, len(dead), original, dead)
		}
	}
}

const header = "Date,Time,Soc,Speed,Mode,LAT,LON,ALT,GpsSpeed,Temperature,Humidity,Weather,WindSpeedAv,Traffic,SpeedLimit\n"

// TestJob proves that both plans, on any number of executors, give the same rows
// and the same dead letters, with their bytes.
func TestJob(t *testing.T) {
	dir := t.TempDir()
	bad := int64(0)
	for f := range 3 {
		var b strings.Builder
		b.WriteString(header)
		for i := range 7000 {
			date := fmt.Sprintf("%02d/%02d/2021", i%12+1, i%28+1)
			if i%97 == 0 {
				date, bad = "90/02/2032", bad+1
			}
			fmt.Fprintf(&b, "%s,%02d:%02d:%02d,%d.5,%d.25,%c,33.9,-6.7,143.0,0.05,22.2,68.0,Clouds,3.09,0,40.0\n",
				date, i/3600, i/60%60, i%60, i%3, i%60, "DNR"[i%3])
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("T%d.csv", f)), []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	samePlans(t, dir, 21000, bad, `90/02/2032,00:00:00,0.5,0.25,D,33.9`)
}

// TestRecorded does the same with recorded trips, where they are.
func TestRecorded(t *testing.T) {
	data := os.Getenv("IDAG_DATA")
	if data == "" {
		data = "../../../shared/data"
	}
	dir := filepath.Join(data, "twizy")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recorded data: %v", err)
	}
	samePlans(t, dir, 43567, 157, `90/02/2032,12:08:07,51.600000`)
}
