package jobfile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// TestOptionEnvironment proves that references to the environment stay what they are in
// the options of connectors, whatever the type of the option, that variables of
// the job come before them, and that elsewhere they are mistakes.
func TestOptionEnvironment(t *testing.T) {
	job, err := jobfile.Parse("job.yaml", []byte(`
job: env
vars: {DIR: data, rows: "5"}
datasets:
  a:
    - read: {parquet: {path: ["${DIR}/x", "${HOME_DIR}/$${ESC}"], union_by_name: "${UNION}", poll: "${POLL}"}}
    - tag: {column: kind}
    - write: {parquet: {path: "${OUT}", row_group_rows: "${ROWS}", compression: "${HOW}"}}
`), nil, kinds())
	if err != nil {
		t.Fatal(err)
	}
	w := job.Sinks[0].Op().(rdd.Write)
	r := job.Datasets()[0].Op().(rdd.Read)
	if got := fmt.Sprint(r.Options, w.Options); got != "map[path:[data/x ${HOME_DIR}/$${ESC}] poll:${POLL} union_by_name:${UNION}] "+
		"map[compression:${HOW} path:${OUT} row_group_rows:${ROWS}]" {
		t.Error(got)
	}
	for src, word := range map[string]string{
		"datasets: {a: [{read: {parquet: '${nowhere}'}}]}":                                         `unknown variable "nowhere"`,
		"datasets: {a: [{read: {parquet: x}}, {tag: {column: '${KIND}'}}, {write: console}]}":      "options of connectors and",
		"datasets: {a: [{read: {parquet: {path: x, fraction: many}}}, {tag: {column: kind}}]}":     "expected a number",
		"datasets: {a: [{read: {parquet: {path: x, unknown: '${X}'}}}, {tag: {column: kind}}]}":    "unknown",
		"datasets: {'${A}': [{read: {parquet: x}}, {tag: {column: kind}}, {write: console}]}":      `unknown variable "A"`,
		"settings: {in_flight: '${N}'}\ndatasets: {a: [{read: {parquet: x}}, {tag: {column: k}}]}": `unknown variable "N"`,
	} {
		if _, err := jobfile.Parse("job.yaml", []byte("job: a\n"+src), nil, kinds()); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", src, err)
		}
	}
}
