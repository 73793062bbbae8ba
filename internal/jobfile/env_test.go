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
