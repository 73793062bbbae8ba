package ev_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/bench/ev"
	"github.com/idag/idag/internal/fault"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// day n as a column holds it.
func day(n int) arrow.Timestamp {
	return arrow.Timestamp(time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC).UnixMicro())
}

// told is what two nodes and a server tell in three rounds.
func told(t *testing.T) *ev.Story {
	var s ev.Story
	for n := 1; n <= 3; n++ {
		for _, node := range []string{"node2", "node1"} {
			v := map[string]any{"node": node, "window_end": day(n), "samples": int64(100), "version": int64(n - 1)}
			if n > 1 { // there is no model before
				v["accuracy_before"], v["log_loss"], v["tp"], v["fp"], v["tn"], v["fn"] = 0.8, 0.5, int64(50), int64(10), int64(30), int64(10)
			}
			if !s.Add(ev.Nodes, v) {
				t.Fatal("nodes are no part of a story")
			}
		}
		r := map[string]any{"window_end": day(n), "version": int64(n), "nodes": int64(2), "samples": int64(200), "change": 0.5, "bytes_up": int64(3000), "bytes_down": int64(2000)}
		if n == 2 {
			r["refused"], r["reasons"] = int64(1), "<not finite>"
		}
		s.Add(ev.Rounds, r)
	}
	if s.Add("predictions", nil) {
		t.Error("predictions are a part of a story")
	}
	return &s
}

func TestStory(t *testing.T) {
	s := told(t)
	if got := s.Said(""); got.Count() != 400 || got.Accuracy() != 0.8 || s.Said("node1").Count() != 200 || s.Said("node3").Count() != 0 {
		t.Errorf("%+v", got)
	}
	if up, down := s.Bytes(); up != 9000 || down != 6000 || s.Refused() != 1 {
		t.Errorf("%d up, %d down, %d refused", up, down, s.Refused())
	}
	if names := strings.Join(s.Names(), " "); names != "node1 node2" {
		t.Error(names)
	}
	if first := s.Nodes[0]; first.Tested || first.End != time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("%+v", first)
	}
}

// The report is one page that needs no other file, its text escaped, its pictures
// well-formed; each picture lies beside it as SVG and PNG. That of a run which has told
// nothing is a page, too.
func TestStoryReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "report")
	if err := told(t).Write(dir, []string{"1 < 2 & more"}); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(html)
	for _, want := range []string{"1 &lt; 2 &amp; more", "1 &lt;not finite&gt;", "<title>Electric vehicles", "80.0 %"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, other := range []string{"src=", "http-equiv", "<link", "<script", "url("} {
		if strings.Contains(page, other) {
			t.Errorf("the page asks for more: %q", other)
		}
	}
	for _, part := range strings.SplitAfter(page, "</svg>") {
		if at := strings.Index(part, "<svg"); at >= 0 {
			wellFormed(t, part[at:])
		}
	}
	for _, name := range []string{"accuracy_over_time", "confusion", "change", "traffic"} {
		svg, err := os.ReadFile(filepath.Join(dir, name+".svg"))
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, string(svg))
		picture, err := os.ReadFile(filepath.Join(dir, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := new(ev.Story).Write(t.TempDir(), nil); err != nil {
		t.Error(err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := told(t).Write(blocked, nil); fault.Of(err) != fault.Invalid {
		t.Error(err)
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
