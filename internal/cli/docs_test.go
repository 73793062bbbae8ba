package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/engine"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the generated pages anew")

// docs/cli.md is what the commands say of themselves.
func TestDocs(t *testing.T) {
	const page = "../../docs/cli.md"
	want := []byte(manual(newRoot(&session{app: App{Name: "idag"}})))
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/cli.md is not what the commands say (make docs-write); %v", err)
	}
}

// manual renders the whole command line as Markdown.
func manual(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nGenerated from the commands: do not edit.\n\n%s\n\n", root.Name(), root.Long)
	code(&b, root.Example)
	for _, g := range root.Groups() {
		fmt.Fprintf(&b, "%s\n\n| command | |\n| --- | --- |\n", strings.TrimSuffix(g.Title, ":"))
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.Name() != "help" {
				fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", c.Name(), c.Name(), c.Short)
			}
		}
		b.WriteString("\n")
	}
	for _, c := range root.Commands() {
		switch {
		case c.Name() == "help":
		case !c.Runnable():
			fmt.Fprintf(&b, "## %s\n\n%s.\n\n", c.Name(), c.Short)
			code(&b, c.Long)
		default:
			command(&b, c, 2)
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// command renders a command under a heading of a level, and those below it.
func command(b *strings.Builder, c *cobra.Command, level int) {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	title := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
	fmt.Fprintf(b, "%s %s\n\n%s\n\n", strings.Repeat("#", level), title, text)
	code(b, "  "+c.UseLine()+"\n\n"+c.Example)
	if c.HasAvailableLocalFlags() {
		code(b, c.LocalFlags().FlagUsages())
	}
	for _, sub := range c.Commands() {
		command(b, sub, level+1)
	}
}

// code renders indented lines as a block.
func code(b *strings.Builder, text string) {
	b.WriteString("```\n")
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	b.WriteString("```\n\n")
}

// Every command has a group, a first line that is no sentence, and an example
// that begins with the program's name.
func TestHelpIsWhole(t *testing.T) {
	root := newRoot(&session{app: App{Name: "idag"}})
	for _, c := range root.Commands() {
		if !c.Runnable() {
			continue
		}
		if c.GroupID == "" || c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: group %q, first line %q", c.Name(), c.GroupID, c.Short)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  idag "+c.Name()) {
				t.Errorf("%s: example %q", c.Name(), line)
			}
		}
		if c.Example == "" {
			t.Errorf("%s has no example", c.Name())
		}
	}
}

// The help topic explains every field that --json prints.
func TestOutputTopicNamesEveryField(t *testing.T) {
	text := newOutput().Long
	for _, v := range []any{engine.Summary{}, batchLine{}, benchReport{}, bench.Figure{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" || !strings.Contains(text, name) {
				t.Errorf("%s.%s: the field %q is not explained", typ.Name(), typ.Field(i).Name, name)
			}
		}
	}
}
