package service

import (
	"context"
	"time"

	"github.com/idag/idag/internal/wire/submission"
)

// watchEvery bounds how often those who watch are told of rows of a batch under way.
const watchEvery = 100 * time.Millisecond

// watch tells of a job until it has ended, ctx ends or life, that of the service.
func (t *task) watch(ctx, life context.Context, from int64, tell func(submission.Info, []string) error) error {
	var event int64
	for {
		t.mu.Lock()
		lines, next := t.lines.since(from)
		events, seen := t.events.since(event)
		now, changed, running := t.now, t.changed, !over(t.now.State)
		t.mu.Unlock()
		from, event, now.Lines = next, seen, next
		for i, e := range events {
			e.Seq = seen - int64(len(events)-i) + 1
			if err := tell(e, nil); err != nil {
				return err
			}
		}
		if err := tell(now, lines); err != nil {
			return err
		}
		if !running {
			return nil
		}
		if err := t.pause(ctx, life, changed); err != nil {
			return err
		}
	}
}

// pause waits for a change, and then so long that many changes are told at once: but of the
// end at once.
func (t *task) pause(ctx, life context.Context, changed <-chan struct{}) error {
	var enough <-chan time.Time
	for {
		select {
		case <-changed:
		case <-enough:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-life.Done():
			if enough != nil {
				return nil
			}
			return context.Cause(life)
		}
		t.mu.Lock()
		ended := over(t.now.State)
		changed = t.changed
		t.mu.Unlock()
		if ended {
			return nil
		}
		if enough == nil {
			enough = time.After(watchEvery)
		}
	}
}
