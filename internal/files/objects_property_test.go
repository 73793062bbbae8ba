package files

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/idag/idag/rdd"
)

// TestObjectFaults draws when requests to the storage fail and when the process
// dies and a run goes on, with other parts perhaps. Whatever is drawn, a reader
// of ours sees, after every try, the batches that were published, whole, and
// nothing else.
func TestObjectFaults(t *testing.T) {
	b := serveBucket(t)
	for seed := range uint64(12) {
		env := sinkEnv()
		env.Run = int64(seed)
		w := &faulty{t: t, b: b, chance: rand.New(rand.NewPCG(seed, 1)), luck: rand.New(rand.NewPCG(seed, 2)),
			path: fmt.Sprintf("s3://data/run%d", seed) + b.how, env: env}
		w.odds = w.chance.IntN(40)
		w.begin()
		for batch := rdd.BatchID(1); batch <= 2; {
			if w.attempt(batch) {
				batch++
			}
		}
		w.fail(false)
		_ = w.sink.Close()
	}
}

// faulty is a run that writes into storage of which requests fail.
type faulty struct {
	t      *testing.T
	b      *testBucket
	chance *rand.Rand
	luck   *rand.Rand // of requests, under the bucket's lock
	odds   int        // percent of the requests that fail
	path   string
	env    Env
	sink   *Sink
	whole  []string // rows of the batches that were published
}

// fail lets requests fail from now on, or none.
func (w *faulty) fail(on bool) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.refuse = func(*http.Request) bool { return on && w.luck.IntN(100) < w.odds }
}

// begin begins the run, or goes on with it.
func (w *faulty) begin() {
	w.t.Helper()
	w.fail(false)
	if w.sink != nil {
		_ = w.sink.Close()
	}
	var err error
	if w.sink, err = openSink(rdd.Options{"path": w.path}, w.env); err != nil {
		w.t.Fatal(err)
	}
	w.env.Resume = true
}

// attempt publishes a batch of some parts until that works or the process dies.
func (w *faulty) attempt(batch rdd.BatchID) bool {
	w.t.Helper()
	var parts []rdd.Staged
	for task := range 1 + w.chance.IntN(3) {
		parts = append(parts, stageNumbers(w.t, w.sink, rdd.Block{Batch: batch, Task: task}, map[int][]int64{task % 2: {int64(batch)}}))
	}
	for try := 0; ; try++ {
		w.fail(try < 3)
		err := w.sink.Publish(w.t.Context(), commit(batch, int64(batch)), parts)
		w.fail(false)
		if err == nil {
			w.whole = append(w.whole, slices.Repeat([]string{fmt.Sprint(batch)}, len(parts))...)
		}
		if seen := rowsBelow(w.t, w.path); !slices.Equal(seen, w.whole) {
			w.t.Fatalf("batch %d, try %d (%v): read %v, published %v", batch, try, err, seen, w.whole)
		}
		if err == nil {
			return true
		}
		if w.chance.IntN(3) == 0 {
			w.begin()
			return false
		}
	}
}
