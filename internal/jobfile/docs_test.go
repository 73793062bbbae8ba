package jobfile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/internal/jobfile"
)

// TestReference proves that the examples of the reference parse.
func TestReference(t *testing.T) {
	for page, least := range map[string]int{"jobfile.md": 4, "joins.md": 2} {
		raw, err := os.ReadFile("../../docs/" + page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(raw), "```yaml\n")[1:]
		if len(blocks) < least {
			t.Fatalf("%s has %d examples", page, len(blocks))
		}
		for _, b := range blocks {
			src, _, _ := strings.Cut(b, "```")
			if _, err := jobfile.Parse(page, []byte(src), nil, kinds().With(broadcast.Kind())); err != nil {
				t.Errorf("%v\n%s", err, src)
			}
		}
	}
}
