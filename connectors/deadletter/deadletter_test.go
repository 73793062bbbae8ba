package deadletter_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/deadletter"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letter is one row as the executor hands it over; empty text is null.
type letter struct {
	reason, original string
	offset           int64
}

func open(t *testing.T, dir string) connectors.Sink {
	t.Helper()
	s, err := deadletter.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// stream gives letters one frame each, and then an error where there is one.
func stream(t *testing.T, letters []letter, err error) rdd.Stream {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "reason", Type: arrow.BinaryTypes.String},
		{Name: "offset", Type: arrow.PrimitiveTypes.Int64},
		{Name: "time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: "error", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "original", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	return func(yield func(*rdd.Frame, error) bool) {
		for _, l := range letters {
			b := array.NewRecordBuilder(mem, schema)
			b.Field(0).(*array.StringBuilder).Append(l.reason)
			b.Field(1).(*array.Int64Builder).Append(l.offset)
			b.Field(2).(*array.TimestampBuilder).Append(1_700_000_000_000_001)
			b.Field(3).AppendNull()
			if l.original == "" {
				b.Field(4).AppendNull()
			} else {
				b.Field(4).(*array.StringBuilder).Append(l.original)
			}
			batch := b.NewRecordBatch()
			b.Release()
			more := yield(&rdd.Frame{Batch: batch}, nil)
			batch.Release()
			if !more {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func stage(t *testing.T, s connectors.Sink, batch rdd.BatchID, task int, letters ...letter) rdd.Staged {
	t.Helper()
	st, err := s.Stage(t.Context(), rdd.Block{Batch: batch, Task: task}, stream(t, letters, nil))
	if err != nil {
		t.Fatal(err)
	}
	if st.Rows != int64(len(letters)) {
		t.Errorf("staged %d rows of %d", st.Rows, len(letters))
	}
	return st
}

func publish(t *testing.T, s connectors.Sink, batch rdd.BatchID, parts ...rdd.Staged) {
	t.Helper()
	if err := s.Publish(t.Context(), rdd.Commit{Batch: batch}, parts); err != nil {
		t.Fatal(err)
	}
}

// files are the names of what a reader sees in dir.
func files(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		if e.Name() != ".staging" {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Nothing is seen before it is published; then the parts of a batch are one
// file, a line a letter, with the event nested and nulls left out.
func TestPublish(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "letters")
	s := open(t, dir)
	a := stage(t, s, 3, 0, letter{"late", `{"meter":"m1","wh":2.5}`, 7}, letter{"strict", `not {json`, 8})
	b := stage(t, s, 3, 1, letter{"abnormal tag", "", 9})
	if got := files(t, dir); got != "" {
		t.Errorf("before the batch is published a reader sees %s", got)
	}
	publish(t, s, 3, a, b)
	if got := files(t, dir); got != "batch-000003.jsonl" {
		t.Errorf("a reader sees %s", got)
	}
	const want = `{"offset":7,"original":{"meter":"m1","wh":2.5},"reason":"late","time":"2023-11-14T22:13:20.000001Z"}
{"offset":8,"original":"not {json","reason":"strict","time":"2023-11-14T22:13:20.000001Z"}
{"offset":9,"reason":"abnormal tag","time":"2023-11-14T22:13:20.000001Z"}
`
	if got := read(t, dir, "batch-000003.jsonl"); got != want {
		t.Errorf("the file is\n%swant\n%s", got, want)
	}
	if int64(len(want)) != a.Bytes+b.Bytes {
		t.Errorf("the parts say %d bytes, the file has %d", a.Bytes+b.Bytes, len(want))
	}
}

// Letters are for people too: what an author wrote is not escaped as if for a
// web page.
func TestLettersAreReadable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	publish(t, s, 1, stage(t, s, 1, 0, letter{"strict", `{"a":"x < y & z"}`, 1}))
	if got := read(t, dir, "batch-000001.jsonl"); !strings.Contains(got, "x < y & z") || !json.Valid([]byte(got)) {
		t.Errorf("the letter reads %s", got)
	}
}

// The first publication of a batch wins, whatever a second brings: its own
// parts again, those of a second run of the task, or none.
func TestFirstPublicationWins(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := stage(t, s, 1, 0, letter{"late", "", 1})
	again := stage(t, s, 1, 0, letter{"late", "", 2})
	publish(t, s, 1, first)
	want := read(t, dir, "batch-000001.jsonl")
	for name, parts := range map[string][]rdd.Staged{"the same parts": {first}, "other parts": {again}, "no parts": nil} {
		publish(t, s, 1, parts...)
		if got := read(t, dir, "batch-000001.jsonl"); got != want {
			t.Errorf("a second publication with %s left\n%s", name, got)
		}
	}
	if left, err := os.ReadDir(filepath.Join(dir, ".staging")); err != nil || len(left) > 0 {
		t.Errorf("left in staging: %v, %v", left, err)
	}
}

// A part that has gone is told, not passed over: the letters in it would be
// lost in silence. When it has been made again the batch can be published.
func TestLostPart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := stage(t, s, 1, 0, letter{"late", "", 1}), stage(t, s, 1, 1, letter{"late", "", 2})
	var p struct{ File string }
	if err := json.Unmarshal(b.Part, &p); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, ".staging", p.File)); err != nil {
		t.Fatal(err)
	}
	err := s.Publish(t.Context(), rdd.Commit{Batch: 1}, []rdd.Staged{a, b})
	if fault.Of(err) != fault.Lost {
		t.Fatalf("publishing a lost part: %v, want a %s", err, fault.Lost)
	}
	if got := files(t, dir); got != "" {
		t.Errorf("half a batch is seen: %s", got)
	}
	publish(t, s, 1, a, stage(t, s, 1, 1, letter{"late", "", 2}))
	if got := strings.Count(read(t, dir, "batch-000001.jsonl"), "\n"); got != 2 {
		t.Errorf("%d letters, want 2", got)
	}
}

// A writer whose time is over is refused.
func TestEpochs(t *testing.T) {
	s := open(t, t.TempDir())
	st := stage(t, s, 1, 0, letter{"late", "", 1})
	if err := s.Publish(t.Context(), rdd.Commit{Batch: 1, Epoch: 2}, []rdd.Staged{st}); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), rdd.Commit{Batch: 2, Epoch: 1}, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("a lower epoch: %v, want %s", err, fault.Invalid)
	}
}

// What a run staged and did not publish is gone in the next, a torn file too;
// what it published stays until the batch is published anew.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s, err := deadletter.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, 1, stage(t, s, 1, 0, letter{"late", "", 1}))
	stage(t, s, 2, 0, letter{"late", "", 2})
	torn := filepath.Join(dir, ".staging", "batch-000002-stage-0-task-1.jsonl")
	if err := os.WriteFile(torn, []byte(`{"reason":"la`), 0o666); err != nil {
		t.Fatal(err)
	}
	// The run ends here without Close, as if killed.
	s = open(t, dir)
	if left, err := os.ReadDir(filepath.Join(dir, ".staging")); err != nil || len(left) > 0 {
		t.Errorf("after opening again the staging holds %v, %v", left, err)
	}
	if got := files(t, dir); got != "batch-000001.jsonl" {
		t.Errorf("a reader sees %s", got)
	}
	publish(t, s, 1, stage(t, s, 1, 0, letter{"strict", "", 5}))
	if got := read(t, dir, "batch-000001.jsonl"); !strings.Contains(got, "strict") || strings.Contains(got, "late") {
		t.Errorf("the batch of the new run is\n%s", got)
	}
}

// Input that breaks off leaves no part behind, and its error comes through.
func TestBrokenInput(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	broken := fault.New(fault.Lost, "the source is gone")
	_, err := s.Stage(t.Context(), rdd.Block{Batch: 1}, stream(t, []letter{{"late", "", 1}}, broken))
	if !errors.Is(err, broken) || fault.Of(err) != fault.Lost {
		t.Errorf("the error is %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, ".staging")); err != nil || len(left) > 0 {
		t.Errorf("left in staging: %v, %v", left, err)
	}
}

// Places that cannot be written are the user's to mend when the sink is opened;
// later they may come back.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := deadletter.Open(dir); fault.Of(err) != fault.Invalid {
			t.Errorf("opening %s: %v, want %s", dir, err, fault.Invalid)
		}
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.RemoveAll(filepath.Join(dir, ".staging")); err != nil {
		t.Fatal(err)
	}
	_, err := s.Stage(context.Background(), rdd.Block{Batch: 1}, stream(t, nil, nil))
	if fault.Of(err) != fault.Retry {
		t.Errorf("staging without a directory: %v, want %s", err, fault.Retry)
	}
}

// A part that is not ours is a bug, and cannot name a file elsewhere.
func TestForeignPart(t *testing.T) {
	s := open(t, t.TempDir())
	for _, c := range []struct {
		part string
		want fault.Kind
	}{{`[`, fault.Bug}, {`{"file":"../../etc/passwd"}`, fault.Lost}} {
		err := s.Publish(t.Context(), rdd.Commit{Batch: 1}, []rdd.Staged{{Part: json.RawMessage(c.part)}})
		if fault.Of(err) != c.want || err == nil {
			t.Errorf("part %s: %v, want %s", c.part, err, c.want)
		}
	}
}

// A publication without parts, of a batch that an earlier process of the run
// has published, leaves its letters alone.
func TestNoPartsReplaceNothing(t *testing.T) {
	dir := t.TempDir()
	s, err := deadletter.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, 1, stage(t, s, 1, 0, letter{"late", "", 1}))
	want := read(t, dir, "batch-000001.jsonl")
	s = open(t, dir)
	publish(t, s, 1)
	publish(t, s, 2)
	if got := read(t, dir, "batch-000001.jsonl"); got != want {
		t.Errorf("the letters are\n%swant\n%s", got, want)
	}
	if got := files(t, dir); got != "batch-000001.jsonl" {
		t.Errorf("a reader sees %s", got)
	}
}
