package engine_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"github.com/idag/idag/internal/engine/cluster/processes"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// seed is where the drawing of jobs begins unless told otherwise: whether a commit
// passes is then a matter of the commit. New jobs are drawn by make soak.
const seed = 20261122

// TestMain also plays an executor. It draws many jobs for each property unless told otherwise, and fails if
// a goroutine is left.
func TestMain(m *testing.M) {
	if status, ok := processes.Play(playsExecutor); ok {
		os.Exit(status)
	}
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	given["rapid.seed"] = given["rapid.seed"] || os.Getenv("RAPID_SEED") != ""
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.seed": strconv.Itoa(seed)} {
		if given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		_, _ = os.Stderr.WriteString(err.Error())
		code = 1
	}
	os.Exit(code)
}

// drawUntil checks a property, and again over other jobs, until enough was seen to
// prove something by it, at most twenty times.
func drawUntil(t *testing.T, enough func() bool, property func(*rapid.T)) {
	t.Helper()
	f := flag.Lookup("rapid.seed")
	was := f.Value.String()
	defer func() { _ = f.Value.Set(was) }()
	from, err := strconv.ParseUint(was, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for round := range uint64(20) {
		if from != 0 { // 0 draws a seed
			_ = f.Value.Set(strconv.FormatUint(from+round<<32, 10))
		}
		if rapid.Check(t, property); t.Failed() || enough() {
			return
		}
	}
}
