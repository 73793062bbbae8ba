package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// TestHive proves that directories become typed columns, last in the schema.
func TestHive(t *testing.T) {
	root := t.TempDir()
	save(t, filepath.Join(root, "n=1", "line=x%20y", "a.txt"), "one\ntwo\n")
	save(t, filepath.Join(root, "n="+HiveNull, "line=z", "b.txt"), "three\n")
	rows, err := readAll(open(t, rdd.Options{"path": root}, lines{}), checked(t), rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "one|1|x y", "one|1|x y", "three|(null)|z")
	rows, err = readAll(open(t, rdd.Options{"path": root}, lines{}), checked(t), rdd.Size{}, "n", "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "1|x y", "1|x y", "(null)|z")
	rows, err = readAll(open(t, rdd.Options{"path": root, "hive_partitioning": false}, lines{}), checked(t), rdd.Size{}, "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "one", "two", "three")

	save(t, filepath.Join(root, "c.txt"), "four\n")
	_, err = open(t, rdd.Options{"path": root}, lines{}).Schema(t.Context())
	wantInvalid(t, err, `column "n"`, "c.txt", "union_by_name")
	rows, err = readAll(open(t, rdd.Options{"path": root, "union_by_name": true}, lines{}), checked(t), rdd.Size{}, "head", "n", "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "four|(null)|(null)", "one|1|x y", "one|1|x y", "three|(null)|z")
}

// TestCuts proves, for any lines and any wish, that the splits of a file read as
// the whole file does: every line once, in sequence, with the offset of its
// first byte and the file's first line at hand; and that a split reads as the
// same rows again.
func TestCuts(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.StringMatching(`[x-z]{0,12}`), 0, 40).Draw(t, "lines")
		content := strings.Join(all, "\n")
		path := filepath.Join(dir, "a.txt")
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := NewSource("text", rdd.Options{"path": []string{path}}, Env{}, lines{})
		if err != nil {
			t.Fatal(err)
		}
		wish := rdd.Size{Bytes: rapid.Int64Range(0, 40).Draw(t, "bytes"), Rows: rapid.Int64Range(0, 5).Draw(t, "rows")}
		splits, err := cutAll(s, wish)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []text
		for i, split := range splits {
			if split.Last != (i == len(splits)-1) || split.Partition != 0 || split.Rows != -1 {
				t.Fatalf("split %d of %d: %+v", i, len(splits), split)
			}
			for range 2 {
				n := len(got)
				rows, err := readSplit(s, split, rdd.Projection{Columns: []string{"line", "head"}, Rows: 2})
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got[:n:n], rows...); len(rows) > 0 && rows[0].seq < split.First {
					t.Fatalf("a split from %d has a row at %d", split.First, rows[0].seq)
				}
				got = got[:n+len(rows)]
			}
			got = got[:len(got):len(got)]
		}
		at := int64(0)
		for i, line := range all {
			if i < len(all)-1 || line != "" { // nothing after the last end of line is no line
				want = append(want, text{0, at, line + "|" + all[0]})
			}
			at += int64(len(line)) + 1
		}
		if fmt.Sprint(dedupe(got)) != fmt.Sprint(want) {
			t.Fatalf("read %v, want %v", got, want)
		}
	})
}

// dedupe drops the second reading of each split.
func dedupe(list []text) []text {
	var out []text
	seen := map[int64]bool{}
	for _, x := range list {
		if !seen[x.seq] {
			seen[x.seq] = true
			out = append(out, x)
		}
	}
	return out
}

func gzipBytes(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstdBytes(t testing.TB, content string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	return w.EncodeAll([]byte(content), nil)
}

// TestPacked proves that packed files read as their content, by whatever name,
// several members too, and are one split each.
func TestPacked(t *testing.T) {
	root := t.TempDir()
	saveBytes(t, filepath.Join(root, "a.gz"), append(gzipBytes(t, "one\ntw"), gzipBytes(t, "o\n")...))
	saveBytes(t, filepath.Join(root, "b.txt"), gzipBytes(t, "three\n"))
	saveBytes(t, filepath.Join(root, "c.ZST"), append(zstdBytes(t, "four\n"), zstdBytes(t, "bad\nfive")...))
	saveBytes(t, filepath.Join(root, "d.zst"), nil)
	s := open(t, rdd.Options{"path": root}, lines{})
	rows, err := readAll(s, checked(t), rdd.Size{Bytes: 1}, "line")
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "one", "two", "three", "!bad", "four", "five")
	if rows[5].seq != 9 || rows[5].partition != 2 {
		t.Errorf("the last row is %+v", rows[5])
	}
	for name, content := range map[string]string{"x.gz": "plain", "x.zst": "plain", "x.bz2": "plain", "x.xz": "\xfd7zXZ\x00"} {
		path := save(t, filepath.Join(t.TempDir(), name), content)
		_, err := open(t, rdd.Options{"path": path}, lines{}).Schema(t.Context())
		wantInvalid(t, err, path)
	}
}

// TestBroken proves that a packed file that is cut off or spoilt is an error that
// says up to where it could be read.
func TestBroken(t *testing.T) {
	var content strings.Builder
	for i := range 100_000 {
		fmt.Fprintln(&content, i)
	}
	for name, whole := range map[string][]byte{"a.gz": gzipBytes(t, content.String()), "a.zst": zstdBytes(t, content.String())} {
		spoilt := bytes.Clone(whole)
		spoilt[len(spoilt)-3] ^= 0xff
		for what, b := range map[string][]byte{"cut off": whole[:len(whole)/2], "cut in its head": whole[:5], "spoilt": spoilt} {
			path := saveBytes(t, filepath.Join(t.TempDir(), name), b)
			_, err := readAll(open(t, rdd.Options{"path": path}, lines{}), checked(t), rdd.Size{}, "line")
			if err == nil {
				t.Fatalf("%s %s: no error", name, what)
			}
			wantInvalid(t, err, path, "cannot be unpacked", "beyond byte ")
		}
	}
}

// TestEarlyStop proves that who stops reading leaves nothing running.
func TestEarlyStop(t *testing.T) {
	path := saveBytes(t, filepath.Join(t.TempDir(), "a.gz"), gzipBytes(t, strings.Repeat("line\n", 1<<20)))
	s := open(t, rdd.Options{"path": path}, lines{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil || len(splits) != 1 {
		t.Fatal(splits, err)
	}
	for f, err := range s.Read(t.Context(), splits[0], rdd.Projection{Columns: []string{"line"}, Rows: 1}) {
		if err != nil || f.Batch.NumRows() != 1 {
			t.Fatal(err)
		}
		break
	}
}

// TestChanged proves that a file that changes or shrinks after it was planned is
// an error, and that what is appended to it is not read.
func TestChanged(t *testing.T) {
	path := save(t, filepath.Join(t.TempDir(), "a.txt"), "one\ntwo")
	s := open(t, rdd.Options{"path": path}, lines{})
	splits, err := cutAll(s, rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	read := func() ([]text, error) {
		return readSplit(s, splits[0], rdd.Projection{Columns: []string{"line"}, Rows: 8})
	}
	save(t, path, "one\ntwo2\nthree\n")
	rows, err := read()
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "one", "two")
	save(t, path, "one\n")
	_, err = read()
	wantInvalid(t, err, path, "shrunk from 7 bytes to 4", "byte 0")
	save(t, path, "uno\ndos")
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err = read()
	wantInvalid(t, err, path, "has changed")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = read()
	wantInvalid(t, err, path, "no such file")
}

// TestResume proves that an offset goes on in another process, that files which
// come behind it are read and their partitions stay, and that files which were
// cut may not change.
func TestResume(t *testing.T) {
	root := t.TempDir()
	for _, n := range []string{"b", "d"} {
		save(t, filepath.Join(root, n+".txt"), strings.Repeat(n+"\n", 4))
	}
	o := rdd.Options{"path": root}
	_, first, err := open(t, o, lines{}).Cut(t.Context(), "", rdd.Size{Bytes: 8})
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(root, "c.txt"), "c\n")
	splits, next, err := open(t, o, lines{}).Cut(t.Context(), first, rdd.Size{})
	if !errors.Is(err, io.EOF) || len(splits) != 2 || splits[0].Name != filepath.Join(root, "c.txt") || splits[1].Partition != 2 {
		t.Fatalf("%v %s %v", splits, next, err)
	}
	if splits, same, err := open(t, o, lines{}).Cut(t.Context(), next, rdd.Size{}); !errors.Is(err, io.EOF) || len(splits) > 0 || same != next {
		t.Errorf("at the end: %v %s %v", splits, same, err)
	}
	save(t, filepath.Join(root, "a.txt"), "a\n")
	_, _, err = open(t, o, lines{}).Cut(t.Context(), first, rdd.Size{})
	wantInvalid(t, err, "changed since")
	for _, offset := range []rdd.Offset{"x", `{"file":-1}`, `{"file":9}`, `{"file":0,"at":99}`, `{"file":3,"at":1}`} {
		_, _, err = open(t, o, lines{}).Cut(t.Context(), offset, rdd.Size{})
		wantInvalid(t, err, "text")
	}
}

// TestSource proves what is said of paths that cannot be read.
func TestSource(t *testing.T) {
	root := t.TempDir()
	_, err := NewSource("text", rdd.Options{}, Env{}, lines{})
	wantInvalid(t, err, "path is empty")
	for path, words := range map[string]string{root: "no text files here", filepath.Join(root, "none"): "no such file or directory", os.DevNull: "not a regular file"} {
		_, err := open(t, rdd.Options{"path": path}, lines{}).Schema(t.Context())
		wantInvalid(t, err, path, words)
	}
	path := save(t, filepath.Join(root, "long.txt"), strings.Repeat("x", maxLine+1))
	_, err = open(t, rdd.Options{"path": path}, lines{}).Schema(t.Context())
	wantInvalid(t, err, path, "first line")
	whole := open(t, rdd.Options{"path": path}, lines{whole: true})
	splits, err := cutAll(whole, rdd.Size{Bytes: 1 << 20})
	if err != nil || len(splits) != 1 || splits[0].Bytes != maxLine+1 {
		t.Errorf("a format without lines is cut: %v %v", splits, err)
	}
}

// A column may hold the path of each row's file.
func TestFilename(t *testing.T) {
	root := t.TempDir()
	a, b := filepath.Join(root, "a.txt"), filepath.Join(root, "b.txt")
	save(t, a, "one\n")
	save(t, b, "two\n")
	rows, err := readAll(open(t, rdd.Options{"path": root, "filename": "from"}, lines{}), checked(t), rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, rows, "one|one|"+a, "two|two|"+b)
}

// The column of the path replaces no other, and takes no name that is not free.
func TestFilenameTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k=1", "a.txt")
	save(t, path, "one\n")
	root := filepath.Dir(filepath.Dir(path))
	for name, why := range map[string]string{"line": "has a column \"line\" already", "k": "has a column \"k\" already", "_file": "underscore"} {
		_, err := open(t, rdd.Options{"path": root, "filename": name}, lines{}).Schema(t.Context())
		wantInvalid(t, err, why)
	}
}

// asked is a format that counts how often it is asked for its columns.
type asked struct {
	lines
	times *int
}

func (a asked) Infer(ctx context.Context, heads []Head) (*arrow.Schema, error) {
	*a.times++
	return a.lines.Infer(ctx, heads)
}

// A format sees the heads of the files also where a run goes on whose columns are
// known: it may learn more from them than columns.
func TestHeadsAreSeen(t *testing.T) {
	root := t.TempDir()
	save(t, filepath.Join(root, "a.txt"), "one\n")
	known := arrow.NewSchema([]arrow.Field{{Name: "line", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	times := 0
	s, err := NewSource("text", rdd.Options{"path": []string{root}}, Env{Schema: known}, asked{times: &times})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	got, err := s.Schema(t.Context())
	if err != nil || times != 1 || !got.Equal(known) {
		t.Errorf("asked %d times, %v: %v", times, got, err)
	}
}
