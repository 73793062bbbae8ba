package idag

import (
	"os"
	"testing"

	"github.com/idag/idag/internal/bench"
)

// TestCrash kills the program a few times, at any time and at some of its steps:
// nothing is lost and nothing doubled. `make crash` does it more than a hundred
// times, at all of them.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the program many times")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := bench.Crash{Program: []string{self}, Env: []string{"IDAG_TEST_PROGRAM=1"}, Dir: t.TempDir(), Seed: 7, Kills: 8, Rows: 3000,
		Points: []string{"publish.half", "checkpoint.half"}, Tell: func(s string) { t.Log(s) }}
	got, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Wrong() > 0 || got.Resumed == 0 {
		t.Errorf("%+v", got)
	}
	t.Logf("%+v", got)
}
