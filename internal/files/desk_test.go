package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// stagesFor opens a sink that stages for the one that has a desk at root.
func stagesFor(root, desk string) (*Sink, error) {
	env := sinkEnv()
	env.Desk, env.Stages = desk, true
	return openSink(rdd.Options{"path": root, "mode": "error"}, env)
}

func driverOf(t *testing.T, root, desk string) *Sink {
	t.Helper()
	env := sinkEnv()
	env.Desk, env.Run = desk, 7
	k, err := openSink(rdd.Options{"path": root, "mode": "error"}, env)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestStagingForAnother proves that sinks which stage for another one do not get in one
// another's way, that what they staged outlives them, that they may come when something
// was published already, and that it all goes with the one that publishes.
func TestStagingForAnother(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	k := driverOf(t, root, "job/7-0")
	for batch := rdd.BatchID(1); batch <= 3; batch++ {
		var parts []rdd.Staged
		for range 3 { // executors, of which each dies before its part is published
			x, err := stagesFor(root, "job/7-0")
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, stageNumbers(t, x, rdd.Block{Batch: batch}, map[int][]int64{0: {int64(batch)}}))
			stageNumbers(t, x, rdd.Block{Batch: batch}, map[int][]int64{0: {99}}) // given up
			if err := x.Publish(t.Context(), commit(batch, 7), parts); fault.Of(err) != fault.Bug {
				t.Errorf("a sink that only stages has published: %v", err)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Publish(t.Context(), commit(batch, 7), parts); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(root, "batch=00000"+string(rune('0'+batch)), "label=error"))
		if err != nil || len(files) != 3 {
			t.Errorf("batch %d: %d files, %v", batch, len(files), err)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, stagingDir)); err == nil {
		t.Error("what was given up is left")
	}
}

// TestNoDesk: where the driver's directory cannot be seen, or has gone with the driver, the
// author is told that all nodes must see the same files; nothing is made there.
func TestNoDesk(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	if _, err := stagesFor(root, "job/7-0"); fault.Of(err) != fault.Invalid {
		t.Errorf("without a driver: %v", err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("the directory was made")
	}
	k := driverOf(t, root, "job/7-0")
	if _, err := stagesFor(root, "job/8-0"); fault.Of(err) != fault.Invalid {
		t.Errorf("at the desk of another driver: %v", err)
	}
	x, err := stagesFor(root, "job/7-0")
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Stage(t.Context(), rdd.Block{Batch: 1}, frames(memory.DefaultAllocator, map[int][]int64{0: {1}})); err == nil {
		t.Error("something was staged for a driver that is gone")
	}
}

// TestNextDriverOfADesk: a driver that comes after one that died with the same name for
// its desk takes it over, without what was staged.
func TestNextDriverOfADesk(t *testing.T) {
	root := filepath.Join(t.TempDir(), "out")
	k := driverOf(t, root, "job/7-0")
	part := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	life{t, k, 7}.die()
	next := driverOf(t, root, "job/7-0")
	defer func() { _ = next.Close() }()
	if err := next.Publish(t.Context(), commit(1, 8), []rdd.Staged{part}); fault.Of(err) != fault.Lost {
		t.Errorf("a part of a driver that died: %v", err)
	}
}
