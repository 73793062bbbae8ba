package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const executorService = "idag.Executor"

type (
	runTask struct {
		Run  RunID     `json:"run"`
		Task work.Task `json:"task"`
	}
	runTasks struct {
		Run   RunID       `json:"run"`
		Tasks []work.Task `json:"tasks"`
	}
	answered struct {
		Task    int           `json:"task"` // its place in the list
		Receipt *work.Receipt `json:"receipt,omitempty"`
		Fault   *carried      `json:"fault,omitempty"`
	}
	runState struct {
		Run   RunID      `json:"run"`
		Order StateOrder `json:"order"`
	}
	runBatch struct {
		Run   RunID       `json:"run"`
		Batch rdd.BatchID `json:"batch"`
	}
)

// executorDesc describes the service to gRPC.
func executorDesc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: executorService, HandlerType: (*Executor)(nil), Methods: []grpc.MethodDesc{
		unary("Open", func(ctx context.Context, x Executor, o Opening) (empty, error) { return empty{}, x.Open(ctx, o) }),
		unary("Run", func(ctx context.Context, x Executor, r runTask) (work.Receipt, error) {
			return x.Run(ctx, r.Run, r.Task)
		}),
		unary("State", func(ctx context.Context, x Executor, r runState) (work.State, error) {
			return x.State(ctx, r.Run, r.Order)
		}),
		unary("Release", func(ctx context.Context, x Executor, r runBatch) (empty, error) {
			return empty{}, x.Release(ctx, r.Run, r.Batch)
		}),
		unary("Close", func(ctx context.Context, x Executor, r RunID) (empty, error) { return empty{}, x.Close(ctx, r) }),
	}, Streams: []grpc.StreamDesc{{StreamName: "RunTogether", Handler: serveTogether, ServerStreams: true}}}
}

// serveTogether runs tasks one behind the other, and tells of those of one stage and batch
// together: they are small.
func serveTogether(srv any, stream grpc.ServerStream) error {
	var in wrapperspb.BytesValue
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	return toStatus(guard(func() error {
		r, err := parse[runTasks](in.Value)
		if err != nil {
			return err
		}
		var due []answered
		var lost error
		err = together(stream.Context(), srv.(Executor), r, func(i int, receipt work.Receipt, err error) {
			a := answered{Task: i, Receipt: &receipt}
			if err != nil {
				a = answered{Task: i, Fault: carry(err)}
			}
			due = append(due, a)
			if i+1 < len(r.Tasks) && r.Tasks[i].Batch == r.Tasks[i+1].Batch && r.Tasks[i].Stage == r.Tasks[i+1].Stage {
				return
			}
			out, err := pack("RunTogether", due)
			if err == nil {
				err = stream.SendMsg(out)
			}
			due, lost = nil, errors.Join(lost, err)
		})
		return errors.Join(err, lost)
	}))
}

// together runs tasks one behind the other.
func together(ctx context.Context, x Executor, r runTasks, tell func(int, work.Receipt, error)) error {
	if t, ok := x.(Together); ok {
		return t.RunTogether(ctx, r.Run, r.Tasks, tell)
	}
	for i, t := range r.Tasks {
		var receipt work.Receipt
		err := guard(func() (err error) {
			receipt, err = x.Run(ctx, r.Run, t)
			return err
		})
		tell(i, receipt, err)
	}
	return nil
}

// executorClient is an executor in another process.
type executorClient struct{ peer }

func (x executorClient) Open(ctx context.Context, o Opening) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Open", o)
	return err
}

func (x executorClient) Run(ctx context.Context, run RunID, t work.Task) (work.Receipt, error) {
	return ask[work.Receipt](ctx, x.peer, executorService, "Run", runTask{run, t})
}

// RunTogether implements Together.
func (x executorClient) RunTogether(ctx context.Context, run RunID, tasks []work.Task, tell func(int, work.Receipt, error)) error {
	ctx, done := x.pulse.under(ctx)
	defer done()
	in, err := pack("RunTogether", runTasks{run, tasks})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx) // of a stream that is left
	defer cancel()
	stream, err := x.conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "RunTogether", ServerStreams: true}, "/"+executorService+"/RunTogether")
	if err == nil {
		err = errors.Join(stream.SendMsg(in), stream.CloseSend())
	}
	if err != nil {
		return fromStatus(ctx, x.addr, err, x.refused)
	}
	return x.hear(ctx, stream, len(tasks), tell)
}

// hear hands on the answers to so many tasks.
func (x executorClient) hear(ctx context.Context, stream incoming, tasks int, tell func(int, work.Receipt, error)) error {
	for next := 0; ; {
		var out wrapperspb.BytesValue
		switch err := stream.RecvMsg(&out); {
		case errors.Is(err, io.EOF) && next == tasks:
			return nil
		case errors.Is(err, io.EOF):
			return fault.New(fault.Retry, "%s: %d answers to %d tasks", x.addr, next, tasks)
		case err != nil:
			return fromStatus(ctx, x.addr, err, x.refused)
		}
		list, err := parse[[]answered](out.Value)
		for i := 0; err == nil && i < len(list); i++ {
			if err = list[i].check(next, tasks); err != nil {
				break
			}
			next++
			if a := list[i]; a.Fault != nil {
				tell(a.Task, work.Receipt{}, a.Fault.fault())
			} else {
				tell(a.Task, *a.Receipt, nil)
			}
		}
		if err != nil {
			return fault.New(fault.Retry, "%s: the answer to RunTogether: %w", x.addr, err)
		}
	}
}

// check says what is wrong with the answer to a task, which is to be the next of so many.
func (a answered) check(next, tasks int) error {
	switch {
	case a.Task != next || next >= tasks:
		return fmt.Errorf("task %d of %d behind %d others", a.Task, tasks, next)
	case a.Fault == nil && a.Receipt == nil:
		return errors.New("neither a receipt nor a fault")
	}
	return nil
}

func (x executorClient) State(ctx context.Context, run RunID, o StateOrder) (work.State, error) {
	return ask[work.State](ctx, x.peer, executorService, "State", runState{run, o})
}

func (x executorClient) Release(ctx context.Context, run RunID, batch rdd.BatchID) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Release", runBatch{run, batch})
	return err
}

func (x executorClient) Close(ctx context.Context, run RunID) error {
	_, err := ask[empty](ctx, x.peer, executorService, "Close", run)
	return err
}

var (
	_ Executor = executorClient{}
	_ Together = executorClient{}
)
