package planner_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/script"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden scripts with what they print now")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScripts runs the golden scripts: a job file in, the plan as users see it
// out. The commands are
//
//	schema NAME                 columns of a source, one "name type" a line
//	plan [mode=M] [stages]      the plan's tree; without stages only the routes
//	json, dot [mode=M]          the plan for machines
//	error                       what Compile says of a job that is wrong
//	same                        two job files, "====" between: are their digests equal
//	written                     the done-list of each sink and label
//	takes [mode=M]              two job files, "====" between: where what the first writes enters the second
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/planner/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			s := &session{schemas: map[string]*arrow.Schema{}}
			script.Run(t, f, *rewrite, s.run)
		})
	}
}

type session struct{ schemas map[string]*arrow.Schema }

func (s *session) run(t testing.TB, c *script.Case) string {
	mode := planner.Mode(c.String("mode", string(planner.IDAG)))
	switch c.Cmd {
	case "schema":
		s.schemas[c.Args[0].Key] = schemaOf(t, c.Input)
		return ""
	case "plan":
		p, err := s.compile(c.Input, mode)
		if err != nil {
			return err.Error() + "\n"
		}
		text := planner.Text(p)
		_, text, _ = strings.Cut(text, "\n") // the digest has a test of its own
		if !c.Has("stages") {
			text, _, _ = strings.Cut(text, "stage 0")
		}
		return text
	case "error":
		_, err := s.compile(c.Input, mode)
		if err == nil {
			return "no error\n"
		}
		return err.Error() + "\n"
	case "same":
		a, b, _ := strings.Cut(c.Input, "====\n")
		return s.same(t, a, b)
	case "written":
		return s.written(t, c.Input)
	case "takes":
		a, b, _ := strings.Cut(c.Input, "====\n")
		return s.takes(a, b, mode)
	case "json":
		return s.json(t, c.Input, mode)
	case "dot":
		p, err := s.compile(c.Input, mode)
		if err != nil {
			t.Fatal(err)
		}
		return planner.Dot(p)
	}
	t.Fatalf("line %d: unknown command %s", c.Line, c.Cmd)
	return ""
}

func (s *session) same(t testing.TB, a, b string) string {
	pa, err := s.compile(a, planner.IDAG)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := s.compile(b, planner.IDAG)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%t\n", pa.JobDigest() == pb.JobDigest())
}

// json prints the routes of the machine's plan, and checks that all of it is
// valid JSON.
func (s *session) json(t testing.TB, src string, mode planner.Mode) string {
	p, err := s.compile(src, mode)
	if err != nil {
		t.Fatal(err)
	}
	out, err := planner.JSON(p)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	routes, err := json.MarshalIndent(v["routes"], "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Sorted(maps.Keys(v)), " ") + "\n" + string(routes) + "\n"
}

// compile parses a job file, gives its reads the session's schemas by the
// option name, and compiles it.
func (s *session) compile(src string, mode planner.Mode) (*planner.Plan, error) {
	store := memory.NewStore(arrowmem.DefaultAllocator)
	job, err := jobfile.Parse("job.yaml", []byte(src), nil, connectors.NewRegistry(store.Kind(), console.Kind(), broadcast.Kind()))
	if err != nil {
		return nil, err
	}
	known := map[*rdd.Dataset]*rdd.Dataset{}
	for _, d := range job.Datasets() {
		var parents []*rdd.Dataset
		for _, p := range d.Parents() {
			parents = append(parents, known[p])
		}
		op := d.Op()
		if r, ok := op.(rdd.Read); ok {
			name, _ := r.Options["name"].(string)
			r.Schema = s.schemas[name]
			op = r
		}
		known[d] = d.With(op, parents...)
	}
	out := *job
	out.Sinks = nil
	for _, sink := range job.Sinks {
		out.Sinks = append(out.Sinks, known[sink])
	}
	return planner.Compile(&out, mode)
}

func schemaOf(t testing.TB, src string) *arrow.Schema {
	types := map[string]arrow.DataType{"bool": arrow.FixedWidthTypes.Boolean, "int": arrow.PrimitiveTypes.Int64,
		"float": arrow.PrimitiveTypes.Float64, "string": arrow.BinaryTypes.String, "date": arrow.FixedWidthTypes.Date32,
		"timestamp": &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}
	var fields []arrow.Field
	for line := range strings.Lines(src) {
		name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
		dt, ok := types[typ]
		if !ok {
			t.Fatalf("unknown type %q", typ)
		}
		fields = append(fields, arrow.Field{Name: name, Type: dt, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// A tag says how many rules it has or, without any, what all rows are.
func TestTagText(t *testing.T) {
	rule := func(when string) rdd.Rule { return rdd.Rule{Label: Err, When: when} }
	for want, tag := range map[string]rdd.Tag{
		"tag all as [error]": {Otherwise: Err},
		"tag by 1 rule":      {Rules: []rdd.Rule{rule("kind = 'E'")}, Otherwise: Info},
		"tag by 2 rules":     {Rules: []rdd.Rule{rule("kind = 'E'"), rule("kind = 'F'")}},
	} {
		p := compile(t, jobOf(rdd.Extend(tag, rdd.Pos{}, nil, read())), planner.IDAG)
		if got := p.Ops[1].Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
