package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/csv"
	connjson "github.com/idag/idag/connectors/json"
	"github.com/idag/idag/internal/letters"
	"github.com/idag/idag/rdd"
)

// dirty is a job over two sources, each with rows that it cannot process.
const dirty = `
job: dirty
labels: [error, reading]
vars: {good: "'reading'", out: out}
deadletter: {json: {path: "DIR/dead", mode: append}, max: 90%}
datasets:
  a:
    - read: {json: {path: "DIR/a.jsonl", schema: "k string, v bigint"}}
    - tag: {rules: [{label: error, when: k = 'error'}, {label: reading, when: "k IN (${good})"}]}
    - write: {json: {path: "DIR/${out}/a"}}
  b:
    - read: {parquet: "DIR/b/a"}
    - tag: {rules: [{label: reading, when: v > 1}]}
    - write: {json: {path: "DIR/${out}/b"}}
`

// letterApp is a program, and a directory in which the job dirty has run.
func letterApp(t *testing.T) (App, string, string) {
	t.Helper()
	app := wired(t)
	app.Kinds = app.Kinds.With(connjson.Kind())
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("a.jsonl", `{"k":"reading","v":1}`+"\n{oops\n"+`{"k":"odd","v":3, "more":"x"}`+"\n"+`{"k":"odd","v":4}`+"\n"+`{"k":"error","v":"\u0078"}`+"\n")
	put("k.jsonl", `{"k":"reading"}`+"\n"+`{"k":"odd"}`+"\n")
	long := put("long.yaml", strings.ReplaceAll(`{job: make, labels: [row], datasets: {d: [{read: {json: {path: "DIR/k.jsonl", schema: "k string"}}}, {tag: {otherwise: row}},
  {map: {set: {v: length(k) - 4}}}, {write: {parquet: "DIR/b/a"}}]}}`, "DIR", dir))
	must(t, app, "run", long, "-q")
	job := put("dirty.yaml", strings.ReplaceAll(dirty, "DIR", dir))
	must(t, app, "run", job, "-q")
	return app, dir, job
}

// The letters of a job can be counted and shown: by reason, by file, whole, byte
// for byte.
func TestDeadLetterList(t *testing.T) {
	app, dir, _ := letterApp(t)
	dead := filepath.Join(dir, "dead")
	out, _ := must(t, app, "deadletter", "list", dead)
	for _, want := range []string{"letters  reason", "improper ingest", "abnormal tag", "no rule labels the row"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, _ = must(t, app, "deadletter", "list", dead, "--json", "--name", "a.jsonl")
	var total int64
	for line := range strings.Lines(out) {
		var g letterGroup
		if err := json.Unmarshal([]byte(line), &g); err != nil {
			t.Fatal(err)
		}
		total += g.Letters
	}
	if total != 4 {
		t.Errorf("%d letters of a.jsonl\n%s", total, out)
	}
	out, _ = must(t, app, "deadletter", "show", dead, "--name", "a.jsonl", "--raw", "--limit", "0")
	want(t, out, "{oops\n{\"k\":\"error\",\"v\":\"\\u0078\"}\n{\"k\":\"odd\",\"v\":3, \"more\":\"x\"}\n{\"k\":\"odd\",\"v\":4}\n")
	out, _ = must(t, app, "deadletter", "show", dead, "--reason", "improper ingest", "--limit", "1")
	for _, want := range []string{"improper ingest in tag", "a.jsonl, source 0, partition 0, offset 22", "  {oops"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, _ = must(t, app, "deadletter", "show", dead, "--json", "--limit", "2")
	var l letters.Letter
	if err := json.Unmarshal([]byte(strings.SplitAfter(out, "\n")[0]), &l); err != nil || len(l.Original) == 0 || l.Time.IsZero() {
		t.Errorf("%+v: %v\n%s", l, err, out)
	}
	out, _ = must(t, app, "deadletter", "list", dead, "--reason", "late")
	want(t, out, "no dead letters\n")
}

// Places without letters are refused.
func TestDeadLetterRefused(t *testing.T) {
	app, dir, job := letterApp(t)
	for _, args := range [][]string{
		{"list", filepath.Join(dir, "nowhere")}, {"show", filepath.Join(dir, "b", "a")},
		{"list"}, {"replay", filepath.Join(dir, "dead")}, {"replay", filepath.Join(dir, "dead"), "--job", job, "--reason", "late"},
	} {
		if status, _, errs := call(t, app, append([]string{"deadletter"}, args...)...); status != statusMistake {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
	}
}

// The mended job runs over the events of its letters, each once, and nothing else.
func TestDeadLetterReplay(t *testing.T) {
	app, dir, job := letterApp(t)
	out, _ := must(t, app, "deadletter", "replay", filepath.Join(dir, "dead"), "--job", job, "--set", "good='odd'", "--set", "out=again", "--json")
	var sum struct {
		RowsIn      int64 `json:"rows_in"`
		RowsOut     int64 `json:"rows_out"`
		DeadLetters int64 `json:"dead_letters"`
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &sum); err != nil {
		t.Fatal(err)
	}
	// Of a the two odd ones pass, the two that cannot be read do not; nor does that of b.
	if sum.RowsIn != 5 || sum.RowsOut != 2 || sum.DeadLetters != 3 {
		t.Errorf("%+v", sum)
	}
	want(t, files(t, os.TempDir()), "")
}

// A directory without letters has none; files that are no letters are called that,
// whatever their columns are.
func TestDeadLetterNone(t *testing.T) {
	app, dir, _ := letterApp(t)
	out, _ := must(t, app, "deadletter", "list", t.TempDir())
	want(t, out, "no dead letters\n")
	for _, args := range [][]string{{"list", filepath.Join(dir, "b")}, {"show", filepath.Join(dir, "out", "a")}} {
		status, _, errs := call(t, app, append([]string{"deadletter"}, args...)...)
		if status != statusMistake || !strings.Contains(errs, "these are no dead letters") {
			t.Errorf("%v: status %d, %s", args, status, errs)
		}
	}
}

// A replay leaves the letters alone that it reads, even if they are where the job
// puts its own, and keeps what is dead again only where it is told to.
func TestDeadLetterReplayKeepsLetters(t *testing.T) {
	for _, mode := range []string{"overwrite", "error", "append"} {
		app, dir, job := letterApp(t)
		dead := filepath.Join(dir, "dead")
		before := letterFiles(t, dead)
		text, err := os.ReadFile(job)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(job, []byte(strings.Replace(string(text), "mode: append}, max: 90%", "mode: "+mode+"}, max: 1", 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		replay := []string{"deadletter", "replay", dead, "--job", job, "-q"}
		must(t, app, append(replay, "--set", "out=one")...)
		kept := filepath.Join(dir, "kept")
		must(t, app, append(replay, "--set", "out=two", "--dead-letters", kept)...)
		if out, _ := must(t, app, "deadletter", "list", kept); !strings.Contains(out, "abnormal tag") {
			t.Errorf("%s: %s", mode, out)
		}
		link := filepath.Join(dir, "link")
		if err := os.Symlink(dead, link); err != nil {
			t.Fatal(err)
		}
		for _, same := range []string{dead, dead + "/.", link, filepath.Join(link, "below")} {
			status, _, errs := call(t, app, append(replay, "--set", "out=three", "--dead-letters", same)...)
			if status != statusMistake || !strings.Contains(errs, "name another directory") {
				t.Errorf("%s: status %d, %s", same, status, errs)
			}
		}
		want(t, letterFiles(t, dead), before)
	}
}

// letterFiles is all that is in a directory.
func letterFiles(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// The rows of a replay have the schema of the run, though its letters alone look
// like another: columns that they lack, directories' keys and types stay.
func TestDeadLetterReplaySchema(t *testing.T) {
	app := wired(t)
	app.Kinds = app.Kinds.With(connjson.Kind()).With(csv.Kind())
	for kind, text := range map[string]string{
		"json": `{"k":"a","v":1.5,"x":true}` + "\n" + `{"k":"odd","v":2}` + "\n",
		"csv":  "k,v,x\na,1.5,true\nodd,2,\n",
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "in", "day=7"), 0o777); err != nil {
			t.Fatal(err)
		}
		job := filepath.Join(dir, "job.yaml")
		for name, text := range map[string]string{filepath.Join(dir, "in", "day=7", "f."+kind): text, job: strings.ReplaceAll(`
job: inferred
labels: [row]
vars: {good: "'a'", out: out}
datasets:
  d:
    - read: {KIND: {path: DIR/in, filename: file}}
    - tag: {rules: [{label: row, when: "k = ${good}"}]}
    - write: {parquet: "DIR/${out}"}
`, "DIR", dir)} {
			if err := os.WriteFile(name, []byte(strings.ReplaceAll(text, "KIND", kind)), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		must(t, app, "run", job, "-q", "--no-ledger", "--dead-letters", filepath.Join(dir, "dead"))
		must(t, app, "deadletter", "replay", filepath.Join(dir, "dead"), "--job", job, "-q", "--set", "good='odd'", "--set", "out=again")
		ds := app.Kinds
		var got []string
		for _, out := range []string{"out", "again"} {
			src, err := ds.Source(t.Context(), rdd.From("parquet", rdd.Options{"path": filepath.Join(dir, out)}), connectors.Env{Mem: memory.NewGoAllocator()})
			if err != nil {
				t.Fatal(err)
			}
			schema, err := src.Schema(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, letters.DDL(schema))
			if err := src.Close(); err != nil {
				t.Fatal(err)
			}
		}
		want(t, got[1], got[0])
		if !strings.Contains(got[1], "`v` double") || !strings.Contains(got[1], "`day` bigint") {
			t.Error(got[1])
		}
	}
}
