package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/tap"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
)

// view shows what a job is about while it runs. It is given the rows of some of the
// job's outputs as their batches are published; its methods are called one at a time.
type view interface {
	// outputs are those whose rows it wants to see.
	outputs() []string
	// take takes the rows that a batch has published in one output. What it returns is
	// news for those who cannot be shown a picture, a line each.
	take(output string, rows []tap.Row) []string
	// picture is how things stand, in lines for a terminal.
	picture(st style) []string
	// report writes what there is to tell at the end into a directory and returns
	// the name of its first page.
	report(dir string, p page) (string, error)
}

// shownRows is how many rows of a task's part of a batch a view is shown.
const shownRows = 2000

// page is what a report says of the run that it is about.
type page struct {
	summary          engine.Summary
	machine, version string
}

// viewOf returns the view of a job that ships with the program, or nil.
func (s *session) viewOf(name string, job *rdd.Job) view {
	j, err := s.find(name)
	if err != nil || !j.Shipped {
		return nil
	}
	return views(j.Name, job)
}

// watched is a reporter of a run whose rows a view sees.
type watched struct {
	reporter
	to    style
	lines io.Writer // for news; nil: there is a picture, or nobody looks

	mu   sync.Mutex
	view view
}

// watch lets a view see the rows of a run. Without a view the reporter is as it was.
func watch(v view, rep reporter, to style, cfg *engine.Config) reporter {
	if v == nil {
		return rep
	}
	w := &watched{reporter: rep, to: to, view: v}
	switch r := rep.(type) {
	case *bar:
		r.below(w.picture)
	case *plainLines:
		w.lines = r
	default:
	}
	cfg.Tap = func(output string, sink connectors.Sink) connectors.Sink {
		if !slices.Contains(v.outputs(), output) {
			return sink
		}
		return tap.New(sink, shownRows, func(rows []tap.Row) { w.take(output, rows) })
	}
	return w
}

func (w *watched) take(output string, rows []tap.Row) {
	w.mu.Lock()
	news := w.view.take(output, rows)
	w.mu.Unlock()
	for _, line := range news {
		if w.lines != nil {
			fmt.Fprintln(w.lines, line)
		}
	}
}

func (w *watched) picture() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view.picture(w.to)
}

// done lets the last picture stand.
func (w *watched) done() {
	w.reporter.done()
	b, ok := w.reporter.(*bar)
	if !ok {
		return
	}
	for _, line := range w.picture() {
		fmt.Fprintln(b.screen, line)
	}
}

// tell writes the report of a view and says where it is.
func (s *session) tell(v view, dir string, sum engine.Summary) error {
	if v == nil || dir == "" || sum.Batches == 0 {
		return nil
	}
	first, err := v.report(dir, page{summary: sum, machine: machine(), version: s.app.Version})
	if err == nil {
		fmt.Fprintf(s.io.Err, "report in %s\n", filepath.Join(dir, first))
	}
	return err
}
