// Package cli is the command line of idag: one file a command, its help beside
// its code. It turns words into calls of an [Engine] and its answers into text;
// it decides nothing about rows.
//
// Results go to standard output, progress and errors to standard error. With
// --json standard output bears one JSON object a line, the last of which is the
// summary, and what a console sink writes goes to standard error instead.
//
// The exit status is 0 for success, 1 for a failure, 2 for a mistake of the
// user's: a wrong flag, a job that does not compile, data that is not what the
// job says.
//
// Ctrl-C once finishes the batches in flight, publishes them and says where the
// job stopped; twice aborts it.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/idag/idag/internal/fault"
)

// IO is what a command line is connected to.
type IO struct {
	Out, Err io.Writer
	// Interrupts yields a signal each time the user presses Ctrl-C. Nil: never.
	Interrupts <-chan os.Signal
}

// Main runs one command line, without the program's name, and returns the exit
// status.
func Main(ctx context.Context, app App, args []string, std IO) int {
	s := &session{app: app, io: std, errs: newStyle(std.Err), out: newStyle(std.Out)}
	out := &checked{w: std.Out}
	s.io.Out = out
	root := newRoot(s)
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetOut(out)
	root.SetErr(std.Err)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil && !errors.Is(out.err, syscall.EPIPE) {
		err = fault.New(fault.Retry, "standard output: %w", out.err)
	}
	return s.report(err)
}

// checked remembers the first error of a writer, so that a result that could
// not be printed is a failure, wherever it was printed.
type checked struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

// Write implements io.Writer for any number of goroutines.
func (c *checked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.w.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

// session is one command line under way.
type session struct {
	app  App
	io   IO
	out  style
	errs style
}
