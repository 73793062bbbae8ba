package executor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner"
	"github.com/idag/idag/rdd"
)

// within fails the test, instead of hanging, if f takes long.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("deadlock")
	}
}

type stager = func(context.Context, rdd.Stream) (rdd.Staged, error)

// drain reads all of its input.
func drain(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
	var st rdd.Staged
	for f, err := range in {
		if err != nil {
			return st, err
		}
		st.Rows += f.Header.Pruned // stands for rows here
	}
	return st, nil
}

func frameOf(n int64) *rdd.Frame { return &rdd.Frame{Header: rdd.Header{Pruned: n}} }

// A sink pulls what is pushed, one frame at a time: a frame that was lent is
// never looked at after send has returned.
func TestStagingLends(t *testing.T) {
	within(t, func() {
		looking := false // not guarded: the race detector is part of the test
		s := startStaging(t.Context(), func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			var st rdd.Staged
			for f, err := range in {
				if err != nil {
					return st, err
				}
				looking = true
				st.Rows += f.Header.Pruned
				looking = false
			}
			return st, nil
		})
		f := frameOf(0)
		for i := range 100 {
			f.Header.Pruned = int64(i)
			if err := s.send(f); err != nil {
				t.Error(err)
			}
			if looking {
				t.Error("the sink still looks at a frame that it was lent")
			}
			f.Header.Pruned = -1000
		}
		st, err := s.finish()
		if err != nil || st.Rows != 4950 {
			t.Errorf("staged %d, %v", st.Rows, err)
		}
	})
}

// Whatever a sink does, send and finish return and tell why; abandon waits
// until it has stopped.
func TestStagingEndsWhateverTheSinkDoes(t *testing.T) {
	mine := fault.New(fault.Retry, "the disk is full")
	for _, c := range []struct {
		name string
		sink stager
		kind fault.Kind
		text string
	}{
		{"stops at once", func(context.Context, rdd.Stream) (rdd.Staged, error) { return rdd.Staged{}, nil }, fault.Bug, "stopped before its input ended"},
		{"fails at once", func(context.Context, rdd.Stream) (rdd.Staged, error) { return rdd.Staged{}, mine }, fault.Retry, "the disk is full"},
		{"stops after a frame", func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			in(func(*rdd.Frame, error) bool { return false })
			return rdd.Staged{}, nil
		}, fault.Bug, "stopped before its input ended"},
		{"fails after a frame", func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			in(func(*rdd.Frame, error) bool { return false })
			return rdd.Staged{}, mine
		}, fault.Retry, "the disk is full"},
		{"panics at once", func(context.Context, rdd.Stream) (rdd.Staged, error) { panic("ouch") }, fault.Bug, "panic: ouch"},
		{"panics in a frame", func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			in(func(*rdd.Frame, error) bool { panic("ouch") })
			return rdd.Staged{}, nil
		}, fault.Bug, "panic: ouch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func() {
				s := startStaging(t.Context(), c.sink)
				var err error
				for i := 0; i < 10 && err == nil; i++ {
					err = s.send(frameOf(1))
				}
				_, end := s.finish()
				for _, err := range []error{err, end} {
					if fault.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) {
						t.Errorf("the error is %v (%s), want %q (%s)", err, fault.Of(err), c.text, c.kind)
					}
				}
				if strings.Contains(c.text, "panic") && !strings.Contains(fault.Stack(end), "staging_test.go") {
					t.Errorf("the panic has no stack: %q", fault.Stack(end))
				}
				s.abandon()
			})
		})
	}
}

// A sink that fails when its input ends fails the task.
func TestStagingFailsAtTheEnd(t *testing.T) {
	within(t, func() {
		s := startStaging(t.Context(), func(ctx context.Context, in rdd.Stream) (rdd.Staged, error) {
			if _, err := drain(ctx, in); err != nil {
				return rdd.Staged{}, err
			}
			return rdd.Staged{}, fault.New(fault.Lost, "no space")
		})
		if err := s.send(frameOf(1)); err != nil {
			t.Error(err)
		}
		if _, err := s.finish(); fault.Of(err) != fault.Lost {
			t.Errorf("the error is %v", err)
		}
	})
}

// A task that ends early makes its sinks stop, wherever they are.
func TestStagingIsAbandoned(t *testing.T) {
	for _, frames := range []int{0, 1, 3} {
		within(t, func() {
			seen := make(chan error, 1)
			s := startStaging(t.Context(), func(ctx context.Context, in rdd.Stream) (rdd.Staged, error) {
				st, err := drain(ctx, in)
				seen <- err
				return st, err
			})
			for range frames {
				if err := s.send(frameOf(1)); err != nil {
					t.Error(err)
				}
			}
			s.abandon()
			if err := <-seen; !errors.Is(err, context.Canceled) {
				t.Errorf("after %d frames the sink ended with %v", frames, err)
			}
			s.abandon() // again
		})
	}
}

// A cancelled task ends, and the sink sees why.
func TestStagingIsCancelled(t *testing.T) {
	within(t, func() {
		ctx, stop := context.WithCancel(t.Context())
		s := startStaging(ctx, drain)
		if err := s.send(frameOf(1)); err != nil {
			t.Error(err)
		}
		stop()
		<-s.done
		if err := s.send(frameOf(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("send: %v", err)
		}
		if _, err := s.finish(); !errors.Is(err, context.Canceled) {
			t.Errorf("finish: %v", err)
		}
	})
}

// A failing sink fails the task with its own error, and leaves no goroutine, no
// memory and no second sink at work.
func TestSinkFailsATask(t *testing.T) {
	build := func(ev *rdd.Dataset) *rdd.Job { return written(ev.Filter(Err, "true"), ev) }
	for _, mode := range []planner.Mode{planner.IDAG, planner.Masked, planner.Staged} {
		r := newRig(t, mode, "kind code", rdd.Tag{Column: "kind"}, build,
			[]string{`"kind":"error","code":1`, `"kind":"info","code":2`}, []string{`"kind":"error","code":3`})
		r.out.stage = func(_ context.Context, in rdd.Stream) (rdd.Staged, error) {
			in(func(*rdd.Frame, error) bool { return false })
			return rdd.Staged{}, fault.New(fault.Retry, "the disk is full")
		}
		if _, err := r.x.Run(t.Context(), r.scan(1, 0, 2)); fault.Of(err) != fault.Retry {
			t.Errorf("%s: %v", mode, err)
		}
		r.out.stage = nil
		if got := r.run(r.scan(1, 0, 2)); got.Tally.RowsOut != 6 {
			t.Errorf("%s: run again it wrote %d rows, want 6", mode, got.Tally.RowsOut)
		}
	}
}
