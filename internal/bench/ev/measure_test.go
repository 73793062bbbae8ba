package ev_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/internal/bench/ev"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// local is the engine itself.
func local() ev.Engine {
	return ev.Engine{
		Kinds: connectors.NewRegistry(generate.Kind(), broadcast.Kind()),
		Run: func(ctx context.Context, job *rdd.Job, kinds connectors.Registry) error {
			_, err := engine.Run(ctx, job, engine.Config{Kinds: kinds, Executors: 1})
			return err
		},
	}
}

// small are settings that end in seconds.
func small() ev.Settings {
	return ev.Settings{Seeds: 3, FirstSeed: 1, Trips: 6, Cars: 2, TestCars: 2, TestDays: 1, Delay: 2, Workers: 2}
}

// Every experiment runs on the engine, gives the figures that it explains, one value a
// seed, and the same again; the report has all of it.
func TestMeasure(t *testing.T) {
	set := small()
	set.Seeds = 1
	var told []string
	r, err := ev.Measure(t.Context(), local(), set, func(text string) { told = append(told, text) })
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ev.Figures(&set) {
		got, ok := r.Samples.Figure(f.Name)
		if f.Name == "staleness_recovered" && !ok {
			continue // one seed tells nothing of a ratio
		}
		if !ok || got.N != set.Seeds || f.Doc == "" {
			t.Errorf("%s: %+v", f.Name, got)
		}
		if strings.HasPrefix(f.Name, "accuracy_") && !(got.Min > 0.2 && got.Max <= 1) {
			t.Errorf("%s: %+v", f.Name, got)
		}
	}
	if len(told) != r.Runs || !strings.HasPrefix(told[0], "run 1 of ") {
		t.Errorf("%d runs told of %d, %q", len(told), r.Runs, told[0])
	}
	if len(r.Verdicts) < 10 {
		t.Errorf("%d verdicts", len(r.Verdicts))
	}
	dir := t.TempDir()
	if err := r.Write(dir, []string{"a machine"}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range r.Verdicts {
		if !strings.Contains(string(page), string(v.Outcome)) {
			t.Errorf("the page lacks %q", v.Outcome)
		}
	}
	for _, name := range []string{"participants", "staleness", "weights", "central", "methods", "poison", "drift", "control_bytes", "confusion_nn", "calibration", "accuracy_over_time_forest"} {
		for _, end := range []string{".svg", ".png"} {
			if _, err := os.Stat(filepath.Join(dir, name+end)); err != nil {
				t.Error(err)
			}
		}
	}
}

// Three seeds are enough for a share, which is told with each of them left out; what it
// is a share of is measured with it.
func TestRecovered(t *testing.T) {
	set := small()
	set.Only = []string{"weights"}
	r, err := ev.Measure(t.Context(), local(), set, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := r.Samples.Figure("staleness_recovered"); !ok || f.N != 3 || f.Unit != "share" {
		t.Errorf("%+v", f)
	}
	if _, ok := r.Samples.Figure("accuracy_stale_2"); !ok {
		t.Error("what stale nodes cost is not measured")
	}
	if _, ok := r.Samples.Figure("accuracy_4of4"); ok {
		t.Error("participants are measured unasked")
	}
	if !slices.ContainsFunc(r.Verdicts, func(v ev.Verdict) bool { return strings.HasPrefix(v.Claim, "Weighting by staleness") }) {
		t.Error("there is no verdict on it")
	}
}

// The same settings give the same figures, in whatever order runs end; another first
// seed gives others.
func TestMeasureIsDeterministic(t *testing.T) {
	set := small()
	set.Seeds, set.Only = 1, []string{"central"}
	value := func(s ev.Settings) float64 {
		t.Helper()
		r, err := ev.Measure(t.Context(), local(), s, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := r.Samples.Figure("accuracy_central_on_nn")
		return f.Median
	}
	first := value(set)
	alone := set
	alone.Workers = 1
	if again := value(alone); again != first {
		t.Errorf("%v, then %v", first, again)
	}
	other := set
	other.FirstSeed = 7
	if again := value(other); again == first {
		t.Errorf("%v with another seed, too", again)
	}
}

// What the issue asks for by name is measured, and explained by its name.
func TestFiguresByName(t *testing.T) {
	set := ev.Defaults()
	var have []string
	for _, f := range ev.Figures(&set) {
		if slices.Contains(have, f.Name) {
			t.Errorf("%s is explained twice", f.Name)
		}
		have = append(have, f.Name)
	}
	want := []string{"staleness_recovered"}
	for _, name := range strings.Fields("accuracy_4of4 accuracy_3of4 accuracy_2of4 accuracy_stale_0 accuracy_stale_1 accuracy_stale_2 accuracy_stale_3 accuracy_stale_4 accuracy_central_on accuracy_central_off") {
		for _, model := range []string{"", "_nn", "_linear", "_forest"} {
			if name+model != "accuracy_central_on_forest" { // forests vote
				want = append(want, name+model)
			}
		}
	}
	for _, name := range want {
		if !slices.Contains(have, name) {
			t.Errorf("%s is not measured", name)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for _, change := range []func(*ev.Settings){
		func(s *ev.Settings) { s.Seeds = 0 }, func(s *ev.Settings) { s.Trips = 1 }, func(s *ev.Settings) { s.Only = []string{"partisipants"} },
	} {
		set := small()
		change(&set)
		if _, err := ev.Measure(t.Context(), local(), set, func(string) {}); fault.Of(err) != fault.Invalid {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ev.Measure(ctx, local(), small(), func(string) {}); err == nil {
		t.Error("a measurement that was given up has a result")
	}
}
