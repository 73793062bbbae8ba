package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	connjson "github.com/idag/idag/connectors/json"
	"github.com/idag/idag/internal/letters"
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
		{"list", filepath.Join(dir, "nowhere")}, {"list", t.TempDir()}, {"show", filepath.Join(dir, "b", "a")},
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
