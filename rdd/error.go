package rdd

import (
	"fmt"
	"runtime"
	"strings"
)

// Pos is where the author wrote something: a Go file and line, or a job file's
// line and column. The zero Pos is unknown.
type Pos struct {
	File   string
	Line   int
	Column int // from 1; 0 where only the line is known
}

// String spells p as compilers do, file:line:column.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return "?"
	case p.Column > 0:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	case p.Line > 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return p.File
}

// Error is a mistake of the job's author, at the place where it was made.
type Error struct {
	At   Pos
	Text string
}

// Error spells the position first, as compilers do.
func (e *Error) Error() string {
	if e.At == (Pos{}) {
		return e.Text
	}
	return e.At.String() + ": " + e.Text
}

// caller returns the first stack frame outside this package: the author's line.
func caller() Pos {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "github.com/idag/idag/rdd.") || strings.HasSuffix(f.File, "_test.go") {
			return Pos{File: f.File, Line: f.Line}
		}
		if !more {
			return Pos{}
		}
	}
}
