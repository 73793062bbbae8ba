package idag

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/idag/idag/internal/engine"
)

// failpointVariable names a step of a run, as listed at engine.Point, and how often
// it is to be reached: IDAG_FAILPOINT=publish.half:3 kills the process when the
// third publication is half done. It is for tests of recovery, and the only place
// where a run is told to fail.
const failpointVariable = "IDAG_FAILPOINT"

// failpoint returns what kills this process at a step, or nil.
func failpoint(spec string) engine.Point {
	name, times, _ := strings.Cut(spec, ":")
	if name == "" {
		return nil
	}
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	var left atomic.Int64
	left.Store(n)
	return func(step string) {
		if step != name || left.Add(-1) != 0 {
			return
		}
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill() // as kill -9 does: nothing is flushed, nothing is told
		}
		select {}
	}
}
