package json_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	arrowmem "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/idag/idag/connectors"
	"github.com/idag/idag/connectors/json"
	"github.com/idag/idag/connectors/memory"
	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/internal/jobfile"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

const throughObjects = `
job: objects
labels: [error, backup, information]
vars: {from: "", to: ""}
settings: {batch_rows: 40}
datasets:
  events:
    - read: {json: "${from}"}
    - tag: {column: kind, identity: [n]}
    - write: {json: "${to}"}
`

// failingBucket serves a bucket called data with 200 rows below in/. Writes fail
// with the status by their number.
func failingBucket(t *testing.T, status int, fails func(n int64) bool) (how string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for n := range 200 {
		fmt.Fprintf(&text, `{"kind":%q,"n":%d}`+"\n", []string{"error", "information"}[n%2], n)
		if n%20 == 19 {
			key := fmt.Sprintf("in/%03d.jsonl", n)
			if _, err := backend.PutObject("data", key, nil, strings.NewReader(text.String()), int64(text.Len()), nil); err != nil {
				t.Fatal(err)
			}
			text.Reset()
		}
	}
	s3 := gofakes3.New(backend).Server()
	var puts atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || !fails(puts.Add(1)) {
			s3.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", map[int]string{400: "Odd", 403: "AccessDenied"}[status])
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return "?region=here&access_key=k&secret_key=very-secret&endpoint=" + server.URL
}

// TestObjects proves that a job that reads from object storage and writes to it
// comes through a storage that fails in the middle of publications: through
// failures that pass by itself, after those that stop it with its ledger, and
// that either way every row is there once.
func TestObjects(t *testing.T) {
	log.SetOutput(io.Discard) // the server's, of clients that hang up
	defer log.SetOutput(os.Stderr)
	for status, fails := range map[int]func(n int64) bool{
		http.StatusBadRequest: func(n int64) bool { return n%5 == 0 },
		http.StatusForbidden:  func(n int64) bool { return n == 2 || n == 9 || n == 21 || n == 22 },
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			how := failingBucket(t, status, fails)
			ledger, runs := t.TempDir(), 0
			for ; ; runs++ {
				err := runObjects(t, "s3://data/in"+how, "s3://data/out"+how, "json", ledger)
				if err == nil {
					break
				}
				if fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "very-secret") || runs > 50 {
					t.Fatal(err)
				}
			}
			if stops := status == http.StatusForbidden; stops != (runs > 0) {
				t.Errorf("%d runs failed", runs)
			}
			store := memory.NewStore(arrowmem.DefaultAllocator)
			defer store.Release()
			if err := runObjects(t, "s3://data/out"+how, "rows", "memory", "", store.Kind()); err != nil {
				t.Fatal(err)
			}
			different := map[any]bool{}
			for _, r := range store.Rows("rows") {
				different[r.Values["n"]] = true
			}
			if rows := len(store.Rows("rows")); rows != 200 || len(different) != 200 {
				t.Errorf("%d rows, %d different ones", rows, len(different))
			}
		})
	}
}

func runObjects(t *testing.T, from, to, sink, ledger string, more ...connectors.Kind) error {
	t.Helper()
	mem := arrowmem.NewCheckedAllocator(arrowmem.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	kinds := connectors.NewRegistry(append(more, json.Kind())...)
	src := strings.Replace(throughObjects, "write: {json", "write: {"+sink, 1)
	job, err := jobfile.Parse("job.yaml", []byte(src), map[string]string{"from": from, "to": to}, kinds)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Run(t.Context(), job, engine.Config{Executors: 2, Kinds: kinds, Ledger: ledger, Mem: mem})
	return err
}
