package chaos

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A disk that is full takes nothing, and one that was freed takes what it took before.
func TestDisks(t *testing.T) {
	for _, mounts := range []bool{true, false} {
		d := newDisks(t.TempDir())
		if err := d.open(2); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.close() })
		node := "executor-2"
		if !mounts { // as where nobody may mount
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
		}
		if d.shared() {
			node = homeDisk
		}
		write := func() error { return os.WriteFile(filepath.Join(d.of(node), "rows"), make([]byte, 64<<10), 0o600) }
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if err := d.fill(node); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.of(node), "more"), make([]byte, 64<<10), 0o600); err == nil {
			t.Error("a full disk took something")
		}
		if err := d.free(node); err != nil {
			t.Fatal(err)
		}
		if err := write(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := d.close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Every kind that is drawn is reported, and every kind is drawn.
func TestKinds(t *testing.T) {
	for _, k := range weighted() {
		if !slices.Contains(Kinds(), k) {
			t.Errorf("%s is not reported", k)
		}
	}
	for _, k := range Kinds() {
		if !slices.Contains(weighted(), k) {
			t.Errorf("%s does not happen", k)
		}
	}
}

// What makes no sense is refused before anything is started.
func TestNoChaos(t *testing.T) {
	for _, c := range []Config{{}, {Runs: 1, Rows: 1}, {Runs: 1, Rate: 1}, {Rows: 1, Rate: 1}} {
		if _, err := c.Run(t.Context()); err == nil {
			t.Errorf("%+v", c)
		}
	}
}
