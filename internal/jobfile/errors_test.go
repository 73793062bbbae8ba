package jobfile_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/idag/idag/internal/jobfile"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

// TestErrors compares the messages of testdata/errors.txt to the letter.
func TestErrors(t *testing.T) {
	const path = "testdata/errors.txt"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(raw), "\n== ")
	for i, c := range cases[1:] {
		title, rest, _ := strings.Cut(c, "\n")
		src, want, ok := strings.Cut(rest, "----\n")
		if !ok {
			src, want, _ = strings.Cut(rest, "----")
		}
		text := src
		if strings.HasPrefix(src, "- ") && title != "not a mapping" {
			text = "job: x\ndatasets:\n a:\n" + "  " + strings.ReplaceAll(strings.TrimRight(src, "\n"), "\n", "\n  ") + "\n"
		}
		_, err := jobfile.Parse("f", []byte(text), nil, kinds())
		got := "no error\n"
		if err != nil {
			got = err.Error() + "\n"
		}
		if got != strings.TrimRight(want, "\n")+"\n" {
			if !*rewrite {
				t.Errorf("%s:\n%sgot\n%swant\n%s", title, src, got, want)
			}
			cases[i+1] = title + "\n" + src + "----\n" + got
		}
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.TrimRight(strings.Join(cases, "\n== "), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
