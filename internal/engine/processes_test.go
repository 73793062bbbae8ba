package engine_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	arrowfile "github.com/idag/idag/connectors/arrow"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/engine/cluster"
	"github.com/idag/idag/internal/engine/cluster/processes"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/ledger"
	"github.com/idag/idag/internal/script"
	"github.com/idag/idag/internal/twin"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"pgregory.net/rapid"
)

// fileKinds are the connectors of executors that are processes: they share files only.
func fileKinds() connectors.Registry {
	return connectors.NewRegistry(arrowfile.Kind(), broadcast.Kind())
}

// playsExecutor is what this program works with as an executor.
func playsExecutor(name string) cluster.ExecutorConfig {
	functions := twin.Functions()
	if name == lacking {
		functions = functions.Only("own_positive")
	}
	return cluster.ExecutorConfig{Kinds: fileKinds(), Functions: functions}
}

// lacking is an executor whose program has not all functions of the driver's.
const lacking = "lacking"

// threeProcesses starts three executors, which end with the test.
func threeProcesses(t *testing.T) *processes.Cluster { return started(t, "e1", "e2", "e3") }

func started(t *testing.T, names ...string) *processes.Cluster {
	t.Helper()
	c, err := processes.Start(names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestJobsOnProcesses runs the jobs of the golden scripts on three processes, by both
// plans: tables are files there, and so is what is written. Every job comes to the rows,
// by checksum, that it comes to in one process, and to as many as its script says.
func TestJobsOnProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts several processes")
	}
	files, err := filepath.Glob("../../testdata/jobs/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	c := threeProcesses(t)
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			s := &fileSession{dir: t.TempDir(), cluster: c}
			script.Run(t, f, false, s.run)
		})
	}
}

// fileSession is a jobSession whose tables are files.
type fileSession struct {
	dir     string
	cluster *processes.Cluster
	runs    int
}

func (s *fileSession) run(t testing.TB, c *script.Case) string {
	switch c.Cmd {
	case "source":
		s.put(t, c.Args[0].Key, c.Input)
	case "run":
		for _, mode := range []planner.Mode{planner.IDAG, planner.Masked} {
			here := s.once(c.Input, engine.Config{Mode: mode, Executors: 3})
			there := s.once(c.Input, engine.Config{Mode: mode, Connect: s.cluster.Connect})
			if counts, _, _ := strings.Cut(here, ", checksum"); here != there || !strings.HasSuffix(c.Expected, counts+"\n") {
				t.Errorf("line %d: the %s plan came to\n%son three processes, and in one to\n%swhile the script has\n%s", c.Line, mode, there, here, c.Expected)
			}
		}
	}
	return c.Expected
}

// put writes a table, in one batch, and in batches of a row and of two: splits are
// batches.
func (s *fileSession) put(t testing.TB, name, text string) {
	b := batchOf(t, arrowmem.NewGoAllocator(), text)
	defer b.Release()
	for suffix, size := range map[string]int64{"": b.NumRows(), "-1": 1, "-2": 2} {
		var list []arrow.RecordBatch
		for i := int64(0); i < b.NumRows(); i += size {
			list = append(list, b.NewSlice(i, min(i+size, b.NumRows())))
		}
		if err := writeArrow(filepath.Join(s.dir, name+suffix+".arrow"), b.Schema(), list); err != nil {
			t.Fatal(err)
		}
	}
}

// writeArrow writes a file, and releases its batches.
func writeArrow(path string, schema *arrow.Schema, batches []arrow.RecordBatch) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	for _, b := range batches {
		err = errors.Join(err, w.Write(b))
		b.Release()
	}
	return errors.Join(err, w.Close()) // the file as well
}

// once runs a job of a script and says what it came to.
func (s *fileSession) once(src string, cfg engine.Config) string {
	s.runs++
	out := filepath.Join(s.dir, fmt.Sprint("run", s.runs))
	src = regexp.MustCompile(`read: \{memory: (?:(\w+)|\{name: (\w+)\})\}`).ReplaceAllString(src, "read: {arrow: "+s.dir+"/$1$2.arrow}")
	src = regexp.MustCompile(`read: \{memory: \{name: (\w+), split_rows: (\d)\}\}`).ReplaceAllString(src, "read: {arrow: "+s.dir+"/$1-$2.arrow}")
	src = regexp.MustCompile(`write: \{memory: \{name: (\w+)\}`).ReplaceAllString(src, "write: {arrow: "+out+"/$1")
	cfg.Kinds, cfg.Ledger, cfg.DeadLetters = fileKinds(), out+"-ledger", out+"-dead"
	job, err := jobfile.Parse("job.yaml", []byte(src), nil, cfg.Kinds)
	if err != nil {
		return err.Error() + "\n"
	}
	sum, err := engine.Run(context.Background(), job, cfg)
	if err != nil {
		return err.Error() + "\n"
	}
	return fmt.Sprintf("rows in %d, out %d, dead %d, late %d, checksum %s\n", sum.RowsIn, sum.RowsOut, sum.DeadLetters, sum.Late, sum.Checksum)
}

const owned = `job: owned
labels: [i, e]
datasets:
  events:
    - read: {arrow: %q}
    - tag: {column: kind}
    - map: {set: {weight: length(meter)}}
    - apply: {for: i, func: %s, columns: {x: weight, s: meter, y: weight}}
    - write: {arrow: %q}
`

// TestFunctionsOnProcesses: functions of the program run in the processes of executors.
// One whose program lacks a function refuses the job and says which; the cluster goes on
// with a job that it can run.
func TestFunctionsOnProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts several processes")
	}
	s := &fileSession{dir: t.TempDir()}
	s.put(t, "events", "kind string | meter string\ni | m1\ni | meter2\ne | m3\ni | m4")
	run := func(name, function string, cfg engine.Config) (engine.Summary, error) {
		src := fmt.Sprintf(owned, filepath.Join(s.dir, "events-1.arrow"), function, filepath.Join(s.dir, name))
		if function == "" {
			src = regexp.MustCompile(`(?m)^.*apply.*\n`).ReplaceAllString(src, "")
		}
		cfg.Kinds = fileKinds()
		job, err := jobfile.Parse("job.yaml", []byte(src), nil, cfg.Kinds)
		if err != nil {
			t.Fatal(err)
		}
		return engine.Run(t.Context(), job.Using(twin.Functions()), cfg)
	}
	want, err := run("here", "own_weighed", engine.Config{Executors: 3})
	if err != nil {
		t.Fatal(err)
	}
	got, err := run("there", "own_weighed", engine.Config{Connect: threeProcesses(t).Connect})
	if err != nil || got.Checksum != want.Checksum || got.RowsOut != 4 {
		t.Errorf("%v: %d rows with checksum %s; in one process %d with %s", err, got.RowsOut, got.Checksum, want.RowsOut, want.Checksum)
	}
	without := started(t, lacking)
	if _, err = run("refused", "own_weighed", engine.Config{Connect: without.Connect}); fault.Of(err) != fault.Invalid || err == nil ||
		!strings.Contains(err.Error(), `no function is called "own_weighed"; there are own_positive`) {
		t.Errorf("an executor that lacks a function: %v", err)
	}
	if got, err = run("plain", "", engine.Config{Connect: without.Connect}); err != nil || got.RowsOut != 4 {
		t.Errorf("a job without functions behind that: %v, %d rows", err, got.RowsOut)
	}
}

// TestInvariantOnProcesses is the invariant on three processes: random jobs over files
// come to the rows, by checksum, and the dead letters that they come to in one process.
// Here it draws a few; make processes draws more.
func TestInvariantOnProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts several processes")
	}
	draw(t, cmp.Or(os.Getenv("IDAG_PROCESSES"), "15"))
	c, same := threeProcesses(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		k := twin.Draw(rt, hashOf)
		mode := modes()[rapid.IntRange(0, 3).Draw(rt, "mode")]
		in := t.TempDir()
		if err := putFiles(k, in); err != nil {
			rt.Fatal(err)
		}
		here, cuts, err := filesRun(k, in, t.TempDir(), engine.Config{Mode: mode, Executors: 3})
		if err != nil {
			rt.Fatalf("%s plan: %v\n%s\n%s", mode, err, jobfile.Format(k.Job), k)
		}
		there, cutsToo, err := filesRun(k, in, t.TempDir(), engine.Config{Mode: mode, Connect: c.Connect})
		if err != nil {
			rt.Fatalf("%s plan on three processes: %v\n%s\n%s", mode, err, jobfile.Format(k.Job), k)
		}
		if cuts != cutsToo || strings.Contains(string(jobfile.Format(k.Job)), "now(") {
			return // other batches have other late rows, and other times
		}
		if same++; here != there {
			rt.Fatalf("%s plan on three processes: %s; in one process %s\n%s\n%s", mode, there, here, jobfile.Format(k.Job), k)
		}
	})
	if t.Logf("%d jobs compared", same); same == 0 {
		t.Error("no job was cut alike")
	}
}

// draw sets how many cases properties draw until the test ends.
func draw(t *testing.T, checks string) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	was := f.Value.String()
	if err := f.Value.Set(checks); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(was) })
}

// putFiles writes the tables of a case: a directory each, a file each partition.
func putFiles(c *twin.Case, dir string) error {
	for _, in := range c.Inputs {
		at := filepath.Join(dir, in.Name)
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		for p, batches := range in.Records(arrowmem.NewGoAllocator()) {
			if err := writeArrow(filepath.Join(at, fmt.Sprintf("%03d.arrow", p)), in.Schema, batches); err != nil {
				return err
			}
		}
	}
	return nil
}

// onFiles is the job of a case that reads and writes files in place of tables.
func onFiles(c *twin.Case, in, out string) *rdd.Job {
	made := map[*rdd.Dataset]*rdd.Dataset{}
	job := *c.Job
	job.Sinks = nil
	for _, d := range c.Job.Datasets() { // parents first
		op, parents := d.Op(), slices.Clone(d.Parents())
		for i, p := range parents {
			parents[i] = made[p]
		}
		switch o := op.(type) {
		case rdd.Read:
			o.Connector, o.Options = "arrow", rdd.Options{"path": filepath.Join(in, fmt.Sprint(o.Options["name"]))}
			op = o
		case rdd.Write:
			if o.Connector == "broadcast" {
				break // that it reads itself
			}
			o.Connector, o.Options = "arrow", rdd.Options{"path": filepath.Join(out, fmt.Sprint(o.Options["name"]))}
			op = o
		default: // neither reads nor writes
		}
		made[d] = d.With(op, parents...)
	}
	for _, s := range c.Job.Sinks {
		job.Sinks = append(job.Sinks, made[s])
	}
	return &job
}

// filesRun runs the job of a case over files, and says what it came to and what its
// batches read.
func filesRun(c *twin.Case, in, out string, cfg engine.Config) (sum, cuts string, err error) {
	book := new(ledger.Memory)
	cfg.Kinds, cfg.Keep, cfg.DeadLetters = fileKinds(), book, filepath.Join(out, "dead letters")
	s, err := engine.Run(context.Background(), onFiles(c, in, out), cfg)
	if err != nil {
		return "", "", err
	}
	for e, err := range book.Replay(context.Background()) {
		if err != nil {
			return "", "", err
		}
		if p, ok := e.(driver.Planned); ok {
			cuts += fmt.Sprintln(p.Splits, p.Closed, p.Watermark, p.Final)
		}
	}
	return fmt.Sprintf("rows in %d, out %d, dead %d, late %d, checksum %s", s.RowsIn, s.RowsOut, s.DeadLetters, s.Late, s.Checksum), cuts, nil
}
