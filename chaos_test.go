package idag

import (
	"os"
	"testing"

	"github.com/idag/idag/internal/bench/chaos"
)

// TestChaos hurts one cluster a few times while it runs a job: what is published is what
// the generator made. `make chaos` does it 300 times, to 40 clusters.
func TestChaos(t *testing.T) {
	slow(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := chaos.Config{Program: []string{self}, Env: []string{"IDAG_TEST_PROGRAM=1"}, Dir: t.TempDir(), Seed: 3, Runs: 1, Faults: 3,
		Rows: 3600, Rate: 1200, Tell: func(s string) { t.Log(s) }}
	got, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Wrong() > 0 || got.Injected() < 3 {
		t.Errorf("%+v", got)
	}
}
