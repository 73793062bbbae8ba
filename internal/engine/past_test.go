package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/idag/idag/driver"
	"github.com/idag/idag/internal/ledger"
)

// A driver says its epoch to executors before it appends it. So one that takes up a run
// is above whatever a driver before it may have said, not only above what that appended;
// the run itself stays that of its first driver, and its own clock may be wrong.
func TestEpochIsAboveWhatWasSaid(t *testing.T) {
	dir := t.TempDir()
	log, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := time.Now().Add(-time.Minute).UnixMicro()
	if err := log.Append(t.Context(), driver.Started{Job: "j", Epoch: first, Run: first}); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	said := first + 100 // a hundred times taken up in one process, without a word in the ledger
	wrong := func() time.Time { return time.Now().Add(-time.Hour) }
	n := &node{cfg: Config{Ledger: dir, Now: wrong, Common: time.Now}.withDefaults()}
	if err := n.recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.ledger.(*ledger.Log).Close(); err != nil {
			t.Error(err)
		}
	}()
	if n.past.Epoch <= said || n.past.Run != first {
		t.Errorf("epoch %d of the run %d; a driver before it was %d, of the run %d", n.past.Epoch, n.past.Run, said, first)
	}
}

// What a run that has ended kept beside its ledger goes, wherever that lies.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[of] all")
	for _, name := range []string{"source-0", "source-11", "state", "000001"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := (&Config{Ledger: dir}).sweep(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "000001" {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := (&Config{Ledger: filepath.Join(dir, "none")}).sweep(); err != nil {
		t.Error(err)
	}
}
