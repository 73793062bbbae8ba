package files

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// followed is a source that follows a directory, and how far it was cut.
type followed struct {
	t     *testing.T
	s     *Source
	from  rdd.Offset
	clock time.Time
}

// follow opens a source whose clock stands where the test puts it.
func follow(t *testing.T, root, state string, from rdd.Offset) *followed {
	t.Helper()
	o := rdd.Options{"path": []string{root}, "follow": true, "settle": time.Second, "poll": time.Duration(0), "hive_partitioning": true}
	s, err := NewSource("text", o, Env{State: state}, lines{})
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{t: t, s: s, from: from, clock: time.Now()}
	s.follow.now = func() time.Time { return f.clock }
	t.Cleanup(func() { _ = s.Close() })
	return f
}

// put makes a file that was last changed some time ago.
func (f *followed) put(path, content string, ago time.Duration) {
	f.t.Helper()
	save(f.t, path, content)
	at := f.clock.Add(-ago)
	if err := os.Chtimes(path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

// cut lets a minute pass and returns the rows that have come.
func (f *followed) cut(wish rdd.Size) (string, error) {
	f.t.Helper()
	f.clock = f.clock.Add(time.Minute)
	splits, next, err := f.s.Cut(f.t.Context(), f.from, wish)
	if err != nil {
		return "", err
	}
	f.from = next
	var out []string
	for _, split := range splits {
		rows, err := readSplit(f.s, split, rdd.Projection{Columns: []string{"line"}, Rows: 8})
		if err != nil {
			return "", err
		}
		out = append(out, rowsOf(rows)...)
	}
	return strings.Join(out, " "), nil
}

func (f *followed) want(want string) {
	f.t.Helper()
	if got, err := f.cut(rdd.Size{}); err != nil || got != want {
		f.t.Errorf("cut %q, %v, want %q", got, err, want)
	}
}

// TestFollow proves that files are taken in the order in which they were last
// changed, then by name, each once, wherever they come in below the directory.
func TestFollow(t *testing.T) {
	root := t.TempDir()
	f := follow(t, root, "", "")
	if _, err := f.s.Schema(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.want("")
	f.put(filepath.Join(root, "b.txt"), "b1\nb2\n", time.Hour)
	f.put(filepath.Join(root, "a.txt"), "a\n", time.Minute)
	f.put(filepath.Join(root, "c.txt"), "c\n", time.Hour)
	for _, ignored := range []string{".d", "_e", "f.tmp", "g.txt.part", "h.crdownload", "i.txt~", "_j/k.txt"} {
		f.put(filepath.Join(root, ignored), "no\n", time.Hour)
	}
	f.put(filepath.Join(root, "empty.txt"), "", time.Hour)
	f.want("b1 b2 c a")
	f.want("")
	f.put(filepath.Join(root, "new", "d.txt"), "d\n", 24*time.Hour) // moved in late, with an old time
	f.want("d")
	f.put(filepath.Join(root, "empty.txt"), "e\n", 0)
	f.want("e")
}

// TestSettle proves that a file is taken when it has not changed for a while by
// its own time or ours, and not before.
func TestSettle(t *testing.T) {
	root := t.TempDir()
	f := follow(t, root, "", "")
	look := func(after time.Duration, want string) {
		t.Helper()
		f.clock = f.clock.Add(after - time.Minute)
		f.want(want)
	}
	look(0, "")
	f.put(filepath.Join(root, "a.txt"), "a\n", 0)
	f.put(filepath.Join(root, "future.txt"), "f\n", -time.Hour)
	look(100*time.Millisecond, "")
	f.put(filepath.Join(root, "a.txt"), "a\na\n", 0)
	f.put(filepath.Join(root, "old.txt"), "o\n", time.Hour)
	look(950*time.Millisecond, "o")
	look(100*time.Millisecond, "a a f")
}

// TestGrows proves that what a file of lines grows by is read once, that one that
// was taken in the middle of a line is an error, and that another file of the
// same name is another file.
func TestGrows(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a.txt")
	f := follow(t, root, "", "")
	f.put(path, "1\n22\n", 0)
	f.want("1 22")
	f.put(path, "1\n22\n333", 0)
	f.want("333")
	if err := os.Chtimes(path, f.clock, f.clock); err != nil { // touched
		t.Fatal(err)
	}
	f.want("")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.put(path, "new\nfile\nlonger\n", 0)
	f.want("new file longer")
	f.put(path, "short\n", 0) // truncated and written anew
	f.want("short")
	if err := os.Rename(path, filepath.Join(root, "b.txt")); err != nil {
		t.Fatal(err)
	}
	f.want("short") // by name, this is another file
	f.put(filepath.Join(root, "b.txt"), "short\nhalf", 0)
	f.want("half")
	f.put(filepath.Join(root, "b.txt"), "short\nhalf a line\n", 0)
	_, err := f.cut(rdd.Size{})
	wantInvalid(t, err, "b.txt", "byte 10", "settle")
	saveBytes(t, filepath.Join(root, "b.txt"), nil)

	packed := filepath.Join(root, "c.txt.gz")
	f.put(packed, string(gzipBytes(t, "packed\n")), 0)
	f.want("packed")
	f.put(packed, string(append(gzipBytes(t, "packed\n"), gzipBytes(t, "more\n")...)), 0)
	_, err = f.cut(rdd.Size{})
	wantInvalid(t, err, packed, "has grown")
}

// TestFollowResumed proves that a run that goes on takes what came meanwhile and
// nothing twice, wherever it was stopped, even inside of a file, and whatever has
// gone; that its columns stay; and that its offsets stay small.
func TestFollowResumed(t *testing.T) {
	root, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	f := follow(t, root, state, "")
	f.put(filepath.Join(root, "day=1", "a.txt"), strings.Repeat("aaaa\n", 4), time.Hour)
	f.put(filepath.Join(root, "day=1", "b.txt"), "b\n", time.Minute)
	schema, err := f.s.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("planning left a trace: %v", err)
	}
	if got, err := f.cut(rdd.Size{Bytes: 10}); err != nil || got != "aaaa aaaa" {
		t.Fatal(got, err)
	}
	f = follow(t, root, state, f.from)
	if again, err := f.s.Schema(t.Context()); err != nil || !again.Equal(schema) || !arrow.TypeEqual(again.Field(2).Type, arrow.PrimitiveTypes.Int64) {
		t.Errorf("the columns were %s and are %s, %v", schema, again, err)
	}
	f.put(filepath.Join(root, "day=2", "0.txt"), "moved in\n", 2*time.Hour)
	f.want("aaaa aaaa b moved in")
	if err := os.Remove(filepath.Join(root, "day=1", "a.txt")); err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(state, journalFile)
	torn, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = torn.WriteString(`{"path":"half`)
	if err := errors.Join(err, torn.Close()); err != nil {
		t.Fatal(err)
	}
	f = follow(t, root, state, f.from)
	f.want("")
	f.put(filepath.Join(root, "day=3", "c.txt"), "c\n", 0)
	f.want("c")
	if len(f.from) > 80 {
		t.Errorf("the offset is %s", f.from)
	}
	f.put(filepath.Join(root, "day=x", "d.txt"), "d\n", 0)
	_, err = f.cut(rdd.Size{})
	wantInvalid(t, err, "day=x", "whole numbers")
	save(t, journal, "{}\nx\n")
	_, err = follow(t, root, state, f.from).s.Schema(t.Context())
	wantInvalid(t, err, journal, "line 2")
}

// TestWatched proves that a file is found long before the next poll where the
// system tells of it.
func TestWatched(t *testing.T) {
	root := t.TempDir()
	o := rdd.Options{"path": []string{root}, "follow": true, "settle": time.Duration(0), "poll": time.Hour}
	s, err := NewSource("text", o, Env{}, lines{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if splits, _, err := s.Cut(t.Context(), "", rdd.Size{}); err != nil || len(splits) > 0 {
		t.Fatal(splits, err)
	}
	if s.follow.watch == nil {
		t.Skip("the system does not tell of changes")
	}
	save(t, filepath.Join(root, "sub", "a.txt"), "a\n")
	for range 500 {
		splits, _, err := s.Cut(t.Context(), "", rdd.Size{})
		if err != nil {
			t.Fatal(err)
		}
		if len(splits) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it was not found in 5 seconds")
}
