package connectors_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/arrow"
	"github.com/idag/idag/connectors/broadcast"
	"github.com/idag/idag/connectors/console"
	"github.com/idag/idag/connectors/csv"
	growing "github.com/idag/idag/connectors/files"
	"github.com/idag/idag/connectors/generate"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/connectors/parquet"
	"github.com/idag/idag/internal/jobfile"
)

var update = flag.Bool("update", false, "write docs/connectors.md")

func shipped() connectors.Registry {
	return connectors.NewRegistry(parquet.Kind(), arrow.Kind(), broadcast.Kind(), csv.Kind(), growing.Kind(csv.Kind(), json.Kind()), generate.Kind(), json.Kind(), console.Kind(), memory.NewStore(nil).Kind())
}

// TestDocs proves that docs/connectors.md says what the connectors say.
func TestDocs(t *testing.T) {
	const path = "../docs/connectors.md"
	want := shipped().Markdown()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is out of date (%v): go test ./connectors -update", path, err)
	}
}

// TestKinds proves that every shipped connector is documented, that its
// defaults pass its own checks and that its examples parse.
func TestKinds(t *testing.T) {
	for _, name := range shipped().Names() {
		k, _ := shipped().Lookup(name)
		if k.Doc == "" || len(k.Examples) == 0 {
			t.Errorf("%s has no doc or no example", name)
		}
		for _, f := range k.Fields {
			if f.Doc == "" || !strings.HasSuffix(f.Doc, ".") {
				t.Errorf("%s: option %s: the doc is no sentence: %q", name, f.Name, f.Doc)
			}
			if f.Default == nil {
				continue
			}
			if _, err := f.Type.Convert(f.Default); err != nil {
				t.Errorf("%s: default of %s: %v", name, f.Name, err)
			}
		}
		for _, e := range k.Examples {
			step := "    - " + strings.ReplaceAll(strings.Trim(e.YAML, "\n"), "\n", "\n      ") + "\n"
			tag := "    - tag: {column: kind}\n"
			src := "job: x\ndatasets:\n  d:\n    - read: {parquet: p}\n" + tag + step
			if strings.HasPrefix(e.YAML, "read") {
				src = "job: x\ndatasets:\n  d:\n" + step + tag + "    - write: console\n"
			}
			if _, err := jobfile.Parse(e.Title, []byte(src), nil, shipped()); err != nil {
				t.Errorf("%s: %v\n%s", name, err, src)
			}
		}
	}
}

// TestMarkdown shows what the page of one connector looks like.
func TestMarkdown(t *testing.T) {
	got := connectors.NewRegistry(files()).Markdown()
	const want = `# Connectors

Generated from the connectors' own descriptions: do not edit.

In an option ` + "`${NAME}`" + `, of capital letters, digits and underscores, is a variable of the environment, unless the job has one of that name. What comes from the environment is shown nowhere: plans, digests and the ledger hold the reference, messages say ` + "`***`" + `.

| connector | reads | writes | |
| --- | --- | --- | --- |
| [files](#files) | yes | yes | Files. |

## files

Files. In a folder.

| option | type | default | |
| --- | --- | --- | --- |
| ` + "`path`" + ` | strings | required | Where. |
| ` + "`mode`" + ` | ` + "`error`, `append`" + ` | ` + "`error`" + ` | Writing only. What if \| it is there. |
| ` + "`poll`" + ` | duration | ` + "`1 second`" + ` | Reading only. |
| ` + "`rows`" + ` | int | ` + "`5`" + ` |  |

` + "`read: {files: X}` means `read: {files: {path: X}}`. `write: {files: X}` means `write: {files: {path: X}}`.\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
