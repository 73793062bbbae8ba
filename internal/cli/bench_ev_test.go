package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The figures of ev and clients are explained without measuring, and what cannot be
// measured is refused before anything runs.
func TestBenchFederated(t *testing.T) {
	app := story().app()
	out, _ := must(t, app, "bench", "ev", "--list")
	for _, name := range strings.Fields("accuracy_4of4 accuracy_3of4_linear accuracy_stale_4_forest accuracy_central_on_nn staleness_recovered bytes_control_learned") {
		if !strings.Contains(out, "  "+name+" ") {
			t.Errorf("%s is not explained:\n%s", name, out)
		}
	}
	if out, _ = must(t, app, "bench", "ev", "--list", "--only", "central"); strings.Contains(out, "accuracy_4of4") || !strings.Contains(out, "accuracy_central_off") {
		t.Error(out)
	}
	if out, _ = must(t, app, "bench", "clients", "--list"); !strings.Contains(out, "round_s_100000 ") || !strings.Contains(out, "rss_bytes_100000 ") {
		t.Error(out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"clients", "--clients", "30"}, "expected multiples of 20, got 30"},
		{[]string{"ev", "--seeds", "0"}, "seeds, cars and days"},
		{[]string{"ev", "--only", "particpants"}, `did you mean "participants"?`},
	} {
		if status, _, errs := call(t, app, append([]string{"bench"}, c.args...)...); status != statusMistake || !strings.Contains(errs, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, errs)
		}
	}
}

// A round takes from the commit of the one before to its own, whatever batches lie
// between; the summary is no batch.
func TestRoundTimes(t *testing.T) {
	got, err := roundTimes(strings.NewReader(`{"batch":1,"rows_out":0,"seconds":1}
{"batch":2,"rows_out":2,"seconds":2.5}
{"batch":3,"rows_out":2,"seconds":3}
{"batch":4,"rows_out":4,"seconds":3.25}
{"job":"ev","rows_out":4,"wall_seconds":9}
`))
	if err != nil || len(got) != 2 || got[0] != 2500*time.Millisecond || got[1] != 750*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := roundTimes(strings.NewReader("no\n")); err == nil {
		t.Error("what is no JSON has rounds")
	}
}

func TestReadRounds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rounds")
	for name, text := range map[string]string{"_idag.json": "{}", "batch=1/a.jsonl": `{"version":1,"nodes":20,"bytes_up":7}` + "\n", "batch=2/b.jsonl": `{"version":2,"nodes":20}` + "\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRounds(dir)
	if err != nil || len(got) != 2 || got[0] != (clientRound{Version: 1, Nodes: 20, Up: 7}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := readRounds(filepath.Join(dir, "gone")); err == nil {
		t.Error("what is not there has rounds")
	}
}
