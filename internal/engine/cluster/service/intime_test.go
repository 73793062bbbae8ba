package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/idag/idag/rdd"
)

// TestToldInTime: who watches a job is told of changes that follow one another together,
// and of its end at once.
func TestToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newTask(&rdd.Job{Name: "j"}, submission.Job{}, "", 0)
		began := time.Now()
		var told []time.Duration
		done := make(chan error)
		go func() {
			done <- j.watch(t.Context(), t.Context(), 0, func(submission.Info, []string) error {
				if at := time.Since(began); len(told) == 0 || told[len(told)-1] != at {
					told = append(told, at)
				}
				return nil
			})
		}()
		for range 12 {
			time.Sleep(10 * time.Millisecond)
			j.observe(engine.Progress{})
		}
		time.Sleep(5 * time.Millisecond)
		j.finish(engine.Summary{Job: "j"}, nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, 110 * time.Millisecond, 125 * time.Millisecond}
		if len(told) != len(want) || told[1] != want[1] || told[2] != want[2] {
			t.Errorf("told at %v, want %v", told, want)
		}
	})
}
