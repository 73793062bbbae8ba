package files

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/idag/idag/internal/store"
	"github.com/idag/idag/rdd"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// testBucket is object storage in this process that can be told to fail.
type testBucket struct {
	how string // behind a path

	mu     sync.Mutex
	refuse func(r *http.Request) bool
}

func serveBucket(t *testing.T) *testBucket {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	b := &testBucket{}
	inner := gofakes3.New(backend).Server()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		no := b.refuse != nil && b.refuse(r)
		b.mu.Unlock()
		if no {
			http.Error(w, "<Error><Code>Odd</Code></Error>", http.StatusBadRequest) // which no client tries again
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	b.how = "?region=here&access_key=k&secret_key=very-secret&endpoint=" + s.URL
	t.Setenv("TMPDIR", t.TempDir())
	return b
}

// failing lets requests of a method fail whose path holds a text.
func (b *testBucket) failing(method, part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = func(r *http.Request) bool { return method == r.Method && strings.Contains(r.URL.Path, part) }
	if method == "" {
		b.refuse = nil
	}
}

// keys lists all objects below s3://data/out.
func (b *testBucket) keys(t *testing.T) string {
	t.Helper()
	var s store.Store
	defer func() { _ = s.Close() }()
	if _, err := s.Add("s3://data" + b.how); err != nil {
		t.Fatal(err)
	}
	var out []string
	if err := s.List(t.Context(), "s3://data/out/", func(i store.Info) error {
		out = append(out, strings.TrimPrefix(i.Path, "s3://data/out/"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func (b *testBucket) sink(t *testing.T, mode string, env Env) (*Sink, error) {
	t.Helper()
	k, err := openSink(rdd.Options{"path": "s3://data/out" + b.how, "mode": mode}, env)
	if err == nil {
		t.Cleanup(func() { _ = k.Close() })
	}
	return k, err
}

// rows reads what is below s3://data/out with a source of ours.
func (b *testBucket) rows(t *testing.T) []string {
	t.Helper()
	return rowsBelow(t, "s3://data/out"+b.how)
}

func rowsBelow(t *testing.T, path string) []string {
	t.Helper()
	s, err := NewSource("text", rdd.Options{"path": []string{path}}, Env{}, lines{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rows, err := readAll(s, checked(t), rdd.Size{}, "line")
	if err != nil {
		if strings.Contains(err.Error(), "no text files here") {
			return nil
		}
		t.Fatal(err)
	}
	var out []string
	for _, r := range rowsOf(rows) {
		if !strings.HasSuffix(r, " n") { // the header
			out = append(out, r)
		}
	}
	return out
}

const markerKey = "_committed/_idag.json"

// TestObjectPublish proves the layout in object storage, that a second
// publication changes nothing, and that nothing stays on the disk.
func TestObjectPublish(t *testing.T) {
	b := serveBucket(t)
	k, err := b.sink(t, modeError, sinkEnv())
	if err != nil {
		t.Fatal(err)
	}
	parts := []rdd.Staged{
		stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {1, 2}, 1: {3}}),
		stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {4}}), // of the same name
	}
	if got := b.keys(t); got != "" {
		t.Errorf("before the publication there is %s", got)
	}
	want := "_committed/_idag.json _committed/batch=000001 batch=000001/label=back%2Fup/part-0-0-00000-00000.txt " +
		"batch=000001/label=error/part-0-0-00000-00000-1.txt batch=000001/label=error/part-0-0-00000-00000.txt"
	for range 2 {
		if err := k.Publish(t.Context(), commit(1, 1), parts); err != nil {
			t.Fatal(err)
		}
		if got := b.keys(t); got != want {
			t.Errorf("there is %s", got)
		}
	}
	other := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{2: {9}})
	if err := k.Publish(t.Context(), commit(1, 2), []rdd.Staged{other}); err != nil || b.keys(t) != want {
		t.Errorf("other parts: %v, there is %s", err, b.keys(t))
	}
	wantInvalid(t, k.Publish(t.Context(), commit(2, 1), []rdd.Staged{other}), "newer driver")
	if got := strings.Join(b.rows(t), " "); got != "3 4 1 2" {
		t.Errorf("read %s", got)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(localDesk()); err != nil || len(left) > 0 {
		t.Errorf("on the disk there is %v, %v", left, err)
	}
}

// TestObjectHalf proves that readers of ours see nothing of a batch whose
// publication fails, wherever it fails, and that the next try, with the same
// parts or others, leaves its own and nothing else.
func TestObjectHalf(t *testing.T) {
	for part, method := range map[string]string{
		markerKey:                  http.MethodPut,
		"label=error/":             http.MethodPut,
		"_committed/batch=000001":  http.MethodPut,
		"_committed/batch=000001 ": "stray", // the removal of what is too much
	} {
		for _, restage := range []bool{false, true} {
			b := serveBucket(t)
			k, err := b.sink(t, modeError, sinkEnv())
			if err != nil {
				t.Fatal(err)
			}
			parts := []rdd.Staged{
				stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1}, 2: {5}}),
				stageNumbers(t, k, rdd.Block{Batch: 1, Task: 1}, map[int][]int64{0: {2}}),
			}
			b.failing(method, part)
			if method == "stray" {
				b.failing(http.MethodPut, "_committed/batch=000001")
			}
			if err := k.Publish(t.Context(), commit(1, 1), parts); err == nil || strings.Contains(err.Error(), "very-secret") {
				t.Fatalf("%s: %v", part, err)
			}
			if got := b.rows(t); got != nil {
				t.Errorf("%s: half a batch is read: %v", part, got)
			}
			want := "1 2 5"
			if restage {
				parts[0], want = stageNumbers(t, k, rdd.Block{Batch: 1, Task: 0}, map[int][]int64{0: {1}}), "1 2"
			}
			if method == "stray" && restage {
				b.failing(http.MethodDelete, "batch=000001")
				if err := k.Publish(t.Context(), commit(1, 1), parts); err == nil || b.rows(t) != nil {
					t.Fatalf("%s: %v, read %v", part, err, b.rows(t))
				}
			}
			b.failing("", "")
			if err := k.Publish(t.Context(), commit(1, 1), parts); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(b.rows(t), " "); got != want || restage && strings.Contains(b.keys(t), "information") {
				t.Errorf("%s: read %s, there is %s", part, got, b.keys(t))
			}
		}
	}
}

// TestObjectModes proves which places a run may write into.
func TestObjectModes(t *testing.T) {
	b := serveBucket(t)
	run := func(mode string, number int64, resume bool) (*Sink, error) {
		env := sinkEnv()
		env.Run, env.Resume, env.Published = number, resume, resume
		return b.sink(t, mode, env)
	}
	publish := func(k *Sink, batch rdd.BatchID) error {
		p := stageNumbers(t, k, rdd.Block{Batch: batch}, map[int][]int64{0: {int64(batch)}})
		return k.Publish(t.Context(), commit(batch, k.env.Run), []rdd.Staged{p})
	}
	first, err := run(modeError, 10, false)
	if err != nil {
		t.Fatal(err)
	}
	rival, err := run(modeError, 11, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(first, 1); err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, publish(rival, 1), "another run")
	_, err = run(modeError, 20, false)
	wantInvalid(t, err, "s3://data/out", "earlier run")
	_, err = run(modeOverwrite, 20, false)
	wantInvalid(t, err, "overwrite", "object storage")
	_, err = run(modeError, 5, true)
	wantInvalid(t, err, "is gone")
	again, err := run(modeError, 10, true)
	if err != nil {
		t.Fatal(err)
	}
	for batch := range rdd.BatchID(2) {
		if err := publish(again, batch+1); err != nil {
			t.Fatal(err)
		}
	}
	beside, err := run(modeAppend, 30, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(beside, 7); err != nil {
		t.Fatal(err)
	}
	if keys := b.keys(t); !strings.Contains(keys, "job=job/run=30/_committed/batch=000007 job=job/run=30/batch=000007/label=error/part") {
		t.Errorf("there is %s", keys)
	}
}

// TestObjectRace proves that of two that publish one batch at the same time one
// wins, and that both are content.
func TestObjectRace(t *testing.T) {
	b := serveBucket(t)
	first, err := b.sink(t, modeError, sinkEnv())
	if err != nil {
		t.Fatal(err)
	}
	env := sinkEnv()
	env.Resume = true
	second, err := b.sink(t, modeError, env)
	if err != nil {
		t.Fatal(err)
	}
	mine := stageNumbers(t, first, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	other := stageNumbers(t, second, rdd.Block{Batch: 1}, map[int][]int64{0: {1}})
	first.env.Point = func(string) {
		if err := second.Publish(context.Background(), commit(1, 1), []rdd.Staged{other}); err != nil {
			t.Error(err)
		}
	}
	if err := first.Publish(t.Context(), commit(1, 1), []rdd.Staged{mine}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(b.rows(t), " "); got != "1" {
		t.Errorf("read %s", got)
	}
}

// TestCommits proves which objects are read beside commit objects, and that those
// that no sink has written are read as ever.
func TestCommits(t *testing.T) {
	var c commits
	if !c.has("batch=000001/x") {
		t.Error("without any commit object a batch is not read")
	}
	for _, rel := range []string{"_committed/batch=000001", "a/job=x/run=1/_committed/_idag.json", "b/_committed/batch=000003", "_committed"} {
		c.note(rel)
	}
	for rel, want := range map[string]bool{
		"batch=000001/label=a/x": true, "batch=000002/label=a/x": false, "batch=x/label=a/x": true, "batch=000002": true, "x": true,
		"a/job=x/run=1/batch=000001/x": false, "a/job=x/run=2/batch=000001/x": true, "b/batch=000003/x": true, "b/batch=000001/x": false,
	} {
		if c.has(rel) != want {
			t.Errorf("%s: %t", rel, !want)
		}
	}
}

// TestWholeBucket proves that a bucket without a path is written and read too.
func TestWholeBucket(t *testing.T) {
	b := serveBucket(t)
	k, err := openSink(rdd.Options{"path": "s3://data" + b.how}, sinkEnv())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	p := stageNumbers(t, k, rdd.Block{Batch: 1}, map[int][]int64{0: {7}})
	if err := k.Publish(t.Context(), commit(1, 1), []rdd.Staged{p}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"s3://data", "s3://data/", "s3://data/batch=*/**"} {
		rows, err := readAll(open(t, rdd.Options{"path": path + b.how}, lines{}), checked(t), rdd.Size{}, "line")
		if err != nil {
			t.Fatal(path, err)
		}
		wantRows(t, rows, "error n", "7")
	}
}
