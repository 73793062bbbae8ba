package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sample = `# What it proves.

put key=a rows=3 fast
first line
second line
----
one
two

# Nothing comes of it.
get
----

get key=b
----
----
one

three
----
----

# The end.
`

// Formatting what was parsed gives the file back.
func TestParseFormat(t *testing.T) {
	cases, tail, err := parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	if got := format(cases, tail); got != sample {
		t.Fatalf("got\n%s", diff(sample, got))
	}
	c := cases[0]
	if c.Cmd != "put" || c.String("key", "") != "a" || c.Int(t, "rows", 0) != 3 || !c.Has("fast") || c.Has("slow") ||
		c.Int(t, "none", 7) != 7 || c.Input != "first line\nsecond line" || c.Expected != "one\ntwo\n" || c.Line != 3 {
		t.Fatalf("%+v", c)
	}
	if len(cases) != 3 || cases[1].Expected != "" || cases[2].Expected != "one\n\nthree\n" {
		t.Fatalf("%+v", cases)
	}
}

func TestParseErrors(t *testing.T) {
	for src, want := range map[string]string{
		"put\n":                   `line 1: the command "put" has no line ----`,
		"put\n----\n----\nhalf\n": `line 1: the doubled ---- of "put" is not closed`,
		"a\n----\n\nput\ninput\n": `line 4: the command "put" has no line ----`,
	} {
		if _, _, err := parse(src); err == nil || err.Error() != want {
			t.Errorf("%q: %v", src, err)
		}
	}
}

// Rewriting writes what was got; a second run compares equal to that, whatever
// the output looks like.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	outputs := map[string]string{"none": "", "plain": "a\nb", "blank": "a\n\nb\n", "rule": "----\nx\n"}
	src := "none\n----\n\nplain\n----\nold\n\nblank\n----\n\nrule\n----\n"
	path := filepath.Join(dir, "s.txt")
	if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	seen := 0
	fresh := func() func(testing.TB, *Case) string {
		return func(_ testing.TB, c *Case) string {
			seen++
			return outputs[c.Cmd]
		}
	}
	RunAll(t, filepath.Join(dir, "*.txt"), true, fresh)
	RunAll(t, filepath.Join(dir, "*.txt"), false, fresh)
	if seen != 8 {
		t.Fatalf("%d commands were run", seen)
	}
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), "plain\n----\na\nb\n\nblank\n") {
		t.Fatalf("%s %v", got, err)
	}
}

// The message of a mismatch shows what is the same, what is missing and what is new.
func TestDiff(t *testing.T) {
	if got, want := diff("a\nb\nc\n", "a\nx\n"), "  a\n- b\n- c\n+ x\n"; got != want {
		t.Fatalf("%q", got)
	}
}
