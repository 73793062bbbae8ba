package jobfile_test

import (
	"strings"
	"testing"

	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/rdd"
)

// The default of a variable may come from the environment; what is neither
// there nor has a default must be set.
func TestEnvironment(t *testing.T) {
	t.Setenv("IDAG_TEST_ROOT", "/there")
	t.Setenv("IDAG_TEST_EMPTY", "")
	const src = "job: x\nvars:\n  a: ${IDAG_TEST_ROOT}/x\n  b: ${IDAG_TEST_EMPTY:-near}/x\n  c: $${d}\n  e: ${IDAG_TEST_NONE}\ndatasets:\n" +
		"  d:\n    - read: {parquet: {path: [\"${a}\", \"${b}\", \"${c}\"]}}\n    - tag: {column: k}\n    - write: {parquet: \"${e}\"}\n"
	_, err := jobfile.Parse("f", []byte(src), nil, kinds())
	if err == nil || !strings.Contains(err.Error(), `"e" has no default`) {
		t.Errorf("a variable that is nowhere: %v", err)
	}
	job, err := jobfile.Parse("f", []byte(src), map[string]string{"e": "out"}, kinds())
	if err != nil {
		t.Fatal(err)
	}
	read, _ := job.Datasets()[0].Op().(rdd.Read)
	if got, _ := read.Options["path"].([]string); strings.Join(got, " ") != "/there/x near/x ${d}" {
		t.Errorf("read %v", read.Options)
	}
}

// Behind a variable that was replaced, positions in a text are those of the
// file, not of the text that the variable stands for.
func TestPositionsBehindVariables(t *testing.T) {
	const src = "job: x\nvars: {low: 1, much: 1000 + 1000 + 1000}\ndatasets:\n  d:\n    - read: {parquet: p}\n    - tag: {column: k}\n" +
		"    - filter: a > ${low} AND b > ${much} AND c = 1\n    - write: {parquet: out}\n"
	job, err := jobfile.Parse("f", []byte(src), nil, kinds())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range job.Datasets() {
		f, ok := d.Op().(rdd.Filter)
		if !ok {
			continue
		}
		for _, word := range []string{"a >", "b >", "c ="} {
			at := d.AtText("where", 1, strings.Index(f.Where, word)+1)
			if line := strings.Split(src, "\n")[at.Line-1]; !strings.HasPrefix(line[at.Column-1:], word) {
				t.Errorf("%s is at %s, which is %q", word, at, line[at.Column-1:])
			}
		}
		return
	}
	t.Error("no filter")
}
