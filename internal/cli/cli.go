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
// Ctrl-C or SIGTERM once finishes the batches in flight, publishes them and says
// where the job stopped; twice aborts it.
package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/idag/idag/internal/fault"
)

// IO is what a command line is connected to.
type IO struct {
	Out, Err io.Writer
	// Interrupts yields a signal each time the user presses Ctrl-C or
	// the process is asked to end. Nil: never.
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
	return s.report(out.blame(err))
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
	if err == nil {
		return n, nil
	}
	if c.err == nil {
		c.err = err
	}
	return n, c.err
}

// blame returns the error of a command that ended with err: that of the writer,
// if this is what ended it or if nothing else did. A reader that has gone has
// had enough, which is no failure.
func (c *checked) blame(err error) error {
	switch {
	case c.err == nil, err != nil && !errors.Is(err, c.err):
		return err
	case errors.Is(c.err, syscall.EPIPE):
		return nil
	}
	cause := c.err
	var path *fs.PathError
	if errors.As(cause, &path) {
		cause = path.Err
	}
	return fault.New(fault.Retry, "%w: %w", errOutput, cause)
}

// session is one command line under way.
type session struct {
	app  App
	io   IO
	out  style
	errs style
	// hidden are the Go files of shipped jobs, which positions leave out.
	hidden map[string]bool
}
