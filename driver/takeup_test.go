package driver_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
)

// shelf keeps state, and does not give it back where it is told so.
type shelf struct {
	lost     bool
	restores int
}

func (s *shelf) Save(_ context.Context, _ string, st work.State) (work.State, error) { return st, nil }
func (s *shelf) Retain(context.Context, []work.State) error                          { return nil }
func (s *shelf) Restore(context.Context, string, []work.State) error {
	s.restores++
	if s.lost {
		return fault.New(fault.Retry, "cannot be reached")
	}
	return nil
}

// changing makes a rig whose fleet is a and b until a number of batches are
// committed, and then another.
func changing(splits int64, at rdd.BatchID, then ...driver.Node) (*rig, *[]string) {
	r := newRig(splits)
	changes := make(chan []driver.Node, 1)
	r.cfg.Changes = changes
	var notes []string
	r.cfg.Observe = func(p driver.Progress) {
		if p.Note != "" {
			notes = append(notes, p.Note)
		}
		switch {
		case p.Committed == nil:
		case p.Committed.Again:
			notes = append(notes, fmt.Sprint("again ", p.Committed.Batch))
		case p.Committed.Batch == at:
			changes <- then
		}
	}
	return r, &notes
}

// A node that goes takes the state of a part with it: Run goes on behind the last
// checkpoint, or from the first batch, with the nodes that there are, under a new
// epoch of which the fleet is told; nothing is published twice, or missing.
func TestStateGoesWithItsNode(t *testing.T) {
	for _, saves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, notes := changing(9, 4, driver.Node{Name: "c", Slots: 2})
			r.fleet.takes = time.Second
			r.cfg.Plan.Job.Settings.CheckpointEvery = 1
			if saves {
				r.cfg.States = &shelf{}
			}
			out, err := driver.Run(t.Context(), r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if out.Batches != 10 || out.Tally.RowsIn != 90 || !out.Final || !slices.Equal(slices.Compact(slices.Clone(r.sink.parts)), parts(0, 9)) {
				t.Errorf("came to %+v, published %v", out, r.sink.parts)
			}
			if !slices.Equal(r.fleet.begun, []int64{1, 2}) {
				t.Errorf("begun %v", r.fleet.begun)
			}
			text := strings.Join(*notes, "\n")
			if !strings.Contains(text, "going back to the last checkpoint: the state of stage 1 part 0 was on ") {
				t.Errorf("said %q", text)
			}
			if again := strings.Contains(text, "again 1"); again == saves {
				t.Errorf("saves %t, said %q", saves, text)
			}
		})
	}
}

// A run that cannot be taken up again is given up in the end, with the reason.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := changing(9, 4, driver.Node{Name: "c", Slots: 2})
		s := &shelf{lost: true}
		r.fleet.takes = time.Second
		r.cfg.States, r.cfg.Plan.Job.Settings.CheckpointEvery = s, 1
		out, err := driver.Run(t.Context(), r.cfg)
		if fault.Of(err) != fault.Lost || !strings.Contains(err.Error(), "given up: 8 times taken up without a batch that was committed: cannot be reached") {
			t.Error(err)
		}
		if s.restores != 8 || len(r.fleet.begun) != 9 || out.Final {
			t.Errorf("%d restores, %v, %+v", s.restores, r.fleet.begun, out)
		}
	})
}

// A run without nodes waits for some, and can be stopped meanwhile.
func TestWaitsForNodes(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, _ := changing(9, 4)
			r.fleet.nodes = nil
			changes, stop := make(chan []driver.Node), make(chan struct{})
			r.cfg.Changes, r.cfg.Stop = changes, stop
			time.AfterFunc(time.Hour, func() {
				if stops {
					close(stop)
					return
				}
				changes <- []driver.Node{{Name: "a", Slots: 1}}
				close(changes)
			})
			begun := time.Now()
			out, err := driver.Run(t.Context(), r.cfg)
			if err != nil || out.Final == stops || out.Stopped != stops || time.Since(begun) < time.Hour {
				t.Errorf("after %s: %+v, %v", time.Since(begun), out, err)
			}
		})
	}
}

// porter also moves state, and remembers what came where.
type porter struct {
	shelf
	came []string
}

func (p *porter) Adopt(_ context.Context, node string, parts []work.State) error {
	p.came = append(p.came, fmt.Sprintf("%s %q", node, parts[0].File))
	return nil
}

func (p *porter) Save(_ context.Context, _ string, st work.State) (work.State, error) {
	st.File = "file"
	return st, nil
}

// A node that is to be left hands the state that it has on to another one, once, and
// keeps none of it; the run goes on as if nothing had been.
func TestStateMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, notes := changing(9, 4, driver.Node{Name: "a", Slots: 1, Draining: true}, driver.Node{Name: "b", Slots: 1})
		p := &porter{}
		r.fleet.takes, r.cfg.States = time.Second, p
		out, err := driver.Run(t.Context(), r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.wants(t, out, 9)
		if !slices.Equal(p.came, []string{`b "file"`, `a ""`}) || len(*notes) > 0 || !slices.Equal(r.fleet.begun, []int64{1}) {
			t.Errorf("%q, %q, %v", p.came, *notes, r.fleet.begun)
		}
	})
}
