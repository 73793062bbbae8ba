// Package script runs golden scripts: files of commands, each followed by the
// output it must give. It follows the form of cockroachdb/datadriven.
//
//	# A comment says what the script proves.
//	put key=a rows=3
//	optional input
//	----
//	the output
//
//	next command …
//
// A command line is a word and arguments, each either bare or key=value. What
// stands before the separator is its input, what stands behind it, up to the
// next blank line, is the expected output. Output that has blank lines in it
// is enclosed in doubled separators. [Run] compares; with rewrite set it writes
// the output it got into the file instead.
package script

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const separator = "----"

// Case is one command of a script with its input and expected output.
type Case struct {
	Line     int    // of the command, from 1
	Cmd      string // the first word
	Args     []Arg
	Input    string // without the last line's end
	Expected string // each line with its end; empty for no output

	head []string // comments and blank lines before it, then the command line
}

// Arg is one argument of a command: key=value, or a key alone.
type Arg struct {
	Key, Value string
}

// Has reports whether the command has an argument key.
func (c *Case) Has(key string) bool {
	_, ok := c.find(key)
	return ok
}

// String returns the value of the argument key, or def without one.
func (c *Case) String(key, def string) string {
	if v, ok := c.find(key); ok {
		return v
	}
	return def
}

// Int returns the argument key as a number, or def without one. A value that
// is no number ends the test.
func (c *Case) Int(t testing.TB, key string, def int) int {
	t.Helper()
	v, ok := c.find(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("line %d: %s=%s is not a number", c.Line, key, v)
	}
	return n
}

func (c *Case) find(key string) (string, bool) {
	for _, a := range c.Args {
		if a.Key == key {
			return a.Value, true
		}
	}
	return "", false
}

// Run runs every command of the script at path through handle and compares
// what it returns. With rewrite it updates the file instead of comparing.
func Run(t *testing.T, path string, rewrite bool, handle func(t testing.TB, c *Case) string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases, tail, err := parse(string(src))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for i := range cases {
		c := &cases[i]
		got := handle(t, c)
		if got != "" && !strings.HasSuffix(got, "\n") {
			got += "\n"
		}
		if rewrite {
			c.Expected = got
		} else if got != c.Expected {
			t.Fatalf("%s:%d: %s\n%s", path, c.Line, c.head[len(c.head)-1], diff(c.Expected, got))
		}
	}
	if rewrite {
		if err := os.WriteFile(path, []byte(format(cases, tail)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// RunAll runs every script that matches the pattern as a subtest of its own.
// The handler comes from fresh, so that no script sees another's state.
func RunAll(t *testing.T, pattern string, rewrite bool, fresh func() func(t testing.TB, c *Case) string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no script matches %s (%v)", pattern, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		t.Run(name, func(t *testing.T) { Run(t, path, rewrite, fresh()) })
	}
}

// parse splits a script into its commands and the comments after the last.
func parse(src string) (cases []Case, tail []string, err error) {
	lines := strings.Split(src, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	var head []string
	for i := 0; i < len(lines); {
		text := strings.TrimSpace(lines[i])
		if text == "" || strings.HasPrefix(text, "#") {
			head = append(head, lines[i])
			i++
			continue
		}
		c := Case{Line: i + 1, head: append(head, lines[i])}
		head = nil
		c.Cmd, c.Args = command(text)
		if i, err = c.body(lines, i+1); err != nil {
			return nil, nil, err
		}
		cases = append(cases, c)
	}
	return cases, head, nil
}

// body reads the input and the expected output that start at lines[i] and
// returns where the rest starts.
func (c *Case) body(lines []string, i int) (int, error) {
	var input []string
	for ; i < len(lines) && lines[i] != separator; i++ {
		input = append(input, lines[i])
	}
	if i == len(lines) {
		return i, fmt.Errorf("line %d: the command %q has no line %s", c.Line, c.Cmd, separator)
	}
	c.Input = strings.Join(input, "\n")
	i++
	var out strings.Builder
	if i < len(lines) && lines[i] == separator {
		for i++; i+1 < len(lines); i++ {
			if lines[i] == separator && lines[i+1] == separator {
				c.Expected = out.String()
				return i + 2, nil
			}
			out.WriteString(lines[i] + "\n")
		}
		return i, fmt.Errorf("line %d: the doubled %s of %q is not closed", c.Line, separator, c.Cmd)
	}
	for ; i < len(lines) && strings.TrimSpace(lines[i]) != ""; i++ {
		out.WriteString(lines[i] + "\n")
	}
	c.Expected = out.String()
	return i, nil
}

func command(text string) (string, []Arg) {
	words := strings.Fields(text)
	args := make([]Arg, 0, len(words)-1)
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		args = append(args, Arg{key, value})
	}
	return words[0], args
}

// format is the inverse of parse.
func format(cases []Case, tail []string) string {
	var b strings.Builder
	for i := range cases {
		c := &cases[i]
		for _, l := range c.head {
			b.WriteString(l + "\n")
		}
		if c.Input != "" {
			b.WriteString(c.Input + "\n")
		}
		b.WriteString(separator + "\n")
		if needsDouble(c.Expected) {
			b.WriteString(separator + "\n" + c.Expected + separator + "\n" + separator + "\n")
			continue
		}
		b.WriteString(c.Expected)
	}
	for _, l := range tail {
		b.WriteString(l + "\n")
	}
	return b.String()
}

// needsDouble reports whether output would not be read back whole without
// doubled separators.
func needsDouble(out string) bool {
	if strings.HasPrefix(out, separator+"\n") {
		return true
	}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == "" {
			return true
		}
	}
	return false
}

// diff shows where two outputs part.
func diff(want, got string) string {
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	same := 0
	for same < len(w) && same < len(g) && w[same] == g[same] {
		same++
	}
	var b strings.Builder
	for _, l := range w[:same] {
		b.WriteString("  " + l)
	}
	for _, l := range w[same:] {
		if l != "" {
			b.WriteString("- " + strings.TrimSuffix(l, "\n") + "\n")
		}
	}
	for _, l := range g[same:] {
		if l != "" {
			b.WriteString("+ " + strings.TrimSuffix(l, "\n") + "\n")
		}
	}
	return b.String()
}
