package expr

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/functions.md")

// TestDocs compares docs/functions.md with the library, or writes it with
// -update. Every example in it is a test: see TestExamples.
func TestDocs(t *testing.T) {
	const page = "../../docs/functions.md"
	want := functionsPage()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: make docs-write", page)
	}
}

func functionsPage() string {
	var s strings.Builder
	s.WriteString("# Functions and operators\n\nExpressions are SQL. They are total: an overflow, a division by zero and a bad cast give null, which the summary counts;\n" +
		"`strict(e)` makes a dead letter of the row instead. NaN equals NaN and is larger than every other number; -0 equals 0. Every example is true, and a test.\n\n" +
		"Aggregates, in `reduce`: `count()`, `count(x)`, `count(distinct x)`, `sum`, `avg`, `min`, `max`, `stddev`, `first`, `last` (in the order of event time).\n\n" +
		"| name | arguments | what it gives | example |\n| --- | --- | --- | --- |\n")
	cell := func(text string) string { return strings.ReplaceAll(text, "|", "\\|") }
	for _, f := range functions() {
		fmt.Fprintf(&s, "| `%s` | %s | %s | `%s` |\n", cell(f.Name), cell(f.Signature), cell(f.Doc), cell(f.Example))
	}
	return s.String()
}
