package jobfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/idag/idag/internal/jobfile"
)

// TestReference proves that the examples of the reference parse.
func TestReference(t *testing.T) {
	raw, err := os.ReadFile("../../docs/jobfile.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(raw), "```yaml\n")
	if len(blocks) < 4 {
		t.Fatalf("%d examples", len(blocks)-1)
	}
	for _, b := range blocks[1:] {
		src, _, _ := strings.Cut(b, "```")
		if _, err := jobfile.Parse("jobfile.md", []byte(src), nil, kinds()); err != nil {
			t.Errorf("%v\n%s", err, src)
		}
	}
}
