package cli

import (
	"context"
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
	outputs() []seen
	// take takes the rows that a batch has published in one output. What it returns is
	// news for those who cannot be shown a picture, a line each.
	take(output string, rows []tap.Row) []string
	// picture is how things stand, in lines for a terminal.
	picture(st style) []string
	// remarks are what a person should know at the end, a line each.
	remarks() []string
	// report writes what there is to tell at the end into a directory and returns
	// the name of its first page.
	report(dir string, p page) (string, error)
}

// seen is an output that a view wants to see.
type seen struct {
	name string
	past bool // and what it held when this process took up the run, before anything else
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

// watch lets a view see the rows of a run, of the job given, and those that its outputs
// hold of it from before. Without a view the reporter is as it was.
func watch(ctx context.Context, job *rdd.Job, v view, rep reporter, to style, cfg *engine.Config) reporter {
	if v == nil {
		return rep
	}
	w := &watched{reporter: rep, to: to, view: v}
	switch r := rep.(type) {
	case *bar:
		r.below(w.standing)
	case *plainLines:
		w.lines = r
	default:
	}
	cfg.Tap = func(output string, sink connectors.Sink) connectors.Sink {
		i := slices.IndexFunc(v.outputs(), func(o seen) bool { return o.name == output })
		if i < 0 {
			return sink
		}
		if v.outputs()[i].past {
			w.past(ctx, cfg.Kinds, job, output)
		}
		return tap.New(sink, shownRows, func(rows []tap.Row) { w.take(output, rows) })
	}
	return w
}

// past shows what is in the place of an output. Its sink is open, so that is of this run.
func (w *watched) past(ctx context.Context, kinds connectors.Registry, job *rdd.Job, output string) {
	err := published(ctx, kinds, job, output, func(rows []tap.Row) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.view.take(output, rows)
	})
	if err != nil {
		w.note(fmt.Sprintf("what %s held before is not shown: %v", output, err))
	}
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

// picture is the view's, no line longer than the terminal is wide.
func (w *watched) picture() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := w.view.picture(w.to)
	for i, line := range lines {
		lines[i] = narrow(line, w.to.width-1)
	}
	return lines
}

// standing is what of the picture has room on the terminal, below the bar: what moves
// up out of it cannot be drawn again.
func (w *watched) standing() []string {
	lines := w.picture()
	if room := w.to.height - 2; w.to.height > 0 && len(lines) > room {
		lines = lines[:max(room, 0)]
	}
	return lines
}

// done lets the last picture stand.
func (w *watched) done() {
	w.reporter.done()
	if b, ok := w.reporter.(*bar); ok {
		for _, line := range w.picture() {
			fmt.Fprintln(b.screen, line)
		}
		return
	}
	for _, line := range w.view.remarks() {
		if w.lines != nil {
			fmt.Fprintln(w.lines, line)
		}
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
