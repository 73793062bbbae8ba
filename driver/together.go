package driver

import (
	"context"

	"github.com/idag/idag/planner/work"
)

// together is what a Fleet may do besides.
type together interface {
	// RunTogether runs tasks on one slot of a node, one behind the other, and tells of
	// each what came of it: a receipt, or an error. When ctx ends they do not matter any
	// more.
	RunTogether(ctx context.Context, node string, tasks []work.Task, tell func(i int, r work.Receipt, err error))
}

// abreast is how many commands at the beginning of a list are carried out as one: tasks
// that share a slot, or a single command.
func abreast(list []command) int {
	n := 1
	if _, ok := list[0].(runTask); !ok {
		return n
	}
	for ; n < len(list); n++ {
		if next, ok := list[n].(runTask); !ok || !next.with {
			break
		}
	}
	return n
}

// runTogether starts tasks that share a slot. They are given up when all of them are.
func (s *shell) runTogether(ctx context.Context, list []command) {
	within, end := context.WithCancel(ctx)
	left := len(list)
	cancel := func() {
		if left--; left == 0 {
			end()
		}
	}
	tasks := make([]work.Task, len(list))
	for i := range list {
		tasks[i] = list[i].(runTask).task //nolint:forcetypeassert // abreast has looked.
		s.count(tasks[i])
		s.out[refOf(tasks[i])] = cancel
	}
	node := s.name(list[0].(runTask).node) //nolint:forcetypeassert // As above.
	s.tasks.Go(func() {
		s.inTurn(within, node, tasks, func(i int, r work.Receipt, err error) {
			select {
			case s.events <- answerTo(tasks[i], r, err):
			case <-ctx.Done():
			}
		})
	})
}

// inTurn runs tasks one behind the other.
func (s *shell) inTurn(ctx context.Context, node string, tasks []work.Task, tell func(int, work.Receipt, error)) {
	if f, ok := s.cfg.Fleet.(together); ok {
		f.RunTogether(ctx, node, tasks, tell)
		return
	}
	for i, t := range tasks {
		r, err := s.cfg.Fleet.Run(ctx, node, t)
		tell(i, r, err)
	}
}

// answerTo is what the core is told of a task.
func answerTo(t work.Task, r work.Receipt, err error) event {
	if err != nil {
		return taskFailed{ref: refOf(t), err: err}
	}
	return taskDone{ref: refOf(t), receipt: &r}
}

// count counts tasks that are sent out again.
func (s *shell) count(t work.Task) {
	if t.Attempt > 1 || t.Quiet {
		s.again++
	}
}
