package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

func story() *fake {
	return &fake{
		progress: []engine.Progress{
			{Batch: 1, Rows: 1000, RowsTotal: 4000, RowsOut: 10, Watermark: work.NoTime, Committed: true},
			{Batch: 1, Rows: 3000, RowsTotal: 4000, RowsOut: 10, Watermark: work.NoTime},
			{Batch: 2, Rows: 4000, RowsTotal: 4000, RowsOut: 40, Watermark: 1_700_000_000_000_000, Committed: true},
		},
		summary: engine.Summary{
			Job: "meter", Plan: "idag", Digest: "d1", Batches: 2, RowsIn: 4000, RowsPruned: 3, RowsOut: 40,
			DeadLetters: 7, Late: 2, Dead: map[string]map[string]int64{"late": {"window#4": 2}, "abnormal tag": {"tag#1": 5}}, Checksum: "00ff", WallSeconds: 0.5, RowsPerSecond: 8000, PeakRSSBytes: 300 << 20,
			Bypassed: engine.Bypassed{"label": {"error": {"map#10": 200, "map#9": 200, "filter#12": 150}}, "unscheduled": {"backup": {"map#3": 15}}},
		},
	}
}

// The flags reach the job and the engine.
func TestRunFlags(t *testing.T) {
	f := story()
	must(t, f.app(), "run", "meter", "--set", "path=a=b", "--set", "window=15 minutes", "--linear", "--executors", "3", "--ledger", "l",
		"--dead-letters", "d", "--batch-rows", "10", "--batch-bytes", "64MB", "--in-flight", "4", "--key-groups", "5",
		"--frame-rows", "6", "--memory", "1 MiB", "--lateness", "10 minutes", "--batch-wait", "1s", "-q")
	if !maps.Equal(f.vars, map[string]string{"path": "a=b", "window": "15 minutes"}) {
		t.Errorf("vars %v", f.vars)
	}
	cfg := f.cfgs[0]
	if cfg.Mode != planner.Masked || cfg.Executors != 3 || cfg.Ledger != "l" || cfg.DeadLetters != "d" || len(cfg.Kinds.Names()) != 2 {
		t.Errorf("config %+v", cfg)
	}
	set := rdd.Settings{BatchRows: 10, BatchBytes: 64e6, InFlight: 4, KeyGroups: 5, FrameRows: 6, Memory: 1 << 20, Lateness: 10 * time.Minute, BatchWait: time.Second}
	if f.job.Settings != set {
		t.Errorf("settings %+v", f.job.Settings)
	}
}

func TestPlanModes(t *testing.T) {
	for flag, mode := range map[string]planner.Mode{"": planner.IDAG, "--linear": planner.Masked, "--linear=masked": planner.Masked,
		"--linear=selection": planner.Selection, "--linear=staged": planner.Staged} {
		f := story()
		args := []string{"run", "meter", "-q"}
		if flag != "" {
			args = append(args, flag)
		}
		must(t, f.app(), args...)
		if f.cfgs[0].Mode != mode {
			t.Errorf("%q gives %s, want %s", flag, f.cfgs[0].Mode, mode)
		}
	}
}

// The summary is a result, progress is not.
func TestRunSummary(t *testing.T) {
	out, errs := must(t, story().app(), "run", "meter")
	want(t, out, strings.TrimPrefix(`
meter done, idag plan, 2 batches in 0.500 s, 8k rows/s
  rows      4,000 in, 40 out, 3 never decoded, 2 late, 7 dead letters (--dead-letters DIR keeps them)
            5 dead: abnormal tag, at tag#1
            2 dead: late, at window#4
  checksum  00ff
  memory    300 MiB at most
  reason       label   rows  bypassed
  label        error    200  map#9 map#10
  label        error    150  filter#12
  unscheduled  backup    15  map#3
`, "\n"))
	if !strings.HasPrefix(errs, "meter: batch 1, 1,000 of 4,000 rows, ") || strings.Count(errs, "\n") != 1 {
		t.Errorf("progress within a second: %s", errs)
	}
	out, errs = must(t, story().app(), "run", "meter", "-q")
	want(t, out+errs, "")
}

// Every line of --json is an object, the last is the summary.
func TestRunJSON(t *testing.T) {
	f := story()
	f.run = func(_ context.Context, cfg engine.Config) (engine.Summary, error) {
		fmt.Fprintln(cfg.Out, "from the console sink")
		for _, p := range f.progress {
			cfg.Observe(p)
		}
		return f.summary, nil
	}
	out, errs := must(t, f.app(), "run", "meter", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %s", out)
	}
	var batches [2]map[string]any
	for i := range batches {
		if err := json.Unmarshal([]byte(lines[i]), &batches[i]); err != nil {
			t.Fatal(err)
		}
		delete(batches[i], "seconds")
	}
	want(t, fmt.Sprint(batches[0]), "map[batch:1 rows:1000 rows_out:10 rows_total:4000]")
	want(t, fmt.Sprint(batches[1]), "map[batch:2 rows:4000 rows_out:40 rows_total:4000 watermark:2023-11-14T22:13:20Z]")
	want(t, lines[2], `{"job":"meter","plan":"idag","digest":"d1","batches":2,"rows_in":4000,"rows_tagged":0,"rows_pruned":3,"rows_out":40,`+
		`"dead_letters":7,"late":2,"checksum":"00ff","wall_seconds":0.5,"rows_per_second":8000,"peak_rss_bytes":314572800,`+
		`"bypassed":{"label":{"error":{"filter#12":150,"map#10":200,"map#9":200}},"unscheduled":{"backup":{"map#3":15}}},"labelling_seconds":null,"dead_letter_reasons":{"abnormal tag":{"tag#1":5},"late":{"window#4":2}},"operations":null}`)
	want(t, errs, "from the console sink\n")
}

// Ctrl-C once closes Stop and lets the run end by itself; what was done is told
// and the status is 0. Twice cancels.
func TestInterrupts(t *testing.T) {
	for _, c := range []struct {
		presses, status int
		out, errs       string
	}{
		{1, statusOK, "stopped at data/a: row 7", ""},
		{2, statusFailed, "", "idag: aborted"},
	} {
		interrupts := make(chan os.Signal)
		f := &fake{run: func(ctx context.Context, cfg engine.Config) (engine.Summary, error) {
			interrupts <- os.Interrupt
			<-cfg.Stop
			if c.presses == 2 {
				interrupts <- os.Interrupt
				<-ctx.Done()
				return engine.Summary{}, ctx.Err()
			}
			return engine.Summary{Job: "meter", Stopped: []string{"data/a: row 7"}}, ctx.Err()
		}}
		var o, e strings.Builder
		status := Main(t.Context(), f.app(), []string{"run", "meter"}, IO{Out: &o, Err: &e, Interrupts: interrupts})
		if status != c.status || !strings.Contains(o.String(), c.out) || !strings.Contains(e.String(), c.errs) {
			t.Errorf("%d presses: status %d\n%s%s", c.presses, status, o.String(), e.String())
		}
		if !strings.Contains(e.String(), "finishing the batches in flight; Ctrl-C again aborts\n") {
			t.Errorf("the user is not told: %s", e.String())
		}
	}
}

// Without a terminal there is at most one line a second.
func TestPlainLines(t *testing.T) {
	var b strings.Builder
	now := time.Unix(100, 0)
	r := &plainLines{job: "j", w: &b, start: now, now: func() time.Time { return now }}
	for i := range 25 {
		now = now.Add(100 * time.Millisecond)
		r.observe(engine.Progress{Batch: rdd.BatchID(i + 1), Rows: int64(i+1) * 100_000, RowsTotal: -1, Watermark: 0})
	}
	want(t, b.String(), strings.TrimPrefix(`
j: batch 1, 100,000 rows, 1M rows/s, watermark 1970-01-01T00:00:00Z
j: batch 11, 1,100,000 rows, 1M rows/s, watermark 1970-01-01T00:00:00Z
j: batch 21, 2,100,000 rows, 1M rows/s, watermark 1970-01-01T00:00:00Z
`, "\n"))
}

// The bar takes notes and sink output while it stands and leaves no goroutine.
func TestBar(t *testing.T) {
	var b, sink strings.Builder
	s := &session{io: IO{Out: &sink, Err: &b}, errs: style{width: 60, terminal: true}}
	r := newBar(s, "meter")
	for i := range 3 {
		r.observe(engine.Progress{Batch: rdd.BatchID(i + 1), Rows: int64(i+1) * 10, RowsTotal: 30})
	}
	fmt.Fprint(r.out(), "row\n")
	r.note("a note")
	r.done()
	if sink.String() != "row\n" || !strings.Contains(b.String(), "a note") {
		t.Errorf("sink %q, terminal %q", sink.String(), b.String())
	}
}

// Lines longer than the terminal are cut, and only there.
func TestClip(t *testing.T) {
	text := "short\nfünf und mehr\nlast"
	want(t, style{terminal: true, width: 5}.clip(text), "short\nfünf…\nlast")
	want(t, style{width: 5}.clip(text), text)
	red := style{colour: true}.bad("fünf zehn")
	for width, cut := range map[int]string{9: red, 20: red, 5: "\x1b[1;31mfünf…\x1b[0m", 1: "\x1b[1;31m…\x1b[0m", 0: "…\x1b[0m"} {
		if got := narrow(red, width); got != cut {
			t.Errorf("%d: %q, want %q", width, got, cut)
		}
	}
	want(t, narrow("plain "+red, 8), "plain \x1b[1;31mf…\x1b[0m")
}

// Colours are for terminals that want them.
func TestPaint(t *testing.T) {
	want(t, style{colour: true}.strong("x"), "\x1b[1mx\x1b[0m")
	want(t, style{}.strong("x")+newStyle(&strings.Builder{}).bad("y"), "xy")
}

func TestSpelling(t *testing.T) {
	for _, c := range [][2]string{
		{thousands(0), "0"}, {thousands(-1234567), "-1,234,567"}, {thousands(-100), "-100"}, {thousands(1000), "1,000"},
		{short(7), "7"}, {short(5_130_000), "5.13M"}, {short(2.5e9), "2.5G"}, {short(15_200), "15.2k"},
		{seconds(0.0412), "0.041 s"}, {seconds(12.34), "12.3 s"}, {seconds(185.2), "3m5s"},
		{bytesText(1 << 10), "1 KiB"}, {bytesText(300 << 20), "300 MiB"}, {bytesText(5 << 29), "2.50 GiB"},
		{count(1, "batch", "batches"), "1 batch"}, {count(1200, "batch", "batches"), "1,200 batches"},
		{number(0.12345), "0.1235"}, {number(5_130_000), "5,130,000"}, {percent(1, 4), "25 %"}, {percent(1, 0), "?"},
	} {
		want(t, c[0], c[1])
	}
}

// Flags that exclude each other are a mistake of the user's, said in words.
func TestFlagsThatClash(t *testing.T) {
	for _, args := range [][]string{
		{"run", "meter", "--json", "-q"}, {"run", "meter", "--ledger", "x", "--no-ledger"}, {"plan", "meter", "--json", "--dot"},
		{"deadletter", "show", "x", "--json", "--raw"},
	} {
		status, _, errs := call(t, new(fake).app(), args...)
		if status != statusMistake || !strings.Contains(errs, "exclude each other") || !strings.Contains(errs, " and --") || strings.Contains(errs, "group") {
			t.Errorf("%v: status %d, %s", args, status, errs)
		}
	}
}

// A ledger is in a directory of its own below .idag, whatever the job is called.
func TestLedgerStaysInside(t *testing.T) {
	for name, want := range map[string]string{"..": "%2E%2E", ".": "%2E", "a/b": "a%2Fb", "a.b": "a.b", "../x": "..%2Fx"} {
		if got := dirName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// The summary says how to keep dead letters that were only counted.
func TestSummaryHint(t *testing.T) {
	f := &fake{summary: engine.Summary{Job: "meter", DeadLetters: 1}}
	out, _ := must(t, f.app(), "run", "meter", "--no-ledger")
	if !strings.Contains(out, ", 1 dead letter (--dead-letters DIR keeps them)\n") {
		t.Error(out)
	}
	out, _ = must(t, f.app(), "run", "meter", "--no-ledger", "--dead-letters", t.TempDir())
	if !strings.Contains(out, ", 1 dead letter\n") {
		t.Error(out)
	}
}
