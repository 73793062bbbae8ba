package wire

import (
	"context"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"google.golang.org/grpc"
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
		unary("RunTogether", func(ctx context.Context, x Executor, r runTasks) ([]answered, error) { return together(ctx, x, r), nil }),
		unary("State", func(ctx context.Context, x Executor, r runState) (work.State, error) {
			return x.State(ctx, r.Run, r.Order)
		}),
		unary("Release", func(ctx context.Context, x Executor, r runBatch) (empty, error) {
			return empty{}, x.Release(ctx, r.Run, r.Batch)
		}),
		unary("Close", func(ctx context.Context, x Executor, r RunID) (empty, error) { return empty{}, x.Close(ctx, r) }),
	}}
}

// together runs tasks one behind the other. A failure of all is that of each of which
// nothing was told.
func together(ctx context.Context, x Executor, r runTasks) []answered {
	out := make([]answered, len(r.Tasks))
	tell := func(i int, receipt work.Receipt, err error) {
		if err != nil {
			out[i] = answered{Fault: carry(err)}
			return
		}
		out[i] = answered{Receipt: &receipt}
	}
	if t, ok := x.(Together); ok {
		err := guard(func() error { return t.RunTogether(ctx, r.Run, r.Tasks, tell) })
		for i := range out {
			if err != nil && out[i] == (answered{}) {
				tell(i, work.Receipt{}, err)
			}
		}
		return out
	}
	for i, t := range r.Tasks {
		var receipt work.Receipt
		err := guard(func() (err error) {
			receipt, err = x.Run(ctx, r.Run, t)
			return err
		})
		tell(i, receipt, err)
	}
	return out
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
	list, err := ask[[]answered](ctx, x.peer, executorService, "RunTogether", runTasks{run, tasks})
	if err != nil {
		return err
	}
	if len(list) != len(tasks) {
		return fault.New(fault.Retry, "%s: %d answers to %d tasks", x.addr, len(list), len(tasks))
	}
	for i, a := range list {
		switch {
		case a.Fault != nil:
			tell(i, work.Receipt{}, a.Fault.fault())
		case a.Receipt != nil:
			tell(i, *a.Receipt, nil)
		default:
			tell(i, work.Receipt{}, fault.New(fault.Retry, "%s: the answer to RunTogether: neither a receipt nor a fault", x.addr))
		}
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
