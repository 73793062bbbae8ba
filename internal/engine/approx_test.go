package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
)

// approximating reduces events, in windows that overlap and in sessions, and then the
// groups that come of it, also together with events, by sketches that have long given up to count exactly: there
// are thousands of times, and errors are coarse.
const approximating = `
job: approximating
labels: [error, backup, information, sliding, session, whole, mixed]
vars: {to: ""}
settings: {batch_rows: BATCH}
datasets:
  events:
    - read: {generate: {events: meter, rows: 12000, dirt: 0, span: 2 hours}}
    - tag: {column: kind, identity: [meter, ts], time: ts}
  sliding:
    - from: events
    - window: {time: ts, size: 40 minutes, slide: 20 minutes}
    - reduce:
        by: [window_start]
        get:
          times: approx_distinct(ts, 0.3)
          top: approx_top(ts, 3, 0.2)
          one: approx_count(meter, 'm1', 0.5)
          squares: approx_moment2(ts, 0.5)
          some: sample(meter, 4)
        from: [backup, information]
        as: sliding
    - write: {json: "${to}/sliding", from: sliding}
  whole:
    - from: sliding
    - map: {for: sliding, set: {odd: times % 2, squares: squares * 2}}
    - reduce:
        get: {top: "approx_top(odd, 1, 0.9)", some: "sample(window_start, 3)", n: approx_distinct(some)}
        from: sliding
        as: whole
    - write: {json: "${to}/whole"}
  mixed:
    - from: sliding
    - map: {for: error, set: {times: length(meter)}}
    - reduce:
        get: {some: "sample(times, 9)", top: "approx_top(times, 2, 0.9)", n: count()}
        from: [error, sliding]
        as: mixed
    - write: {json: "${to}/mixed", from: mixed}
  session:
    - from: events
    - window: {time: ts, session: 2 seconds}
    - reduce:
        by: [window_start]
        get: {times: "approx_distinct(ts, 0.9)", top: "approx_top(ts, 1, 0.9)", some: "sample(ts, 2)"}
        from: [error, backup, information]
        as: session
    - write: {json: "${to}/session"}
`

// TestSketchesDoNotDependOnThePlan proves that sketches come out the same, bit by bit, in
// every plan, on any number of executors, and however the input is cut into batches.
func TestSketchesDoNotDependOnThePlan(t *testing.T) {
	want := ""
	for i, mode := range modes() {
		for _, batch := range []int{700, 5000, 100_000} {
			job := parsed(t, strings.Replace(approximating, "BATCH", fmt.Sprint(batch), 1), map[string]string{"to": t.TempDir()})
			s, err := run(t, job, engine.Config{Mode: mode, Executors: 1 + (i+batch)%4})
			if err != nil {
				t.Fatal(err, fault.Stack(err))
			}
			if s.Late != 0 || s.RowsOut < 20 {
				t.Fatalf("%d rows, %d late", s.RowsOut, s.Late)
			}
			if want == "" {
				want = s.Checksum
			}
			if s.Checksum != want {
				t.Errorf("%s plan, batches of %d rows: checksum %s, want %s", mode, batch, s.Checksum, want)
			}
		}
	}
}
