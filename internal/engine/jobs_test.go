package engine_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/executor"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/script"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden scripts with what they print now")

// TestJobs runs the golden scripts of jobs: what goes in and what comes out, as
// an author would read it. Every job runs in all plans on one executor and on
// three, and must print the same. The commands are
//
//	source NAME [split=N]   a header of "name type", then rows, separated by "|"
//	run                     a job file; prints what each memory sink got, and the dead letters
func TestJobs(t *testing.T) {
	files, err := filepath.Glob("../../testdata/jobs/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			s := &jobSession{sources: map[string]string{}}
			script.Run(t, f, *rewrite, s.run)
		})
	}
}

type jobSession struct{ sources map[string]string }

func (s *jobSession) run(t testing.TB, c *script.Case) string {
	switch c.Cmd {
	case "source":
		s.sources[c.Args[0].Key] = c.Input
		return ""
	case "run":
		first := ""
		for _, mode := range modes() {
			for _, executors := range []int{1, 3} {
				got := s.once(t, c.Input, mode, executors)
				if first == "" {
					first = got
				}
				if got != first {
					t.Errorf("line %d: the %s plan on %d executors printed\n%s", c.Line, mode, executors, got)
				}
			}
		}
		return first
	}
	t.Fatalf("line %d: unknown command %s", c.Line, c.Cmd)
	return ""
}

func (s *jobSession) once(t testing.TB, src string, mode planner.Mode, executors int) string {
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	store := memory.NewStore(mem)
	defer store.Release()
	for name, text := range s.sources {
		b := batchOf(t, mem, text)
		if err := store.Put(name, []arrow.RecordBatch{b}); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	kind := store.Kind()
	job, err := jobfile.Parse("job.yaml", []byte(src), nil, connectors.NewRegistry(kind))
	if err != nil {
		return err.Error() + "\n"
	}
	dead, err := kind.Sink(context.Background(), rdd.Options{"name": "dead letters"}, connectors.Env{Labels: []string{executor.LetterLabel}})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := engine.Run(context.Background(), job, engine.Config{Mode: mode, Executors: executors,
		Kinds: connectors.NewRegistry(kind), Dead: dead, Mem: mem})
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	for _, d := range job.Datasets() {
		if w, ok := d.Op().(rdd.Write); ok {
			name := fmt.Sprint(w.Options["name"])
			printRows(&out, name, store.Rows(name))
		}
	}
	printRows(&out, "dead letters", store.Rows("dead letters"))
	fmt.Fprintf(&out, "rows in %d, out %d, dead %d, late %d\n", sum.RowsIn, sum.RowsOut, sum.DeadLetters, sum.Late)
	return out.String()
}

func printRows(out *strings.Builder, name string, rows []memory.Row) {
	if len(rows) == 0 {
		return
	}
	var lines []string
	for _, r := range rows {
		line := "  " + r.Label
		for _, c := range slices.Sorted(maps.Keys(r.Values)) {
			if c != "time" || name != "dead letters" {
				line += fmt.Sprintf(" %s=%s", c, spell(r.Values[c]))
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	fmt.Fprintf(out, "%s\n%s\n", name, strings.Join(lines, "\n"))
}

func spell(v any) string {
	switch v := v.(type) {
	case arrow.Timestamp:
		return time.UnixMicro(int64(v)).UTC().Format("2006-01-02T15:04:05.999999")
	case arrow.Date32:
		return v.FormattedString()
	}
	return fmt.Sprint(v)
}

// batchOf reads a table: a header of names and types, then rows; empty is null.
func batchOf(t testing.TB, mem arrowmem.Allocator, text string) arrow.RecordBatch {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var fields []arrow.Field
	for _, h := range strings.Split(lines[0], "|") {
		name, typ, _ := strings.Cut(strings.TrimSpace(h), " ")
		dt, ok := map[string]arrow.DataType{"int": arrow.PrimitiveTypes.Int64, "float": arrow.PrimitiveTypes.Float64,
			"string": arrow.BinaryTypes.String, "bool": arrow.FixedWidthTypes.Boolean,
			"timestamp": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}[typ]
		if !ok {
			t.Fatalf("unknown type %q", typ)
		}
		fields = append(fields, arrow.Field{Name: name, Type: dt, Nullable: true})
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, line := range lines[1:] {
		for i, cell := range strings.Split(line, "|") {
			if err := appendCell(b.Field(i), strings.TrimSpace(cell)); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
	return b.NewRecordBatch()
}

func appendCell(b array.Builder, cell string) error {
	if cell == "" {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.Float64Builder: // NaN and infinities too
		v, err := strconv.ParseFloat(cell, 64)
		b.Append(v)
		return err
	case *array.TimestampBuilder:
		v, err := time.Parse("2006-01-02T15:04:05", cell)
		b.Append(arrow.Timestamp(v.UnixMicro()))
		return err
	}
	return b.AppendValueFromString(cell)
}
