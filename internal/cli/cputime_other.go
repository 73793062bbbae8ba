//go:build !unix

package cli

import "time"

// cpuTime is the time of the day, where the system does not say how long processors
// have worked for this process: on one core of a machine that does nothing else, the
// two are the same.
func cpuTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
