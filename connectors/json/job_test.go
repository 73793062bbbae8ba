package json_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/script"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden scripts with what they print now")

// TestJobs runs golden scripts of jobs that read JSON lines. Every job runs in
// all plans on one to four executors, and must print the same. The commands are
//
//	file NAME   writes a file
//	run         a job file, in which ${dir} is where the files are; prints what each
//	            memory sink got, the files of JSON sinks, and the dead letters
func TestJobs(t *testing.T) {
	script.RunAll(t, "testdata/*.txt", *rewrite, func() func(testing.TB, *script.Case) string {
		dir := t.TempDir()
		return func(t testing.TB, c *script.Case) string { return command(t, c, dir) }
	})
}

func command(t testing.TB, c *script.Case, dir string) string {
	if c.Cmd == "file" {
		text := strings.NewReplacer(`\r`, "\r", `\xff`, "\xff", `\feff`, "\uFEFF").Replace(c.Input)
		if err := os.WriteFile(filepath.Join(dir, c.Args[0].Key), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	first := ""
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Selection, planner.Staged} {
		for executors := range 4 {
			got := runJob(t, c.Input, dir, mode, executors+1)
			if first == "" {
				first = got
			}
			if got != first {
				t.Errorf("line %d: the %s plan on %d executors printed\n%s", c.Line, mode, executors+1, got)
			}
		}
	}
	return first
}

func runJob(t testing.TB, src, dir string, mode planner.Mode, executors int) string {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := memory.NewStore(mem)
	defer store.Release()
	kinds := connectors.NewRegistry(store.Kind(), json.Kind())
	out := filepath.Join(t.(*testing.T).TempDir(), "out")
	job, err := jobfile.Parse("job.yaml", []byte(src), map[string]string{"dir": dir, "out": out}, kinds)
	if err != nil {
		return err.Error() + "\n"
	}
	dead, err := store.Kind().Sink(t.Context(), rdd.Options{"name": "dead letters"}, connectors.Env{Labels: []string{executor.LetterLabel}})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := engine.Run(t.Context(), job, engine.Config{Mode: mode, Executors: executors, Kinds: kinds, Dead: dead, Mem: mem})
	if err != nil {
		return strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
	}
	var text strings.Builder
	for _, d := range job.Datasets() {
		if w, ok := d.Op().(rdd.Write); ok && w.Connector == "memory" {
			name := fmt.Sprint(w.Options["name"])
			printRows(&text, name, store.Rows(name))
		}
	}
	printFiles(t, &text, out)
	printRows(&text, "dead letters", store.Rows("dead letters"))
	fmt.Fprintf(&text, "rows in %d, out %d, dead %d, late %d\n", sum.RowsIn, sum.RowsOut, sum.DeadLetters, sum.Late)
	return strings.ReplaceAll(text.String(), dir, "DIR")
}

func printRows(out *strings.Builder, name string, rows []memory.Row) {
	var lines []string
	for _, r := range rows {
		line := "  " + r.Label
		for _, c := range slices.Sorted(maps.Keys(r.Values)) {
			if !slices.Contains([]string{"time", "child", "partition", "source"}, c) || name != "dead letters" {
				line += fmt.Sprintf(" %s=%s", c, spell(r.Values[c]))
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if lines != nil {
		fmt.Fprintf(out, "%s\n%s\n", name, strings.Join(lines, "\n"))
	}
}

func spell(v any) string {
	if b, ok := v.([]byte); ok {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprint(v)
}

// printFiles prints the lines of all files below a directory, sorted.
func printFiles(t testing.TB, out *strings.Builder, dir string) {
	var lines []string
	found, err := filepath.Glob(filepath.Join(dir, "batch=*", "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			lines = append(lines, "  "+filepath.Base(filepath.Dir(f))+" "+line)
		}
	}
	slices.Sort(lines)
	if lines != nil {
		out.WriteString("files\n" + strings.Join(lines, ""))
	}
}
