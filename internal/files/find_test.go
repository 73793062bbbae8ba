package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFind proves which files a path means.
func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, p := range []string{"a.txt", "b/c.txt", "b/d/e.txt", "b/x.parq", "_SUCCESS", ".hidden.txt", "_tmp/f.txt", ".staging/g.txt"} {
		save(t, filepath.Join(root, p), "")
	}
	for _, c := range []struct{ path, want string }{
		{"", "a.txt b/c.txt b/d/e.txt b/x.parq"},
		{"b", "b/c.txt b/d/e.txt b/x.parq"},
		{"a.txt", "a.txt"},
		{".hidden.txt", ".hidden.txt"},
		{"*.txt", "a.txt"},
		{"**/*.txt", "a.txt b/c.txt b/d/e.txt"},
		{"b/**", "b/c.txt b/d/e.txt b/x.parq"},
		{"b/**/e.txt", "b/d/e.txt"},
		{"?/[cx].*", "b/c.txt b/x.parq"},
		{"b/{c,x}.*", "b/c.txt b/x.parq"},
		{"{a.txt,b/{x,y}.parq,none/*}", "a.txt b/x.parq"},
		{"{b,none}", "b/c.txt b/d/e.txt b/x.parq"},
		{"{a.txt,a.txt}", "a.txt"},
	} {
		files, err := new(Places).Find(t.Context(), []string{filepath.Join(root, c.path)}, "files")
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		var got []string
		for _, f := range files {
			rel, _ := filepath.Rel(root, f.Path)
			got = append(got, filepath.ToSlash(rel))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%q means %s, not %s", c.path, g, c.want)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if files, err := new(Places).Find(t.Context(), []string{link}, "files"); err != nil || len(files) != 4 || files[0].Path != filepath.Join(link, "a.txt") {
		t.Errorf("a link to a directory means %v, %v", files, err)
	}
	_, err := new(Places).Find(t.Context(), []string{filepath.Join(root, "b/[")}, "files")
	wantInvalid(t, err, "not a pattern")
	_, err = new(Places).Find(t.Context(), []string{filepath.Join(root, "{a,b")}, "files")
	wantInvalid(t, err, "not a pattern", "not closed")
	_, err = new(Places).Find(t.Context(), []string{root + strings.Repeat("{a,b}", 11)}, "files")
	wantInvalid(t, err, "more than 1024")
	_, err = new(Places).Find(t.Context(), []string{filepath.Join(root, "{x,y}.none")}, "text files")
	wantInvalid(t, err, "no text files here")
	_, err = new(Places).Find(t.Context(), []string{filepath.Join(root, "none", "*")}, "files")
	wantInvalid(t, err, "none/*", "no such file or directory")
	both, err := new(Places).Find(t.Context(), []string{root, filepath.Join(root, "a.txt")}, "files")
	if err != nil || len(both) != 4 {
		t.Errorf("a file named twice counts twice: %v %v", both, err)
	}
}
