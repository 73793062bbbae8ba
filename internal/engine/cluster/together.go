package cluster

import (
	"context"
	"errors"
	"slices"

	"github.com/idag/idag/internal/wire"
	"github.com/idag/idag/planner/work"
)

// RunTogether is what a driver asks of fleets besides: one call for several tasks. If the
// node has left, all of which nothing was heard are to be run elsewhere.
func (f *Fleet) RunTogether(ctx context.Context, name string, tasks []work.Task, tell func(int, work.Receipt, error)) {
	told, errs := make([]bool, len(tasks)), make([]error, len(tasks))
	err := f.on(ctx, name, func(x wire.Executor, run wire.RunID) error {
		orders := slices.Clone(tasks)
		var undo func()
		orders[0], undo = f.withReleases(name, run, tasks[0])
		err := together(ctx, x, run, orders, func(i int, r work.Receipt, err error) {
			if errs[i] = err; err == nil {
				told[i] = true
				tell(i, r, nil)
			}
		})
		if err != nil {
			undo()
		}
		for i := range errs {
			if errs[i] == nil && !told[i] {
				errs[i] = err
			}
		}
		return errors.Join(errs...)
	})
	var left *leftError
	for i := range tasks {
		if told[i] {
			continue
		}
		if errs[i] == nil || errors.As(err, &left) {
			errs[i] = err
		}
		tell(i, work.Receipt{}, errs[i])
	}
}

// together runs tasks one behind the other.
func together(ctx context.Context, x wire.Executor, run wire.RunID, tasks []work.Task, tell func(int, work.Receipt, error)) error {
	if t, ok := x.(wire.Together); ok {
		return t.RunTogether(ctx, run, tasks, tell)
	}
	for i, t := range tasks {
		r, err := x.Run(ctx, run, t)
		tell(i, r, err)
	}
	return nil
}
