// Package idag is the façade of the engine: what a program needs that brings
// jobs, functions or connectors of its own. The whole of such a program is
//
//	func main() {
//		jobs := append(idag.Jobs(), mine)
//		os.Exit(idag.Main("1.0", jobs, idag.Kinds().With(myKind), fn.NewSet(myFunc)))
//	}
//
// Jobs are written with package rdd or as job files, functions with package rdd/fn; see
// docs/jobfile.md and docs/own-functions.md.
package idag

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/cli"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/rdd"
	"github.com/idag/idag/rdd/fn"
)

// Job is a job that a program offers by name.
type Job = cli.Job

// headroomBytes are never touched, so that they take no memory, but the garbage collector
// counts them as in use: it lets the heap of a small run grow by as many before it begins.
const headroomBytes = 48 << 20

// Main runs the command line of this process with the given jobs,
// connectors and functions, and returns the exit status: 0, 1 for a failure, 2 for a mistake
// of the user's. SIGTERM acts as Ctrl-C does: the first finishes the batches in
// flight, the second aborts.
func Main(version string, jobs []Job, kinds connectors.Registry, functions fn.Set) int {
	headroom := make([]byte, headroomBytes)
	defer runtime.KeepAlive(headroom)
	interrupts := make(chan os.Signal, 2) // both presses of an impatient user
	listen(interrupts)
	defer signal.Stop(interrupts)
	if version == "" {
		version = "devel"
	}
	app := cli.App{Name: "idag", Version: version, Jobs: jobs, Kinds: kinds, Functions: functions, Engine: node()}
	return cli.Main(context.Background(), app, os.Args[1:], cli.IO{Out: os.Stdout, Err: os.Stderr, Interrupts: interrupts})
}

// listen sends to c what asks a run to end: the user's Ctrl-C or a supervisor's
// SIGTERM.
func listen(c chan<- os.Signal) { signal.Notify(c, os.Interrupt, syscall.SIGTERM) }

// Config says how Local runs a job.
type Config = engine.Config

// Summary is what a run came to.
type Summary = engine.Summary

// Local runs a job in this process, to the end of its input or until
// Config.Stop is closed, and returns what it came to. A mistake of the job's
// author comes back as an *rdd.Error with the author's file and line.
func Local(ctx context.Context, job *rdd.Job, cfg Config) (Summary, error) {
	return engine.Run(ctx, job, cfg)
}
