package bypass

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/idag/idag/internal/bench"
	"github.com/idag/idag/internal/fault"
)

func settings() Settings {
	return Settings{Rows: 1000, Long: 2000, Files: 2, Bytes: 1000, Runs: 1, Pairs: 1, Mixes: []string{"5/15/80"}, Ops: []int{2}}
}

// A report has the tables of the figures that there are, and charts as both
// formats; what else is in the directory stays.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := Result{Samples: bench.Samples{}, Facts: map[string][]string{"frames": {"It is a fact"}}}
	r.Samples.Add("frame_retrieval_speedup", "ratio", 4.56789)
	r.Samples.Add("frame_header_seconds", "s", 2)
	c := bars("frames", "All frames", "label", "seconds", "by header", "by scan")
	c.group("error", 1, 2)
	r.Charts = append(r.Charts, c)
	page := Page{Machine: "a machine", Version: "v1", Date: "2026-01-05", Settings: map[string]string{"runs": "5"}}
	for range 2 { // a second report replaces the first
		if err := Write(dir, r, settings(), page); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "index.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a machine. idag v1, 2026-01-05.", "runs: 5.", "It is a fact.", "![All frames](frames.svg)",
		"| `frame_retrieval_speedup` | 4.57 | 4.57 to 4.57 | 1 | time by scan ÷ time by header, label error, mix 5/15/80 |", "| `frame_header_seconds` | 2 s |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "label_overhead`") {
		t.Error("a figure that was not measured is in the report")
	}
	for name, magic := range map[string]string{"frames.svg": "<?xml", "frames.png": "\x89PNG", "mine.txt": ""} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.HasPrefix(b, []byte(magic)) {
			t.Errorf("%s: %.10q, %v", name, b, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, Result{}, settings(), Page{}); fault.Of(err) != fault.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestCheckSettings(t *testing.T) {
	for text, change := range map[string]func(*Settings){
		"":                               func(*Settings) {},
		`did you mean "frames"?`:         func(s *Settings) { s.Only = []string{"frame"} },
		"65 operations of a label":       func(s *Settings) { s.Ops = []int{65} },
		"0 operations of a label":        func(s *Settings) { s.Ops = []int{0} },
		"must be positive":               func(s *Settings) { s.Runs = 0 },
		"of the experiments must be pos": func(s *Settings) { s.Mixes = nil },
	} {
		s := settings()
		change(&s)
		err := s.check()
		if text == "" && err != nil || text != "" && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), text)) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
}

// Every figure is explained once, with words.
func TestFiguresAreExplained(t *testing.T) {
	s := settings()
	s.Mixes, s.Ops = []string{"5/15/80", "40/30/30"}, []int{2, 4}
	seen := map[string]bool{}
	for _, f := range Figures(&s) {
		if seen[f.Name] || f.Doc == "" || f.Experiment == "" {
			t.Errorf("figure %+v", f)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{"efficiency", "efficiency_40_30_30", "efficiency_5_15_80_ops4", "no_bypass_ratio", "stage0n_speedup", "frame_retrieval_speedup", "label_overhead"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
	s.Only = []string{"frames"}
	if n := len(Figures(&s)); n != 5 {
		t.Errorf("%d figures of frames", n)
	}
}
