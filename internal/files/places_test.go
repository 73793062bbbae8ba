package files

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/rdd"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// bucket is object storage in this process.
type bucket struct {
	t   *testing.T
	s3  *s3mem.Backend
	how string // it is reached
}

func serve(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{t: t, s3: s3mem.New()}
	if err := b.s3.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(b.s3).Server())
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	b.how = "?endpoint=" + s.URL + "&region=here&access_key=key&secret_key=very-secret"
	return b
}

func (b *bucket) put(key, content string) {
	b.t.Helper()
	if _, err := b.s3.PutObject("data", key, nil, strings.NewReader(content), int64(len(content)), nil); err != nil {
		b.t.Fatal(err)
	}
}

// TestObjects proves that objects read as files do: directories, patterns, keys
// of directories, packed ones, split ones; and that splits name neither how the
// bucket is reached nor a secret.
func TestObjects(t *testing.T) {
	b := serve(t)
	b.put("logs/day=1/a.txt", "one\ntwo\n")
	b.put("logs/day=2/b.txt.gz", string(gzipBytes(t, "three\n")))
	b.put("logs/_hidden/c.txt", "no\n")
	b.put("logs/day=2/", "")
	b.put("logs2/d.txt", "no\n")
	for path, want := range map[string]string{
		"s3://data/logs": "one|1 two|1 three|2", "s3://data/logs/*/a.*": "one|1 two|1", "s3://data/logs/day={2,3}/*": "three|2",
	} {
		if strings.Contains(path, "{") { // the key is in the fixed part of the pattern
			want = "three"
		}
		s := open(t, rdd.Options{"path": path + b.how}, lines{})
		columns := []string{"line", "day"}
		if want == "three" {
			columns = columns[:1]
		}
		rows, err := readAll(s, checked(t), rdd.Size{Bytes: 3}, columns...)
		if err != nil {
			t.Fatal(path, err)
		}
		if got := strings.Join(rowsOf(rows), " "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		splits, err := cutAll(s, rdd.Size{})
		if err != nil {
			t.Fatal(err)
		}
		for _, split := range splits {
			if text := split.Name + string(split.Payload); strings.Contains(text, "secret") || strings.Contains(text, "?") {
				t.Error(text)
			}
		}
	}
	for path, words := range map[string]string{"s3://data/none": "no text files", "s3://none/x": "no such object or bucket", "ftp://data/x": "file://"} {
		s, err := NewSource("text", rdd.Options{"path": []string{path + b.how}}, Env{}, lines{})
		if err == nil {
			_, err = s.Schema(t.Context())
			_ = s.Close()
		}
		wantInvalid(t, err, path, words)
		if strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
	local := save(t, t.TempDir()+"/a.txt", "local\n")
	rows, err := readAll(open(t, rdd.Options{"path": "file://" + local}, lines{}), checked(t), rdd.Size{}, "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "local")
}

// TestObjectChanged proves that an object that was replaced by a smaller one
// after it was planned is an error.
func TestObjectChanged(t *testing.T) {
	b := serve(t)
	b.put("a.txt", "one\ntwo\n")
	s := open(t, rdd.Options{"path": "s3://data/a.txt" + b.how}, lines{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	b.put("a.txt", "one\n")
	_, err = readSplit(s, splits[0], rdd.Projection{Columns: []string{"line"}, Rows: 8})
	wantInvalid(t, err, "s3://data/a.txt", "shrunk")
}

// TestFollowObjects proves that new objects are found, each once.
func TestFollowObjects(t *testing.T) {
	b := serve(t)
	b.put("in/a.txt", "a\n")
	f := follow(t, "s3://data/in"+b.how, "", "")
	f.want("a")
	f.want("")
	b.put("in/b.txt", "b\n")
	f.clock = f.clock.Add(time.Hour)
	f.want("b")
	f.want("")
}
