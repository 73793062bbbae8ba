package floorplan

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Tree is the source of the module: every Go file, test files included, that
// is not in a module of its own, in a testdata folder or in a hidden one.
type Tree struct {
	Files []*File
	fset  *token.FileSet
}

// File is one parsed file.
type File struct {
	Path      string // from the root, with slashes
	Dir       string // its folder; "." for the root
	Test      bool
	Generated bool
	Lines     int
	syntax    *ast.File
}

// Load parses the tree below the root of fsys. A file that does not parse is an
// error that names it.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skip(fsys, name)
		case path.Ext(name) != ".go":
			return nil
		}
		return t.add(fsys, name)
	})
	return t, err
}

// skip says whether the walk leaves a folder out.
func skip(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	base := path.Base(dir)
	if base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (t *Tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	t.Files = append(t.Files, &File{
		Path:      name,
		Dir:       path.Dir(name),
		Test:      strings.HasSuffix(name, "_test.go"),
		Generated: ast.IsGenerated(syntax),
		Lines:     strings.Count(string(src), "\n"),
		syntax:    syntax,
	})
	return nil
}

// Imports returns the imports of packages of the module.
func (t *Tree) Imports() []Import {
	var out []Import
	for _, f := range t.Files {
		for _, s := range f.syntax.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				continue // the parser has checked it
			}
			dir, ok := strings.CutPrefix(p, Module+"/")
			if p == Module {
				dir, ok = ".", true
			}
			if ok {
				out = append(out, Import{File: f.Path, From: f.Dir, To: dir, Test: f.Test})
			}
		}
	}
	return out
}

// Rooms returns the folders that hold Go files, sorted.
func (t *Tree) Rooms() []string {
	var out []string
	for _, f := range t.Files {
		out = append(out, f.Dir)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
