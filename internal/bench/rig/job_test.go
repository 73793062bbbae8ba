package rig

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// script is a program that is a shell script, with a directory for its cluster.
func script(t *testing.T, text string) *Rig {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return &Rig{cfg: Config{Program: []string{path}, Dir: dir}, used: map[int]bool{}, senders: map[int]*relay{}}
}

// A job is followed batch by batch to its summary.
func TestFollow(t *testing.T) {
	r := script(t, `echo '{"batch":1,"rows":5}'; read go < go; echo '{"batch":3,"rows":9}'; echo '{"job":"j","rows_in":9,"checksum":"c"}'`)
	gate := filepath.Join(r.cfg.Dir, "go")
	if err := os.MkdirAll(r.cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mkfifo(gate); err != nil {
		t.Skip(err)
	}
	j, err := r.Submit(t.Context(), "job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !j.Reach(t.Context(), 1) || j.Batch() != 1 {
		t.Fatal("batch", j.Batch())
	}
	recovered := make(chan time.Duration, 1)
	go func() {
		took, ok := j.Recovers(t.Context(), time.Now())
		if !ok {
			took = -1
		}
		recovered <- took
	}()
	time.Sleep(4 * settle)
	if err := os.WriteFile(gate, []byte("now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if sum, err := j.Wait(); err != nil || sum.RowsIn != 9 || sum.Checksum != "c" {
		t.Errorf("%+v, %v", sum, err)
	}
	if took := <-recovered; took < 0 {
		t.Error("the batch behind the next one was not seen")
	}
	if j.Reach(t.Context(), 4) {
		t.Error("a batch that never was")
	}
}

// A program that fails, or says nothing, is an error with its words.
func TestFollowFailed(t *testing.T) {
	for _, text := range []string{"echo broken >&2; exit 2", "echo broken >&2", `echo '{"job":"j"}'; echo broken >&2; exit 1`} {
		j, err := script(t, text).Here(t.Context(), "job.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Wait(); err == nil || !contains(err, "broken") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A job is found among those that the cluster knows.
func TestAsk(t *testing.T) {
	r := script(t, `echo '{"id":"a","state":"running"}'; echo '{"id":"b","state":"finished","summary":{}}'`)
	got, err := r.Ask(t.Context(), "b")
	if err != nil || !got.Ended() || string(got.Result) != "{}" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := r.Ask(t.Context(), "a"); err != nil || got.Ended() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Ask(t.Context(), "c"); err == nil || !contains(err, "does not know the job c") {
		t.Error(err)
	}
}

// A node is started until it says who it is, killed even when it is stopped, and told
// apart by its log.
func TestNode(t *testing.T) {
	r := script(t, `echo '{"name":"n","rpc":"127.0.0.1:1"}'; echo 'standing by for the driver x' >&2; [ -e drives ] && echo 'driving, term 12 of the home h' >&2; exec cat`)
	n, err := r.add("n", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, n.StandsBy)
	if !n.Running() || n.Term() != 0 || n.member().RPC != "127.0.0.1:1" {
		t.Errorf("running %v, term %d, %+v", n.Running(), n.Term(), n.member())
	}
	n.Signal(stop)
	n.Kill()
	if n.Running() || n.StandsBy() {
		t.Error("it goes on")
	}
	if err := os.WriteFile(filepath.Join(r.cfg.Dir, "drives"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return n.Term() == 12 })
	if n.StandsBy() {
		t.Error("it drives, and stands by")
	}
	n.Kill()
	broken, err := script(t, "exit 1").add("b", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Start(t.Context()); err == nil || !contains(err, "ended before it was ready") {
		t.Error(err)
	}
}
