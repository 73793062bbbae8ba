package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Exit statuses.
const (
	statusOK      = 0
	statusFailed  = 1
	statusMistake = 2
)

var (
	// errUnequal ends a command that found that two plans disagree.
	errUnequal = bench.ErrUnequal
	// errWrong ends a measurement that found results to be wrong.
	errWrong = errors.New("the results are wrong")
	// errOutput is a result that could not be printed.
	errOutput = errors.New("standard output")
	// errStopped ends a comparison that the user stopped.
	errStopped = errors.New("stopped; nothing was compared")
)

// report prints err for people and returns the exit status it stands for.
func (s *session) report(err error) int {
	if err == nil {
		return statusOK
	}
	status := statusMistake
	told := map[string]bool{} // places that are not shown may say the same
	for _, e := range flatten(err) {
		if !mistake(e) {
			status = statusFailed
		}
		if text := s.explain(e); !told[text] {
			told[text] = true
			fmt.Fprint(s.io.Err, text)
		}
	}
	return status
}

// mistake reports whether err is for the user to mend.
func mistake(err error) bool {
	var at *rdd.Error
	return errors.As(err, &at) || fault.Of(err) == fault.Invalid
}

// flatten returns the errors that were joined into err. A kind given to them
// together holds for each that has none of its own.
func flatten(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		joined, ok := e.(interface{ Unwrap() []error }) //nolint:errorlint // the chain is walked by hand
		if !ok {
			continue
		}
		list := joined.Unwrap()
		if e.Error() != joinedText(list) {
			break // fmt.Errorf with several %w: one sentence
		}
		var out []error
		for _, one := range list {
			if e != err && fault.Of(one) == fault.Bug { //nolint:errorlint // the very same value
				one = fault.Wrap(fault.Of(err), one)
			}
			out = append(out, flatten(one)...)
		}
		return out
	}
	return []error{err}
}

func joinedText(list []error) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "\n")
}

// explain returns the message for one error, with the author's line where it
// has a position.
func (s *session) explain(err error) string {
	var at *rdd.Error
	switch {
	case errors.As(err, &at):
		return s.pointAt(at)
	case errors.Is(err, context.Canceled):
		return s.sentence("aborted; batches that were not committed will be run again")
	case errors.Is(err, errUnequal), errors.Is(err, errWrong), errors.Is(err, errStopped), errors.Is(err, errOutput), spoken(err), mistake(err),
		fault.Of(err) == fault.Retry: // where it was tried again, it says how often
		return s.sentence(err.Error())
	case fault.Of(err) == fault.Lost:
		return s.sentence(err.Error() + " (lost, and could not be recomputed)")
	}
	text := s.sentence("internal error: " + err.Error())
	if stack := fault.Stack(err); stack != "" {
		text += stack + "\n"
	}
	return text + "This is a mistake in " + s.app.Name + ", not in the job.\n"
}

// spoken reports whether an error of a cluster says all there is to say.
func spoken(err error) bool {
	return errors.Is(err, errReach) || errors.Is(err, errDriver) || errors.Is(err, errJob) || errors.Is(err, errNode)
}

func (s *session) sentence(text string) string {
	return s.errs.bad(s.app.Name+":") + " " + text + "\n"
}

// pointAt prints a mistake as compilers do: position, message and, where the
// file can be read, the line with a mark under the column.
func (s *session) pointAt(e *rdd.Error) string {
	if e.At == (rdd.Pos{}) || s.hidden[e.At.File] {
		return s.sentence(e.Text)
	}
	pos := e.At
	pos.File = nearby(pos.File)
	text := s.errs.strong(pos.String()+":") + " " + s.errs.bad("error:") + " " + e.Text + "\n"
	line, ok := lineOf(e.At)
	if !ok {
		return text
	}
	text += s.errs.faint(fmt.Sprintf("%5d | ", pos.Line)) + strings.ReplaceAll(line, "\t", " ") + "\n"
	if pos.Column > 0 {
		text += s.errs.faint("      | ") + strings.Repeat(" ", pos.Column-1) + s.errs.bad("^") + "\n"
	}
	return text
}

// nearby spells a path from the working directory if it is below it.
func nearby(file string) string {
	wd, err := os.Getwd()
	if err != nil || !filepath.IsAbs(file) {
		return file
	}
	if rel, err := filepath.Rel(wd, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

// lineOf returns the line that p points into. Lines too long for a terminal
// are not worth showing.
func lineOf(p rdd.Pos) (string, bool) {
	src, err := os.ReadFile(p.File)
	lines := strings.Split(string(src), "\n")
	if err != nil || p.Line < 1 || p.Line > len(lines) || len(lines[p.Line-1]) > 200 {
		return "", false
	}
	line := strings.TrimRight(lines[p.Line-1], "\r")
	return line, strings.TrimSpace(line) != "" && p.Column <= len(line)+1
}
