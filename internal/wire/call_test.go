package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// What is sent to an executor arrives as it was, and so does what it answers.
func TestExecutorOverTheWire(t *testing.T) {
	opening := Opening{Run: "j/3", Node: "a", Digest: "d", Job: []byte("job: j"), Schemas: [][]byte{{1, 2}, nil}, Epoch: 2, Resume: true,
		Published: []bool{true, false}, Peers: map[string]string{"b": "127.0.0.1:1"}}
	task := work.Task{Job: "j", Batch: 7, Splits: []rdd.Split{{Name: "x", Rows: 5, Payload: []byte(`{"a":1}`)}},
		Blocks: []rdd.Block{{Batch: 7, Node: "b", Rows: 3}}, Marks: work.Marks{Watermark: work.NoTime, Now: 5}}
	receipt := work.Receipt{Batch: 7, Node: "a", Wall: time.Second, Tally: work.Tally{Ops: map[work.OpLabel]work.OpCount{{Op: 1, Label: 2}: {In: 3}},
		Dead: map[work.Death]int64{{Op: 1, Reason: work.LateRow}: 4}, Checksum: [2]uint64{1 << 63, 5}}}
	order := StateOrder{Save: &work.State{Batch: 4}, Restore: []work.State{{Rows: 1}}, All: true}
	var got []any
	n := &node{
		open: func(o Opening) error { got = append(got, o); return nil },
		run: func(_ context.Context, r RunID, t work.Task) (work.Receipt, error) {
			got = append(got, r, t)
			return receipt, nil
		},
		state: func(r RunID, o StateOrder) (work.State, error) {
			got = append(got, r, o)
			return work.State{File: "f"}, nil
		},
		release: func(r RunID, b rdd.BatchID) error { got = append(got, r, b); return nil },
		closed:  func(r RunID) error { got = append(got, r); return nil },
	}
	x, ctx := pair(t, ServerConfig{Executor: n}).Executor(), t.Context()
	if err := x.Open(ctx, opening); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Run(ctx, "j/3", task); err != nil || !reflect.DeepEqual(r, receipt) {
		t.Errorf("the receipt is %+v, %v", r, err)
	}
	if s, err := x.State(ctx, "j/3", order); err != nil || s.File != "f" {
		t.Errorf("the state is %+v, %v", s, err)
	}
	if err := errors.Join(x.Release(ctx, "j/3", 9), x.Close(ctx, "j/3")); err != nil {
		t.Error(err)
	}
	want := []any{opening, RunID("j/3"), task, RunID("j/3"), order, RunID("j/3"), rdd.BatchID(9), RunID("j/3")}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%d: got %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// What is sent to a driver arrives, and Watch tells of everything in order.
func TestDriverOverTheWire(t *testing.T) {
	d := &desk{
		submit: func(j submission.Job) (submission.Info, error) {
			return submission.Info{ID: j.Name, State: submission.Waiting}, nil
		},
		jobs:  func() ([]submission.Info, error) { return []submission.Info{{ID: "a"}, {ID: "b", Error: "x"}}, nil },
		stop:  func(id string, drain bool) error { return fmt.Errorf("%s %v: %w", id, drain, errTest) },
		nodes: func() ([]byte, error) { return []byte(`[{"name":"n"}]`), nil },
		watch: func(_ context.Context, id string, from int64, tell func(submission.Info, []string) error) error {
			for i := from; i < from+100; i++ {
				if err := tell(submission.Info{ID: id, Batch: i}, []string{fmt.Sprint("line ", i)}); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c, ctx := pair(t, ServerConfig{Driver: d}).Driver(), t.Context()
	if i, err := c.Submit(ctx, submission.Job{Name: "j"}); err != nil || i.ID != "j" || i.State != submission.Waiting {
		t.Errorf("%+v, %v", i, err)
	}
	if l, err := c.Jobs(ctx); err != nil || len(l) != 2 || l[1].Error != "x" {
		t.Errorf("%+v, %v", l, err)
	}
	if err := c.Stop(ctx, "j", true); err == nil || err.Error() != "j true: a test's error" || fault.Of(err) != fault.Bug {
		t.Errorf("%v", err)
	}
	if l, err := c.Nodes(ctx); err != nil || string(l) != `[{"name":"n"}]` {
		t.Errorf("%s, %v", l, err)
	}
	next := int64(5)
	if err := c.Watch(ctx, "j", 5, func(i submission.Info, lines []string) error {
		if i.ID != "j" || i.Batch != next || lines[0] != fmt.Sprint("line ", next) {
			t.Errorf("told of %+v, %q", i, lines)
		}
		next++
		return nil
	}); err != nil || next != 105 {
		t.Errorf("%v after %d", err, next)
	}
	if err := c.Watch(ctx, "j", 5, func(submission.Info, []string) error { return errTest }); !errors.Is(err, errTest) {
		t.Errorf("tell's own error is %v", err)
	}
}

// gone is an error that tells which blocks are gone.
type gone []rdd.Block

func (g gone) Error() string              { return fmt.Sprint(len(g), " blocks are gone") }
func (g gone) MissingBlocks() []rdd.Block { return g }

// Faults come through with kind, text, stack and missing blocks, from every kind of call.
func TestFaultsKeepTheirKind(t *testing.T) {
	blocks := []rdd.Block{{Batch: 1, Stage: 2, Task: 3, Node: "x", Rows: 4}, {Batch: 1, Partition: 5}}
	for _, c := range []struct {
		err   error
		kind  fault.Kind
		stack string
		gone  []rdd.Block
	}{
		{errTest, fault.Bug, "", nil},
		{fault.New(fault.Invalid, "job.yaml:3:4: no such column ü"), fault.Invalid, "", nil},
		{fault.New(fault.Invalid, "e1: %w, of job j", ErrSuperseded), fault.Invalid, "", nil},
		{fault.New(fault.Retry, "again"), fault.Retry, "", nil},
		{fmt.Errorf("task 4: %w", fault.Wrap(fault.Lost, gone(blocks))), fault.Lost, "", blocks},
		{fmt.Errorf("task 5: %w", fault.Panicked("oh", []byte("stack of it"))), fault.Bug, "stack of it", nil},
		{errors.Join(fault.New(fault.Retry, "a"), fault.New(fault.Lost, "b")), fault.Lost, "", nil},
		{fault.Wrap(fault.Lost, gone(make([]rdd.Block, 100_000))), fault.Lost, "", make([]rdd.Block, maxBlocks)},
		{fault.New(fault.Invalid, "%s", strings.Repeat("x", maxText)+"\xff"), fault.Invalid, "", nil},
	} {
		n := &node{run: func(context.Context, RunID, work.Task) (work.Receipt, error) { return work.Receipt{}, c.err }}
		d := &desk{watch: func(context.Context, string, int64, func(submission.Info, []string) error) error { return c.err }}
		client := pair(t, ServerConfig{Executor: n, Driver: d})
		_, err := client.Executor().Run(t.Context(), "r", work.Task{})
		several := sends(t, client.Executor(), "r", make([]work.Task, 2))
		for _, err := range []error{err, several[0].err, several[1].err, client.Driver().Watch(t.Context(), "r", 0, nil)} {
			if err == nil || fault.Of(err) != c.kind || err.Error() != cut(c.err.Error()) || fault.Stack(err) != c.stack {
				t.Fatalf("%v became %v, %v with the stack %q", c.err, fault.Of(err), err, fault.Stack(err))
			}
			if errors.Is(err, ErrSuperseded) != errors.Is(c.err, ErrSuperseded) || errors.Is(err, ErrRefused) {
				t.Errorf("%v is taken for something else: %v", c.err, err)
			}
			var m missing
			if errors.As(err, &m) != (c.gone != nil) || m != nil && !reflect.DeepEqual(m.MissingBlocks(), c.gone) {
				t.Errorf("%v has lost its blocks: %v", c.err, m)
			}
		}
	}
}

// outcome is what is told of a task.
type outcome struct {
	receipt work.Receipt
	err     error
}

// sends sends tasks together and returns what is told of them.
func sends(t *testing.T, x Executor, run RunID, tasks []work.Task) []outcome {
	t.Helper()
	var out []outcome
	err := x.(Together).RunTogether(t.Context(), run, tasks, func(i int, r work.Receipt, err error) {
		if i != len(out) {
			t.Errorf("told of task %d after %d others", i, len(out))
		}
		out = append(out, outcome{r, err})
	})
	if err != nil || len(out) != len(tasks) {
		t.Fatal(out, err)
	}
	return out
}

// Of several tasks that are sent together each has an answer of its own, in their order:
// one that fails does not keep those behind it from being run.
func TestTogether(t *testing.T) {
	n := &node{run: func(_ context.Context, run RunID, t work.Task) (work.Receipt, error) {
		switch t.Index {
		case 1:
			return work.Receipt{}, fault.New(fault.Invalid, "task %d of %s", t.Index, run)
		case 2:
			panic("boom")
		}
		return work.Receipt{Index: t.Index, Node: "a"}, nil
	}}
	got := sends(t, pair(t, ServerConfig{Executor: n}).Executor(), "j/3", []work.Task{{Index: 0}, {Index: 1}, {Index: 2}, {Index: 3}})
	for _, i := range []int{0, 3} {
		if a := got[i]; a.err != nil || a.receipt.Index != i || a.receipt.Node != "a" {
			t.Errorf("task %d: %+v", i, a)
		}
	}
	if fault.Of(got[1].err) != fault.Invalid || fault.Of(got[2].err) != fault.Bug || fault.Stack(got[2].err) == "" {
		t.Errorf("%+v", got[1:3])
	}
}

// What came of the tasks of one stage is told before a task of another one behind them has
// ended, and not one by one; when the call breaks, nothing is said of the others.
func TestTogetherToldInTime(t *testing.T) {
	heard, hold := make(chan int, 10), make(chan struct{})
	n := &node{run: func(_ context.Context, _ RunID, task work.Task) (work.Receipt, error) {
		if task.Stage == 0 {
			<-hold
		}
		return work.Receipt{Index: task.Index}, nil
	}}
	s := serve(t, ServerConfig{Security: Plain(), Executor: n})
	x := dial(t, s.Addr(), Plain(), nil).Executor().(Together)
	tasks := []work.Task{{Stage: 1, Index: 0}, {Stage: 1, Index: 1}, {Batch: 1, Stage: 1, Index: 2}, {Batch: 1, Index: 3}}
	ended := make(chan error, 1)
	go func() {
		ended <- x.RunTogether(t.Context(), "j/1", tasks, func(i int, r work.Receipt, err error) {
			if err != nil || r.Index != i {
				t.Errorf("task %d: %+v, %v", i, r, err)
			}
			heard <- i
		})
	}()
	for i := range 3 {
		if got := <-heard; got != i {
			t.Errorf("heard of task %d, not of %d", got, i)
		}
	}
	go func() { _ = s.Close() }()
	if err := <-ended; fault.Of(err) != fault.Retry || len(heard) > 0 {
		t.Errorf("%d more heard, %v", len(heard), err)
	}
	close(hold)
}

// A panic of what serves is a bug with its stack, and the server goes on.
func TestPanics(t *testing.T) {
	n := &node{run: func(context.Context, RunID, work.Task) (work.Receipt, error) { panic("boom") }}
	d := &desk{watch: func(context.Context, string, int64, func(submission.Info, []string) error) error { panic(errTest) }}
	c := pair(t, ServerConfig{Executor: n, Driver: d})
	for range 3 {
		_, err := c.Executor().Run(t.Context(), "r", work.Task{})
		if fault.Of(err) != fault.Bug || err.Error() != "panic: boom" || !strings.Contains(fault.Stack(err), "call_test.go") {
			t.Errorf("%v with %q", err, fault.Stack(err))
		}
		err = c.Driver().Watch(t.Context(), "r", 0, nil)
		if fault.Of(err) != fault.Bug || !strings.Contains(err.Error(), errTest.Error()) || !strings.Contains(fault.Stack(err), "call_test.go") {
			t.Errorf("%v with %q", err, fault.Stack(err))
		}
	}
}

// A call that its caller gives up is given up on the other side too.
func TestCancelReachesTheTask(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	n := &node{run: func(ctx context.Context, _ RunID, _ work.Task) (work.Receipt, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return work.Receipt{}, ctx.Err()
	}}
	x := pair(t, ServerConfig{Executor: n}).Executor()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	_, err := x.Run(ctx, "r", work.Task{})
	if fault.Of(err) != fault.Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller is told %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the task ended with %v", err)
	}
}

// Nobody there is a reason to try again.
func TestNobodyThere(t *testing.T) {
	l := listen(t)
	addr := l.Addr().String()
	_ = l.Close()
	_, err := dial(t, addr, Plain(), nil).Executor().Run(t.Context(), "r", work.Task{})
	if fault.Of(err) != fault.Retry || !strings.Contains(err.Error(), addr) {
		t.Errorf("got %v", err)
	}
}
