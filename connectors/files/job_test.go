package files_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/csv"
	"github.com/idag/idag/connectors/files"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/jobfile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kinds() connectors.Registry {
	return connectors.NewRegistry(csv.Kind(), json.Kind(), files.Kind(csv.Kind(), json.Kind()))
}

// inbox is a directory that grows: files of some rows each, which are numbered
// through.
type inbox struct {
	dir    string
	format string
	files  int
	rows   int
}

// arrive moves a file of n rows in.
func (b *inbox) arrive(t testing.TB, n int) {
	t.Helper()
	var text strings.Builder
	if b.format == "csv" {
		text.WriteString("kind;n\n")
	}
	for range n {
		b.rows++
		if b.format == "csv" {
			fmt.Fprintf(&text, "information;%d\n", b.rows)
		} else {
			fmt.Fprintf(&text, `{"kind":"information","n":%d}`+"\n", b.rows)
		}
	}
	b.files++
	name := filepath.Join(b.dir, fmt.Sprintf("f%03d.%s", b.files, b.format))
	if err := os.WriteFile(name+".tmp", []byte(text.String()), 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		t.Error(err)
	}
}

const copying = `
job: copying
labels: [error, backup, information]
vars: {from: "", to: "", read: ""}
settings: {batch_rows: 100}
datasets:
  events:
    - read: {files: {path: "${from}", settle: 0, %s}}
    - tag: {column: kind, identity: [n]}
    - write: {json: "${to}"}
`

// runUntil runs the job until it has committed all rows, also those of some files
// that arrive meanwhile: the next when a batch has been read.
func runUntil(t *testing.T, src string, in *inbox, to, ledger string, files int) engine.Summary {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	job, err := jobfile.Parse("job.yaml", []byte(src), map[string]string{"from": in.dir, "to": to}, kinds())
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	read := make(chan int, 1<<10)
	feeder := make(chan struct{})
	go func() {
		defer close(feeder)
		defer close(stop)
		deadline := time.After(20 * time.Second)
		for got := 0; ; {
			if files > 0 {
				in.arrive(t, 1+files*7%40)
				files--
			} else if got >= in.rows {
				return
			}
			select {
			case got = <-read:
			case <-deadline:
				t.Error("the job does not read all that has come")
				return
			}
		}
	}()
	sum, err := engine.Run(t.Context(), job, engine.Config{
		Ledger: ledger, Executors: 2, Kinds: kinds(), Mem: mem, Stop: stop,
		Observe: func(p engine.Progress) {
			if p.Committed {
				read <- len(lines(t, to))
			}
		},
	})
	<-feeder
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// lines are the rows that were published, sorted.
func lines(t testing.TB, to string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(to, "batch=*", "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, slices.Collect(strings.Lines(string(b)))...)
	}
	slices.Sort(out)
	return out
}

// TestGrowing proves that a job reads every row exactly once of a directory that
// grows while it runs, while it is stopped and while it goes on with its ledger,
// in each format.
func TestGrowing(t *testing.T) {
	for format, options := range map[string]string{"csv": "poll: 20ms, format: csv, delimiter: ';'", "json": "poll: 20ms, format: json"} {
		t.Run(format, func(t *testing.T) {
			src := fmt.Sprintf(copying, options)
			in := &inbox{dir: t.TempDir(), format: format}
			to, ledger := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "ledger")
			in.arrive(t, 3)
			for _, arriving := range []int{6, 0, 5} {
				s := runUntil(t, src, in, to, ledger, arriving)
				if len(s.Stopped) == 0 {
					t.Errorf("the run ended by itself: %+v", s)
				}
				in.arrive(t, 4) // while nobody looks
			}
			runUntil(t, src, in, to, ledger, 0)
			count := map[string]int{}
			for _, l := range lines(t, to) {
				count[l[strings.Index(l, `"n"`):]]++
			}
			if len(count) != in.rows || slices.Max(slices.Collect(maps.Values(count))) != 1 {
				t.Errorf("%d rows arrived, published are %v", in.rows, count)
			}
		})
	}
}

// TestOptions proves that mistakes are found at the option, those of the
// format's own options too.
func TestOptions(t *testing.T) {
	for options, want := range map[string]string{
		"format: xml":                     `"xml" is not one of csv, json`,
		"poll: 20ms":                      `"format" of files: is required`,
		"format: csv, delimeter: x":       `did you mean "delimiter"`,
		"format: json, delimiter: x":      `option "delimiter" of json: is unknown`,
		"format: csv, follow: false":      `option "follow" of files: is unknown`,
		"format: csv, mode: append":       `"mode" of files: is unknown`,
		"format: json, unknown: dontknow": `option "unknown" of json`,
	} {
		src := fmt.Sprintf(copying, options)
		job, err := jobfile.Parse("job.yaml", []byte(src), map[string]string{"from": t.TempDir(), "to": t.TempDir()}, kinds())
		if err == nil {
			_, err = engine.Run(t.Context(), job, engine.Config{Kinds: kinds()})
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "job.yaml:8:") {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
}
