package bypass

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/planner/work"
)

// The faults that a file is said to have are those that are in it, by its text
// alone; the same seed gives the same file.
func TestWriteFaults(t *testing.T) {
	dir := t.TempDir()
	const rows = 1<<14 + 5000
	seeded, err := writeFaults(dir, rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "events.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	lines := 0
	for line := range strings.Lines(string(text)) {
		lines++
		var l taggedLine
		switch err := json.Unmarshal([]byte(line), &l); {
		case err != nil:
			found[work.ImproperIngest]++
		case l.Seq == nil:
			found[work.PartialRelease]++
		case l.Kind == "noise":
			found[work.AbnormalTag]++
		}
	}
	found[work.InaccurateTag] = seeded[work.InaccurateTag] // the engine's to find
	if lines != rows || !maps.Equal(found, seeded) {
		t.Errorf("%d lines: found %v, seeded %v", lines, found, seeded)
	}
	total := int64(0)
	for _, k := range faultKinds() {
		total += seeded[k[0]]
		if seeded[k[0]] < rows/faultEvery/8 {
			t.Errorf("%d of %s", seeded[k[0]], k[0])
		}
	}
	if total < rows/faultEvery/2 || total > rows/faultEvery*2 {
		t.Errorf("%d faults in %d rows", total, rows)
	}
	again := t.TempDir()
	if _, err := writeFaults(again, rows, 1); err != nil {
		t.Fatal(err)
	}
	if other, err := os.ReadFile(filepath.Join(again, "events.json")); err != nil || string(other) != string(text) {
		t.Errorf("another file, %v", err)
	}
	if other, err := writeFaults(again, rows, 2); err != nil || maps.Equal(other, seeded) {
		t.Errorf("the seed has no effect: %v, %v", other, err)
	}
}
